// How every read runs: on this thread's own connection, in one snapshot, without ever waiting for a lock on the thread itself.

import type { Database } from "bun:sqlite";
import { PocketError } from "../../../domain/errors.ts";
import { isBusy, runtimeError } from "../errors.ts";

/** Runs a read in one snapshot. Codes: `store_unavailable`. */
export type Read = <T>(body: () => T) => Promise<T>;

type ReadDeps = { readonly db: Database; readonly path: string; readonly isClosed: () => boolean };

const BUSY_LIMIT_MS = 5_000;
const BUSY_PAUSE_MS = 10;

/**
 * In WAL mode a reader waits for nobody, except for moments in which another process recovers or closes the file; those are waited for
 * between two tries and not inside SQLite, where every stream would wait too.
 */
export function createRead({ db, path, isClosed }: ReadDeps): Read {
	const inSnapshot = <T>(body: () => T): T => {
		db.query("BEGIN").run();
		try {
			return body();
		} finally {
			db.query("COMMIT").run();
		}
	};
	return async (body) => {
		const deadline = performance.now() + BUSY_LIMIT_MS;
		while (true) {
			if (isClosed()) throw new PocketError("store_unavailable", { cause: "the store is closed" });
			try {
				return inSnapshot(body);
			} catch (error) {
				if (!isBusy(error) || performance.now() > deadline) throw runtimeError(error, path, db);
			}
			await Bun.sleep(BUSY_PAUSE_MS);
		}
	};
}
