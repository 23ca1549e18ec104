// A database file as the target of a copy. It is made under another name beside the place of the real one, and takes that name when it
// is verified: no server ever opens a half copy. A batch and the position behind it are one transaction.

import type { Database } from "bun:sqlite";
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Id } from "../../../domain/id.ts";
import type { CopyCollection, CopyRecords, CopyState, CopyTarget } from "../../../ports/copy.ts";
import { openConnection } from "../connection.ts";
import { prepareFiles } from "../files.ts";
import { migrateConnection, readStatus, requireUsable } from "../migrations.ts";
import type { SqlValues } from "../rows.ts";
import { SQLITE_COLLECTIONS } from "./collections.ts";
import { guarded, opening, readRecords } from "./side.ts";

/** `path`: where the store will be. Codes: `store_damaged`, `store_too_new`, `not_permitted`, `store_full`. */
export function openSqliteTarget(path: string): CopyTarget {
	const partial = path.replace(/\.db$/, "-incoming.db");
	let db: Database | undefined = existsSync(partial) ? openPartial(partial) : undefined;

	const opened = (): Database => {
		db ??= openPartial(partial);
		return db;
	};
	const close = (): void => {
		db?.close();
		db = undefined;
	};

	return {
		kind: "sqlite",
		location: path,
		read: (collection, after) => readRecords(opened(), partial, collection, after),
		// A store that was once made by a copy remembers it.
		state: async () => (db === undefined ? onExisting(path, readState) : readState(db)),
		async occupied() {
			// Whatever lies there under that name and knows of no copy is somebody else's.
			if (db !== undefined && readState(db) === undefined && hasRows(db)) return partial;
			return onExisting(path, (there) => holdsData(there, path)) === true ? path : undefined;
		},
		begin: async (state) =>
			guarded(partial, opened(), () => {
				opened().run("CREATE TABLE IF NOT EXISTS copy_state (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL) STRICT");
				saveState(opened(), state);
			}),
		clearAfter: async (collection, key) => guarded(partial, opened(), () => SQLITE_COLLECTIONS[collection].clearAfter(opened(), key ?? "")),
		write: async (collection, records, state) => guarded(partial, opened(), () => writeBatch(opened(), collection, records, state)),
		save: async (state) => guarded(partial, opened(), () => saveState(opened(), state)),
		settle: async () => guarded(partial, opened(), () => countMessages(opened())),
		messageCounts: () => readCounts(opened(), partial),
		async finish(state) {
			guarded(partial, opened(), () => saveState(opened(), state));
			// The last connection takes the write-ahead log in: from here on it is one file.
			close();
			opening(path, () => takePlace(partial, path));
		},
		close: async () => close(),
	};
}

function openPartial(partial: string): Database {
	prepareFiles(partial);
	return opening(partial, () => {
		const db = openConnection(partial, "write");
		try {
			migrateConnection(db, { path: partial });
			return db;
		} catch (error) {
			db.close();
			throw error;
		}
	});
}

function readState(db: Database): CopyState | undefined {
	if (db.query("SELECT 1 FROM sqlite_schema WHERE name = 'copy_state'").get() === null) return undefined;
	const row = db.query<{ state: string }, []>("SELECT state FROM copy_state").get();
	return row === null ? undefined : JSON.parse(row.state);
}

function saveState(db: Database, state: CopyState): void {
	db.query<never, [SqlValues]>(
		"INSERT INTO copy_state (id, state) VALUES (1, $state) ON CONFLICT (id) DO UPDATE SET state = excluded.state",
	).run({
		state: JSON.stringify(state),
	});
}

/** A database that a server or `init` has just made is as good as none. */
function holdsData(db: Database, path: string): boolean {
	const status = readStatus(db);
	requireUsable(status, path);
	return status.state !== "missing" && hasRows(db);
}

function hasRows(db: Database): boolean {
	return (
		db
			.query(
				`SELECT 1 WHERE EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM sessions) OR EXISTS (SELECT 1 FROM messages)
				OR EXISTS (SELECT 1 FROM invitations)`,
			)
			.get() !== null
	);
}

function onExisting<T>(path: string, look: (db: Database) => T): T | undefined {
	if (!existsSync(path)) return undefined;
	return opening(path, () => {
		const db = openConnection(path, "write");
		try {
			return look(db);
		} finally {
			db.close();
		}
	});
}

function writeBatch<C extends CopyCollection>(db: Database, collection: C, records: readonly CopyRecords[C][], state: CopyState): void {
	const { insert } = SQLITE_COLLECTIONS[collection];
	db.transaction(() => {
		for (const record of records) insert(db, record);
		saveState(db, state);
	})();
}

function countMessages(db: Database): void {
	db.run(
		`UPDATE sessions
		SET message_count = (SELECT count(*) FROM messages WHERE messages.session_id = sessions.id AND messages.in_force = 1)`,
	);
}

async function* readCounts(db: Database, path: string): AsyncGenerator<{ id: Id; count: number }> {
	const rows = db.query<{ id: Id; count: number }, []>("SELECT id, message_count AS count FROM sessions ORDER BY id").iterate();
	const iterator = rows[Symbol.iterator]();
	while (true) {
		const next = guarded(path, db, () => iterator.next());
		if (next.done) return;
		yield next.value;
	}
}

/** The empty database in its place goes first, with its log: SQLite would take that for the new one's. */
function takePlace(partial: string, path: string): void {
	for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true });
	renameSync(partial, path);
	const folder = openSync(dirname(path), "r");
	try {
		fsyncSync(folder);
	} finally {
		closeSync(folder);
	}
}
