// Opens the SQLite store: files, settings, schema gate, then reads on this thread and one writer, composed to the port's Store.

import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { PocketError } from "../../domain/errors.ts";
import type { Store } from "../../ports/store.ts";
import { openConnection } from "./connection.ts";
import { damaged, isBusy, openError } from "./errors.ts";
import { prepareFiles } from "./files.ts";
import { migrateConnection, readStatus, requireUsable } from "./migrations.ts";
import { createProgress } from "./progress.ts";
import { createRead, type Read } from "./reads/read.ts";
import { createReads } from "./reads.ts";
import { createInlineWriter, createWorkerWriter, type Writer } from "./writer.ts";

export type SqliteStoreOptions = {
	/** The database file; it and its folder are made when they are missing. */
	readonly path: string;
	/** `worker` for a server; `inline` for a command, also beside a running server. */
	readonly writer: "worker" | "inline";
	/** Brings an older schema up instead of refusing it. */
	readonly migrate?: boolean;
};

const OPEN_LIMIT_MS = 5_000;
const CHECK_LIMIT_MS = 2_000;
/** Takes a few milliseconds. */
const REMOVED_AT_ONCE = 500;
const FULL_CHECK_BYTES = 8 * 1024 * 1024;

/**
 * Opens the store. An empty or missing database is created. Nothing is deleted or rewritten when it refuses. Codes: `store_damaged`,
 * `store_too_old`, `store_too_new`, `not_permitted`, `store_full`, `store_unavailable`, each with a sentence that names the file.
 */
export async function createSqliteStore({ path, writer: form, migrate = false }: SqliteStoreOptions): Promise<Store> {
	prepareFiles(path);
	const db = await openWhenFree(path, migrate);
	const writer = form === "worker" ? createWorkerWriter({ path }) : createInlineWriter({ path });
	return composeStore({ db, writer, path });
}

/** Another process may create the schema, or close the file, at this very moment. */
async function openWhenFree(path: string, migrate: boolean): Promise<Database> {
	const deadline = performance.now() + OPEN_LIMIT_MS;
	while (true) {
		try {
			return openChecked(path, migrate);
		} catch (error) {
			if (!isBusy(error) || performance.now() > deadline) throw openError(error, path);
		}
		await Bun.sleep(20);
	}
}

function openChecked(path: string, migrate: boolean): Database {
	const db = openConnection(path, "read");
	try {
		const status = readStatus(db);
		if (status.state === "missing" || (status.state === "older" && migrate)) bringUp(path);
		else requireUsable(status, path);
		requireReadable(db, path);
		return db;
	} catch (error) {
		db.close();
		throw error;
	}
}

function bringUp(path: string): void {
	const db = openConnection(path, "write");
	try {
		migrateConnection(db, { path });
	} finally {
		db.close();
	}
}

/**
 * Finds damage now and not when a person meets it: the whole of a small database (3 ms for each MiB), of a large one the first and the last
 * page of what matters most, since reading all of it would delay the start by seconds.
 */
function requireReadable(db: Database, path: string): void {
	db.query("SELECT * FROM users ORDER BY seq LIMIT 1").get();
	db.query("SELECT * FROM users ORDER BY seq DESC LIMIT 1").get();
	db.query("SELECT * FROM sessions ORDER BY seq LIMIT 1").get();
	db.query("SELECT * FROM sessions ORDER BY seq DESC LIMIT 1").get();
	db.query("SELECT * FROM messages ORDER BY seq LIMIT 1").get();
	db.query("SELECT * FROM messages ORDER BY seq DESC LIMIT 1").get();
	db.query("SELECT * FROM totals").all();
	if (statSync(path).size > FULL_CHECK_BYTES) return;
	const check = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get();
	if (check?.quick_check !== "ok") throw damaged(path, check?.quick_check);
}

