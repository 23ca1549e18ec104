// One connection to the database file, with every pragma that matters set and read back. Who uses it for what stands in reads.ts,
// writer.ts and migrations.ts.

import { Database } from "bun:sqlite";
import { PocketError } from "../../domain/errors.ts";

/** All statements of this driver stay prepared: `db.query` keeps this many, and `db.close()` finalizes them. */
Database.MAX_QUERY_CACHE_SIZE = 200;

/**
 * 3.51.3 mends the WAL-reset bug (https://sqlite.org/wal.html#walresetbug), by which two connections that write or checkpoint at the
 * same moment can lose a commit. Bun carries its own SQLite on Linux and Windows. On macOS it uses the one Apple ships with the system;
 * there the floor is what our SQL needs (`octet_length`, 3.43), and writes beside a running server are rare.
 */
const OLDEST_SQLITE: readonly [number, number, number] = process.platform === "darwin" ? [3, 43, 0] : [3, 51, 3];

export type ConnectionUse =
	/** `query_only`, on the thread that serves requests: hardly waits for a lock, because waiting stops every stream. */
	| "read"
	/** The writer's: may wait for a moment. */
	| "write";

const BUSY_TIMEOUT_MS: Readonly<Record<ConnectionUse, number>> = { read: 10, write: 50 };

/**
 * Opens the file, which must exist, and asserts the settings. Throws SQLite's own errors (openError gives them a sentence), and
 * PocketError `store_unavailable` when a setting does not hold.
 */
export function openConnection(path: string, use: ConnectionUse): Database {
	const db = new Database(path, { readwrite: true, create: false, strict: true });
	try {
		db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS[use]}`);
		db.run("PRAGMA journal_mode = WAL");
		db.run("PRAGMA synchronous = FULL");
		db.run("PRAGMA foreign_keys = ON");
		// Views and triggers may call nothing with side effects, whatever somebody wrote into the file.
		db.run("PRAGMA trusted_schema = OFF");
		if (use === "read") db.run("PRAGMA query_only = ON");
		assertSettings(db, use);
		return db;
	} catch (error) {
		db.close();
		throw error;
	}
}

type Settings = {
	journal_mode: string;
	synchronous: number;
	foreign_keys: number;
	query_only: number;
	sqlite_version: string;
};

/** The settings in force on a connection. (Pragmas as table-valued functions: https://sqlite.org/pragma.html#pragfunc.) */
export function readSettings(db: Database): Settings {
	const row = db
		.query<Settings, []>(
			`SELECT journal_mode, synchronous, foreign_keys, query_only, sqlite_version() AS sqlite_version
			FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys, pragma_query_only`,
		)
		.get();
	if (row === null) throw new PocketError("store_unavailable");
	return row;
}

function assertSettings(db: Database, use: ConnectionUse): void {
	const found = readSettings(db);
	const wanted = { ...found, journal_mode: "wal", synchronous: 2, foreign_keys: 1, query_only: use === "read" ? 1 : 0 };
	if (JSON.stringify(found) !== JSON.stringify(wanted)) {
		throw new PocketError("store_unavailable", {
			sentence: `SQLite cannot keep data safely here: its settings are ${JSON.stringify(found)}. Put the data folder on a local disk.`,
		});
	}
	if (isOlder(found.sqlite_version)) {
		throw new PocketError("store_unavailable", {
			sentence: `SQLite ${found.sqlite_version} is too old: at least ${OLDEST_SQLITE.join(".")} is needed.`,
		});
	}
}

function isOlder(version: string): boolean {
	const parts = version.split(".").map(Number);
	for (const [place, oldest] of OLDEST_SQLITE.entries()) {
		const part = parts[place] ?? 0;
		if (part !== oldest) return part < oldest;
	}
	return false;
}
