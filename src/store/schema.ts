// What `migrate` does, for each kind of store: which version there is, and the steps that bring it to this program's.

import { join } from "node:path";
import { databasePath, type StorePlace } from "./index.ts";

export type SchemaReport = {
	readonly kind: StorePlace["kind"];
	/** The file, or servers and database; never who signs in. */
	readonly location: string;
	readonly current: number;
	readonly latest: number;
	readonly pending: readonly { readonly version: number; readonly name: string }[];
};

/**
 * Which version the store has, and what is to be done. Codes: `store_too_new`, `store_damaged`, `not_permitted`, `store_unavailable`,
 * `already_exists` (an index is in the way).
 */
export async function readSchema(place: StorePlace): Promise<SchemaReport> {
	if (place.kind === "mongodb") return readMongo(place);
	const { requireUsable, schemaStatus } = await import("./sqlite/migrations.ts");
	const location = databasePath(place.dataDir);
	const status = schemaStatus(location);
	if (status.state !== "older") requireUsable(status, location);
	return {
		kind: "sqlite",
		location,
		current: status.found,
		latest: status.current,
		pending: status.pending.map(({ version, name }) => ({ version, name })),
	};
}

async function readMongo(place: Extract<StorePlace, { kind: "mongodb" }>): Promise<SchemaReport> {
	const { connect } = await import("./mongo/connection.ts");
	const { readSchema: read } = await import("./mongo/migrations.ts");
	const connection = await connect(place);
	try {
		const { found, current, pending } = await connection.access.operate(() => read(connection));
		return { kind: "mongodb", location: connection.location, current: found, latest: current, pending };
	} finally {
		await connection.close();
	}
}

export type BringUpOptions = {
	/** Told of each step before it is done. */
	readonly onStep: (line: string) => void;
};

/**
 * Brings the store to this version, after a backup where it is a file; gives the backup's path. May be repeated after a crash. Codes:
 * `store_locked` while a server holds the data folder, `store_too_new`, `store_damaged`, `store_full`, `not_permitted`, `already_exists`.
 */
export async function bringUp(place: StorePlace, { onStep }: BringUpOptions): Promise<string | null> {
	return place.kind === "mongodb" ? bringUpMongo(place, onStep) : bringUpSqlite(place.dataDir, onStep);
}

async function bringUpMongo(place: Extract<StorePlace, { kind: "mongodb" }>, onStep: (line: string) => void): Promise<null> {
	const { connect } = await import("./mongo/connection.ts");
	const { bringUp: run } = await import("./mongo/migrations.ts");
	const connection = await connect(place);
	try {
		await connection.access.operate(() => run(connection, { migrate: true, onStep: (version, name) => onStep(`${version}: ${name}`) }));
		return null;
	} finally {
		await connection.close();
	}
}

async function bringUpSqlite(dataDir: string, onStep: (line: string) => void): Promise<string | null> {
	const { migrate, requireUsable, schemaStatus } = await import("./sqlite/migrations.ts");
	const { lockDataFolder } = await import("./sqlite/lock.ts");
	const path = databasePath(dataDir);
	const before = schemaStatus(path);
	if (before.state !== "older") requireUsable(before, path);
	const lock = lockDataFolder(dataDir);
	try {
		const backup = before.state === "older" ? await backUp(dataDir, `before-migration-${before.found}-to-${before.current}`) : null;
		if (backup !== null) onStep(`backed up to ${backup}`);
		migrate({ path, onStep: ({ version, name }) => onStep(`${version}: ${name}`) });
		return backup;
	} finally {
		lock.release();
	}
}

async function backUp(dataDir: string, label: string): Promise<string> {
	const { backupSqlite } = await import("./sqlite/backup.ts");
	const moment = new Date().toISOString().replace(/[:.]/g, "-");
	const to = join(dataDir, "backups", `${label}-${moment}.db`);
	await backupSqlite({ path: databasePath(dataDir), to });
	return to;
}
