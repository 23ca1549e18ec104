// The data folder and the database file on the disk: made with the right modes, checked to be writable. Nothing is ever deleted here.

import { accessSync, chmodSync, closeSync, constants, existsSync, mkdirSync, openSync, readdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { PocketError } from "../../domain/errors.ts";
import { notWritable } from "./errors.ts";

const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;
/** What a data folder may hold and still be ours to close: our files, backups, and what a freshly made file system brings. */
const OUR_NAMES = /^(pocketllm\b.*|signing-keys\b.*|backups|lost\+found)$/;

/**
 * Makes the folder (0700) and an empty database file (0600) when they are missing, and sees that both, and SQLite's files beside it, can
 * be written: SQLite itself would open a read-only file without a word, and fail at the first write. SQLite gives its `-wal` and `-shm` files the
 * mode of the database. Codes: `not_permitted`, `store_full`.
 */
export function prepareFiles(path: string): void {
	prepareFolder(dirname(path));
	makePrivateFile(path);
	for (const file of [path, `${path}-wal`, `${path}-shm`]) requireWritable(file);
}

/** Makes a missing folder with mode 0700, and takes others' rights from one that holds nothing but our files. Codes: `not_permitted`, `store_full`. */
export function prepareFolder(folder: string): void {
	try {
		if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER });
		else if (isOurs(folder)) chmodSync(folder, PRIVATE_FOLDER);
	} catch (error) {
		throw systemError(error, folder);
	}
	requireWritable(folder);
}

/**
 * Makes an empty file with mode 0600 when there is none, and takes others' rights from the one that is there. A file that is there is not
 * opened: closing it would drop every lock that SQLite holds on it in this process (POSIX; https://sqlite.org/howtocorrupt.html, section 2.2).
 */
export function makePrivateFile(path: string): void {
	try {
		if (!existsSync(path)) createEmpty(path);
		if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, PRIVATE_FILE);
	} catch (error) {
		throw systemError(error, path);
	}
}

function createEmpty(path: string): void {
	try {
		closeSync(openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, PRIVATE_FILE));
	} catch (error) {
		// Somebody else was faster.
		if (!existsSync(path)) throw error;
	}
}

function requireWritable(path: string): void {
	if (!existsSync(path)) return;
	try {
		// Asks the kernel, which knows of read-only file systems and immutable files too, also for root.
		accessSync(path, constants.R_OK | constants.W_OK);
	} catch (error) {
		throw notWritable(path, error);
	}
}

/** A folder that somebody else shares (`/tmp`, a home) keeps its mode: only one that is ours and empty, or holds only our files, is closed to others. */
function isOurs(folder: string): boolean {
	const { uid, mode } = statSync(folder);
	if ((mode & 0o077) === 0 || uid !== process.getuid?.()) return false;
	return readdirSync(folder).every((name) => OUR_NAMES.test(name));
}

function systemError(error: unknown, path: string): PocketError {
	const code = error instanceof Error && "code" in error ? error.code : undefined;
	if (code === "ENOSPC" || code === "EDQUOT") return new PocketError("store_full", { cause: error });
	if (code === "ENOTDIR" || code === "EISDIR") {
		const sentence = `${path} is not where a database can be: a file and a folder are mixed up there. Use another data folder.`;
		return new PocketError("not_permitted", { sentence, cause: error });
	}
	return notWritable(path, error);
}