/** Joins reads and writer to a Store; apart from `createSqliteStore` so that a test can give its own writer. */
export function composeStore({ db, writer, path }: { readonly db: Database; readonly writer: Writer; readonly path: string }): Store {
	let closing: Promise<void> | undefined;

	const read = createRead({ db, path, isClosed: () => closing !== undefined });
	const { write } = writer;
	const progress = createProgress({ db, write });

	/** In steps between which others' writes get their turn. */
	async function removeRemains(): Promise<void> {
		while (await write("removeRemains", { limit: REMOVED_AT_ONCE })) {}
	}

	return {
		kind: "sqlite",
		...createReads({ db, read, textOf: progress.textOf }),
		createUser: (user) => write("createUser", user),
		createFirstAdmin: (user) => write("createFirstAdmin", user),
		updateUser: (id, change, now) => write("updateUser", { id, change, now }),
		setAdmin: (id, isAdmin, now) => write("setAdmin", { id, isAdmin, now }),
		setDisabled: (id, disabled, now) => write("setDisabled", { id, disabled, now }),
		async deleteUser(id) {
			await write("deleteUser", { id });
			await removeRemains();
		},
		lockOut: (id, now) => write("lockOut", { id, now }),
		createLogin: (login, refreshHash, verifiedHash) => write("createLogin", { login, refreshHash, verifiedHash }),
		replacePasswordHash: (userId, from, to) => write("replacePasswordHash", { userId, from, to }),
		changePassword: (change) => write("changePassword", change),
		rotateRefreshToken: (rotation) => write("rotateRefreshToken", rotation),
		revokeLogin: (id, now) => write("revokeLogin", { id, now }),
		revokeLogins: (userId, now, except) => write("revokeLogins", { userId, now, except: except ?? null }),
		touchLogin: (id, address, now) => write("touchLogin", { id, address, now }),
		setPassword: (userId, passwordHash, now) => write("setPassword", { userId, passwordHash, now }),
		createResetToken: (hash, userId, expiresAt) => write("createResetToken", { hash, userId, expiresAt }),
		resetPassword: (hash, passwordHash, now) => write("resetPassword", { hash, passwordHash, now }),
		async purgeLogins(before) {
			await write("purgeLogins", { before });
			await removeRemains();
		},
		createInvitation: (invitation, hash) => write("createInvitation", { invitation, hash }),
		deleteInvitation: (id) => write("deleteInvitation", { id }),
		createInvitedUser: (user, hash, now) => write("createInvitedUser", { user, hash, now }),
		createKey: (key, hash) => write("createKey", { key, hash }),
		touchKey: (id, now, notedBefore) => write("touchKey", { id, now, notedBefore }),
		deleteKey: (id, userId) => write("deleteKey", { id, userId }),
		deleteKeys: (userId) => write("deleteKeys", { userId }),
		purgeKeys: (before) => write("purgeKeys", { before }),
		createSession: (session) => write("createSession", session),
		updateSession: (id, userId, change, now) => write("updateSession", { id, userId, change, now }),
		deleteSession: (id, userId) => write("deleteSession", { id, userId }),
		beginTurn: (turn) => write("beginTurn", turn),
		saveProgress: progress.save,
		finishAnswer: progress.finish,
		appendMessage: (message) => write("appendMessage", message),
		clearMessages: (sessionId, userId, now) => write("clearMessages", { sessionId, userId, now }),
		appendAudit: (entry) => write("appendAudit", entry),
		purgeAudit: (before) => write("purgeAudit", { before }),
		async repairInterrupted(now) {
			// Most starts find nothing to repair, and then need no writer.
			if (await read(() => db.query("SELECT 1 FROM removals LIMIT 1").get() !== null)) await removeRemains();
			const isNeeded = await read(() => db.query("SELECT 1 FROM messages WHERE status = 'streaming' LIMIT 1").get() !== null);
			return isNeeded ? write("repairInterrupted", { now }) : 0;
		},
		check: createCheck({ db, read, writer }),
		close() {
			closing ??= writer.close().finally(() => db.close());
			return closing;
		},
	};
}

/** A read and a durable write within 2 s; calls at the same time share one. */
function createCheck({ db, read, writer }: { readonly db: Database; readonly read: Read; readonly writer: Writer }): () => Promise<void> {
	let running: Promise<void> | undefined;

	async function check(): Promise<void> {
		const late = Promise.withResolvers<never>();
		const timer = setTimeout(() => late.reject(new PocketError("store_unavailable", { cause: "the check took too long" })), CHECK_LIMIT_MS);
		const tries = Promise.all([read(() => db.query("SELECT beats FROM heartbeat").get()), writer.write("beat", undefined)]);
		try {
			await Promise.race([tries, late.promise]);
		} finally {
			clearTimeout(timer);
		}
	}

	return () => {
		running ??= check().finally(() => {
			running = undefined;
		});
		return running;
	};
}
