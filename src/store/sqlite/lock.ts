// One server for each data folder. The lock is an open transaction on a small database of its own: the kernel drops it with the process,
// however that ends, so there is no stale lock to clean up. Commands that may run beside a server do not take it.

import { Database } from "bun:sqlite";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PocketError } from "../../domain/errors.ts";
import { isBusy, openError } from "./errors.ts";
import { makePrivateFile, prepareFolder } from "./files.ts";

export type DataFolderLock = {
	/** Lets go; the process's end does too. */
	release(): void;
};

/** Bun closes a database that nobody refers to any more, and a lock must not end because its owner forgot the handle. */
const held = new Set<Database>();

/**
 * Takes the folder for this process, making it when it is missing. Take it after `process.execve`: the files close on exec, and the lock with them.
 * Codes: `store_locked` with the holder's pid in its sentence, `not_permitted`, `store_full`.
 */
export function lockDataFolder(folder: string): DataFolderLock {
	prepareFolder(folder);
	const path = join(folder, "pocketllm.lock");
	const pidPath = join(folder, "pocketllm.pid");
	makePrivateFile(path);
	const db = takeLock(path, folder, pidPath);
	try {
		makePrivateFile(pidPath);
		writeFileSync(pidPath, `${process.pid}\n`);
	} catch {
		// The pid is for people only, and a full disk must not keep the server from starting: the lock is what counts.
	}
	held.add(db);
	return {
		release() {
			if (!held.delete(db)) return;
			// Before the lock goes, so that nobody's new pid is taken away.
			rmSync(pidPath, { force: true });
			db.close();
		},
	};
}

function takeLock(path: string, folder: string, pidPath: string): Database {
	let db: Database | undefined;
	try {
		db = new Database(path, { readwrite: true, create: false, strict: true });
		// The old holder may just be closing.
		db.run("PRAGMA busy_timeout = 250");
		db.run("BEGIN EXCLUSIVE");
		return db;
	} catch (error) {
		db?.close();
		if (!isBusy(error)) throw openError(error, path);
		const pid = readPid(pidPath);
		const holder = pid === undefined ? "Another pocketllm" : `Another pocketllm (process ${pid})`;
		throw new PocketError("store_locked", {
			sentence: `${holder} uses the data folder ${folder}. Stop it first, or use another folder with --data-dir.`,
			...(pid !== undefined && { extra: { pid } }),
		});
	}
}

/** The pid that the holder wrote; `undefined` when it has not yet. */
function readPid(pidPath: string): number | undefined {
	try {
		const pid = Number.parseInt(readFileSync(pidPath, "utf8"), 10);
		return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
	} catch {
		return undefined;
	}
}
