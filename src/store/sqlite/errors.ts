// What SQLite's result codes (https://sqlite.org/rescode.html) mean to a person, as PocketErrors. No SQL here.

import { constants, type Database } from "bun:sqlite";
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { PocketError } from "../../domain/errors.ts";

// Primary result codes; the extended ones carry them in their lowest byte.
const PERM = 3;
const BUSY = 5;
const LOCKED = 6;
const NOMEM = 7;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const PROTOCOL = 15;
const NOTADB = 26;

// errno of the last failed system call: no space, and quota used up.
const ENOSPC = 28;
const EDQUOT = 122;

const ENVIRONMENT_CODES = new Set([PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB]);

/** SQLite's primary result code of an error; `undefined` when SQLite did not throw it. (`instanceof SQLiteError` does not hold for all of them in Bun 1.4.) */
function sqliteCode(error: unknown): number | undefined {
	if (!(error instanceof Error) || error.name !== "SQLiteError") return undefined;
	return "errno" in error && typeof error.errno === "number" ? error.errno & 0xff : undefined;
}

/** Somebody else holds the lock; worth another try. */
export function isBusy(error: unknown): boolean {
	const code = sqliteCode(error);
	return code === BUSY || code === LOCKED || code === PROTOCOL;
}

/** The disk, the file or the memory is at fault, not the statement: everything in the transaction is void. */
export function isEnvironment(error: unknown): boolean {
	const code = sqliteCode(error);
	return code !== undefined && ENVIRONMENT_CODES.has(code);
}

/**
 * A failure of a running store as a PocketError: `store_full` or `store_unavailable`. What is no such failure is given back as it is.
 * A full disk shows as SQLITE_FULL from a write, but as SQLITE_IOERR_SHMSIZE from the shared-memory file and as SQLITE_IOERR_WRITE
 * when a quota is used up; so the errno and the file system are asked too.
 */
export function runtimeError(error: unknown, path: string, db?: Database): unknown {
	const code = sqliteCode(error);
	if (code === undefined || !ENVIRONMENT_CODES.has(code)) return error;
	if (code === FULL) return new PocketError("store_full", { cause: error });
	if (code === IOERR && (isSpaceErrno(db) || hasNoSpace(path))) return new PocketError("store_full", { cause: error });
	return new PocketError("store_unavailable", { cause: error });
}

/** A failure to open the database, with a sentence that names the file and the remedy: `store_damaged`, `not_permitted`, `store_full`, `store_unavailable`. */
export function openError(error: unknown, path: string): unknown {
	const code = sqliteCode(error);
	if (code === CORRUPT || code === NOTADB) return damaged(path, error);
	if (code === READONLY || code === PERM || code === CANTOPEN) return notWritable(path, error);
	return runtimeError(error, path);
}

export function damaged(path: string, cause?: unknown): PocketError {
	return new PocketError("store_damaged", {
		sentence: `The database ${path} is damaged or is no SQLite database. Nothing was changed. Move it away and put the newest backup in its place.`,
		cause,
	});
}

export function notWritable(path: string, cause?: unknown): PocketError {
	return new PocketError("not_permitted", {
		sentence: `${path} cannot be written. Make it writable for the user that runs pocketllm (chown, chmod, or remount a read-only disk), or use another data folder.`,
		cause,
	});
}

function isSpaceErrno(db: Database | undefined): boolean {
	if (db === undefined) return false;
	// Bun wants a buffer of at least eight bytes; SQLite writes four.
	const errno = new Int32Array(2);
	try {
		db.fileControl(constants.SQLITE_FCNTL_LAST_ERRNO, errno);
	} catch {
		return false;
	}
	return errno[0] === ENOSPC || errno[0] === EDQUOT;
}

function hasNoSpace(path: string): boolean {
	try {
		const { bavail, bsize } = statfsSync(dirname(path));
		return bavail * bsize < 64 * 1024;
	} catch {
		return false;
	}
}
