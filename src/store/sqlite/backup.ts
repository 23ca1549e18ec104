// A copy of the database, made while a server runs and writes. Only a copy that passed its integrity check ever has the wanted name.

import { Database } from "bun:sqlite";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { PocketError } from "../../domain/errors.ts";
import { openConnection } from "./connection.ts";
import { isBusy, openError } from "./errors.ts";
import { makePrivateFile, prepareFolder } from "./files.ts";

export type BackupOptions = {
	/** The database file. */
	readonly path: string;
	/** The copy; its folder is made when it is missing. */
	readonly to: string;
};

const BUSY_LIMIT_MS = 5_000;

/**
 * Copies the database to a new file with mode 0600: one snapshot, which holds everything acknowledged before the call (VACUUM INTO,
 * https://sqlite.org/lang_vacuum.html#vacuuminto). Blocks its thread while it copies: for a command, not for a server's main thread.
 * Codes: `already_exists`, `not_found`, `not_permitted`, `store_damaged`, `store_full`, `store_unavailable`.
 */
export async function backupSqlite({ path, to }: BackupOptions): Promise<void> {
	if (!existsSync(path)) throw new PocketError("not_found", { sentence: `There is no database at ${path}.` });
	if (existsSync(to)) throw alreadyThere(to);
	prepareFolder(dirname(to));
	// In the same folder, so that giving it its name is one step; private before the first byte is written.
	const partial = `${to}.${randomBytes(6).toString("hex")}.partial`;
	try {
		makePrivateFile(partial);
		await copyWhenFree(path, partial);
		requireIntact(partial);
		syncToDisk(partial);
		renameSync(partial, to);
		syncToDisk(dirname(to));
	} finally {
		// Ours alone: the name is random.
		rmSync(partial, { force: true });
		rmSync(`${partial}-journal`, { force: true });
	}
}

async function copyWhenFree(path: string, partial: string): Promise<void> {
	const deadline = performance.now() + BUSY_LIMIT_MS;
	while (true) {
		try {
			copy(path, partial);
			return;
		} catch (error) {
			if (!isBusy(error) || performance.now() > deadline) throw openError(error, path);
		}
		await Bun.sleep(50);
	}
}

function copy(path: string, partial: string): void {
	// Not a reading one: `query_only` forbids VACUUM INTO too.
	const db = openConnection(path, "write");
	try {
		db.query<never, [{ partial: string }]>("VACUUM INTO $partial").run({ partial });
	} finally {
		db.close();
	}
}

function requireIntact(partial: string): void {
	const db = new Database(partial, { readonly: true, strict: true });
	try {
		const row = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check(1)").get();
		if (row?.integrity_check !== "ok") {
			throw new PocketError("store_damaged", {
				sentence:
					"The copy did not pass its integrity check, so no backup was made. The database itself may be damaged: keep older backups.",
				cause: row?.integrity_check,
			});
		}
	} catch (error) {
		throw openError(error, partial);
	} finally {
		db.close();
	}
}

/** VACUUM INTO does not wait for the disk. */
function syncToDisk(path: string): void {
	const handle = openSync(path, "r");
	try {
		fsyncSync(handle);
	} finally {
		closeSync(handle);
	}
}

function alreadyThere(to: string): PocketError {
	return new PocketError("already_exists", { sentence: `${to} is there already; a backup never replaces a file. Give another name.` });
}
