// The one way in which writes reach the file: a group of them in one transaction (one fsync for all), each in a savepoint of its own, so
// that one that is refused takes nothing of the others with it. Used by the writer's thread and by the inline writer.

import type { Database } from "bun:sqlite";
import { type ErrorCode, PocketError } from "../../domain/errors.ts";
import { openConnection } from "./connection.ts";
import { isBusy, isEnvironment, runtimeError } from "./errors.ts";
import type { Reserve } from "./reserve.ts";
import type { WriteName, WriteRequest } from "./writes/table.ts";
import { runWrite } from "./writes.ts";

/** How long a write may wait for a lock that another process holds. */
export const BUSY_LIMIT_MS = 5_000;
/** Between two tries; each try also waits for SQLite's own busy timeout. */
export const BUSY_PAUSE_MS = 20;

/** An error as plain data, because error objects lose their members between threads. */
type Failure = { readonly code: ErrorCode | null; readonly sentence: string; readonly cause: string };
export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly failure: Failure };

export type Committer = {
	/** Commits a group; the outcomes stand in its order, and hold after this returns. `undefined`: the file is locked, nothing was done. */
	commit<N extends WriteName>(requests: readonly WriteRequest<N>[]): readonly Outcome[] | undefined;
	close(): void;
};

export type CommitterOptions = {
	readonly path: string;
	/** The room to fall back on when the disk is full; a server's writer has it. */
	readonly reserve?: Reserve;
	/** How a connection is opened; for tests. */
	readonly open?: () => Database;
};

/** Opens its connection at the first commit, and again after an error that leaves the old one in doubt. */
export function createCommitter({ path, reserve, open = () => openConnection(path, "write") }: CommitterOptions): Committer {
	let db: Database | undefined;

	function close(): void {
		db?.close();
		db = undefined;
	}

	/** Closes the connection too, unless the disk is just full. */
	function failed(error: unknown): Outcome {
		const cause = runtimeError(error, path, db);
		const isFull = cause instanceof PocketError && cause.code === "store_full";
		if (!isFull) close();
		return { ok: false, failure: toFailure(cause) };
	}

	/** One at a time after a group failed, so that a text that no longer fits does not take the small ones with it. */
	function commitOne<N extends WriteName>(request: WriteRequest<N>): Outcome {
		if (reserve?.refuses(request.name)) return fullOutcome();
		try {
			db ??= open();
			return runGroup(db, [request])[0] ?? failed(new Error("a write gave no outcome"));
		} catch (error) {
			return failed(error);
		}
	}

	return {
		commit(requests) {
			const isRefused = requests.some((request) => reserve?.refuses(request.name));
			if (isRefused) return requests.map(commitOne);
			try {
				db ??= open();
				return runGroup(db, requests);
			} catch (error) {
				if (isBusy(error)) return undefined;
				const outcome = failed(error);
				const mayFitNow = isFullOutcome(outcome) && reserve?.release() === true;
				return requests.length === 1 && !mayFitNow ? [outcome] : requests.map(commitOne);
			}
		},
		close,
	};
}

function runGroup<N extends WriteName>(db: Database, requests: readonly WriteRequest<N>[]): readonly Outcome[] {
	db.query("BEGIN IMMEDIATE").run();
	try {
		const outcomes = requests.map((request) => runInSavepoint(db, request));
		db.query("COMMIT").run();
		return outcomes;
	} catch (error) {
		// SQLite ends the transaction itself after some errors (https://sqlite.org/lang_transaction.html, section 3).
		if (db.inTransaction) db.query("ROLLBACK").run();
		throw error;
	}
}

function runInSavepoint<N extends WriteName>(db: Database, request: WriteRequest<N>): Outcome {
	db.query("SAVEPOINT one_write").run();
	try {
		const value = runWrite(db, request);
		db.query("RELEASE one_write").run();
		return { ok: true, value };
	} catch (error) {
		if (isEnvironment(error)) throw error;
		db.query("ROLLBACK TO one_write").run();
		db.query("RELEASE one_write").run();
		return { ok: false, failure: toFailure(error) };
	}
}

function fullOutcome(): Outcome {
	return { ok: false, failure: { code: "store_full", sentence: "", cause: "the disk is full, and the reserve is for what runs already" } };
}

function isFullOutcome(outcome: Outcome): boolean {
	return !outcome.ok && outcome.failure.code === "store_full";
}

/** What is told of writes that found the file locked for too long. */
export function lockedOutcome(): Outcome {
	return { ok: false, failure: { code: "store_unavailable", sentence: "", cause: `the database was locked for ${BUSY_LIMIT_MS} ms` } };
}

function toFailure(error: unknown): Failure {
	if (!(error instanceof PocketError)) return { code: null, sentence: "", cause: String(error) };
	const { sentence = "", cause } = error.details;
	return { code: error.code, sentence, cause: cause === undefined ? "" : String(cause) };
}

/** The error that a failure stands for. Without a code it is a defect of ours. */
export function toError({ code, sentence, cause }: Failure): Error {
	if (code === null) return new Error(`a write failed: ${cause}`);
	return new PocketError(code, { ...(sentence !== "" && { sentence }), ...(cause !== "" && { cause }) });
}
