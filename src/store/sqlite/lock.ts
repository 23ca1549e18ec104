// One server for each data folder. The lock is an open transaction on a small database of its own: the kernel drops it with the process,
// however that ends, so there is no stale lock to clean up. Commands that may run beside a server do not take it.

import { Database } from "bun:sqlite";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PocketError } from "../../domain/errors.ts";
import { isBusy, openError } from "./errors.ts";
import { makePrivateFile, prepareFolder } from "./files.ts";

export type DataFolderLock = {
	/** Lets commands beside it know where this process listens. */
	noteAddress(address: string): void;
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
	const { path, pidPath, addressPath } = pathsIn(folder);
	makePrivateFile(path);
	const db = takeLock(folder);
	// One that ended without a word left its own.
	rmSync(addressPath, { force: true });
	tell(pidPath, `${process.pid}`);
	held.add(db);
	return {
		noteAddress: (address) => tell(addressPath, address),
		release() {
			if (!held.delete(db)) return;
			// Before the lock goes, so that nobody's new pid is taken away.
			rmSync(pidPath, { force: true });
			rmSync(addressPath, { force: true });
			db.close();
		},
	};
}

export type Holder = {
	/** `undefined` when it has not written it yet, as the address before it listens. */
	readonly pid: number | undefined;
	readonly address: string | undefined;
};

/** Who holds the folder, if anybody. Takes nothing and does not wait. */
export function findHolder(folder: string): Holder | undefined {
	const { path } = pathsIn(folder);
	if (!existsSync(path)) return undefined;
	let db: Database | undefined;
	try {
		db = new Database(path, { readwrite: true, create: false, strict: true });
		db.run("BEGIN EXCLUSIVE");
		return undefined;
	} catch (error) {
		if (!isBusy(error)) throw openError(error, path);
		return readHolder(folder);
	} finally {
		db?.close();
	}
}

function pathsIn(folder: string) {
	const place = (name: string) => join(folder, `pocketllm.${name}`);
	return { path: place("lock"), pidPath: place("pid"), addressPath: place("address") };
}

/** For people and commands only: a full disk must not keep the server from starting, the lock is what counts. */
function tell(path: string, text: string): void {
	try {
		makePrivateFile(path);
		writeFileSync(path, `${text}\n`);
	} catch {
		// It is not known then.
	}
}

function takeLock(folder: string): Database {
	const { path } = pathsIn(folder);
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
		const { pid } = readHolder(folder);
		const holder = pid === undefined ? "Another pocketllm" : `Another pocketllm (process ${pid})`;
		throw new PocketError("store_locked", {
			sentence: `${holder} uses the data folder ${folder}. Stop it first, or use another folder with --data-dir.`,
		});
	}
}

function readHolder(folder: string): Holder {
	const { pidPath, addressPath } = pathsIn(folder);
	const pid = Number.parseInt(readLine(pidPath), 10);
	return { pid: Number.isSafeInteger(pid) && pid > 0 ? pid : undefined, address: readLine(addressPath) || undefined };
}

/** Empty when it is not there. */
function readLine(path: string): string {
	try {
		return readFileSync(path, "utf8").trim();
	} catch {
		return "";
	}
}
