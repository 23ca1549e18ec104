// The schema gate: which version a database file has, whether this program may use it, and the steps that bring an older one up.
// Each step is one file of SQL and one transaction; a step that was released is never changed, a new one is added.

import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { PocketError } from "../../domain/errors.ts";
import { openConnection } from "./connection.ts";
import { openError } from "./errors.ts";
import { prepareFiles } from "./files.ts";
import first from "./schema/0001.sql" with { type: "text" };
import second from "./schema/0002.sql" with { type: "text" };
import third from "./schema/0003.sql" with { type: "text" };
import fourth from "./schema/0004.sql" with { type: "text" };

export type Step = { readonly version: number; readonly name: string; readonly sql: string };

/** In order; `version` is what PRAGMA user_version says after the step. */
export const STEPS: readonly Step[] = [
	{ version: 1, name: "the first schema", sql: first },
	{ version: 2, name: "personal keys and the audit trail", sql: second },
	{ version: 3, name: "invitations, and where logins are used from", sql: third },
	{ version: 4, name: "the text of running answers in one row for each save", sql: fourth },
];

/** "PKLM": says that the file is ours (https://sqlite.org/pragma.html#pragma_application_id). */
const APPLICATION_ID = 0x504b4c4d;

export type SchemaStatus = {
	/** `missing`: no file, or an empty one. `foreign`: a database of another program. */
	readonly state: "missing" | "current" | "older" | "newer" | "foreign";
	/** The version in the file, and the one this program writes. */
	readonly found: number;
	readonly current: number;
	/** What `migrate` would do. */
	readonly pending: readonly Step[];
};

export type MigrateOptions = {
	readonly path: string;
	/** Called before each step. */
	readonly onStep?: (step: Step) => void;
	/** Runs every step, then takes all of it back. */
	readonly dryRun?: boolean;
	/** Other steps than the program's own; for tests. */
	readonly steps?: readonly Step[];
};

/** The state of a database file; does not create one. Codes: `store_damaged`, `not_permitted`, `store_unavailable`. */
export function schemaStatus(path: string): SchemaStatus {
	if (!existsSync(path)) return statusOf("missing", 0, STEPS);
	return withConnection(path, (db) => readStatus(db));
}

/** Reads the status from an open connection. */
export function readStatus(db: Database, steps: readonly Step[] = STEPS): SchemaStatus {
	const row = db
		.query<{ version: number; application: number; tables: number }, []>(
			`SELECT user_version AS version, application_id AS application, (SELECT count(*) FROM sqlite_schema) AS tables
			FROM pragma_user_version, pragma_application_id`,
		)
		.get();
	if (row === null) throw new PocketError("store_unavailable");
	if (row.tables === 0 && row.version === 0) return statusOf("missing", 0, steps);
	const current = newest(steps);
	// Asked first: who knows how a later program marks its files.
	if (row.version > current) return statusOf("newer", row.version, steps);
	if (row.application !== APPLICATION_ID) return statusOf("foreign", row.version, steps);
	return statusOf(row.version === current ? "current" : "older", row.version, steps);
}

/**
 * Lets only a database of this version through; otherwise `store_too_old` or `store_too_new` with both versions in the sentence,
 * or `store_damaged` for a file of another program. A missing schema is fine here: its maker comes next.
 */
export function requireUsable(status: SchemaStatus, path: string): void {
	const versions = `${path} has schema version ${status.found}, this pocketllm uses ${status.current}.`;
	if (status.state === "newer")
		throw new PocketError("store_too_new", { sentence: `${versions} Use a newer pocketllm, or restore an older backup.` });
	if (status.state === "older")
		throw new PocketError("store_too_old", { sentence: `${versions} Run pocketllm migrate, or start with serve --migrate.` });
	if (status.state === "foreign") {
		throw new PocketError("store_damaged", {
			sentence: `${path} is a database of another program. Nothing was changed. Move it away, or use another data folder.`,
		});
	}
}

/** Brings a database to this version, creating it when it is missing. Gives the steps that were run. Codes as `schemaStatus`, `store_too_new`, `store_full`. */
export function migrate(options: MigrateOptions): readonly Step[] {
	prepareFiles(options.path);
	return withConnection(options.path, (db) => migrateConnection(db, options));
}

/** As `migrate`, on an open connection. */
export function migrateConnection(db: Database, options: MigrateOptions): readonly Step[] {
	const steps = options.steps ?? STEPS;
	const status = readStatus(db, steps);
	if (status.state === "newer" || status.state === "foreign") requireUsable(status, options.path);
	if (options.dryRun === true) return rehearse(db, status.pending, options.onStep);
	return status.pending.filter((step) => {
		options.onStep?.(step);
		return inTransaction(db, () => runStep(db, step));
	});
}

function rehearse(db: Database, steps: readonly Step[], onStep: MigrateOptions["onStep"]): readonly Step[] {
	db.run("BEGIN IMMEDIATE");
	try {
		for (const step of steps) {
			onStep?.(step);
			runStep(db, step);
		}
	} finally {
		db.run("ROLLBACK");
	}
	return steps;
}

/** `false` when another process was faster. */
function runStep(db: Database, step: Step): boolean {
	const found = db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
	if (found >= step.version) return false;
	db.run(step.sql);
	db.run(`PRAGMA application_id = ${APPLICATION_ID}`);
	db.run(`PRAGMA user_version = ${step.version}`);
	return true;
}

function inTransaction<T>(db: Database, body: () => T): T {
	db.run("BEGIN IMMEDIATE");
	try {
		const result = body();
		db.run("COMMIT");
		return result;
	} catch (error) {
		if (db.inTransaction) db.run("ROLLBACK");
		throw error;
	}
}

function withConnection<T>(path: string, use: (db: Database) => T): T {
	let db: Database | undefined;
	try {
		db = openConnection(path, "write");
		return use(db);
	} catch (error) {
		throw openError(error, path);
	} finally {
		db?.close();
	}
}

function newest(steps: readonly Step[]): number {
	return steps.at(-1)?.version ?? 0;
}

function statusOf(state: SchemaStatus["state"], found: number, steps: readonly Step[]): SchemaStatus {
	return { state, found, current: newest(steps), pending: steps.filter((step) => step.version > found) };
}
