// Reading a database file for a copy, whichever side it is on.

import type { Database } from "bun:sqlite";
import type { Id } from "../../../domain/id.ts";
import type { CopyCollection, CopyRecords } from "../../../ports/copy.ts";
import { openError, runtimeError } from "../errors.ts";
import { SQLITE_COLLECTIONS } from "./collections.ts";

/** Failures told as those of a running store: `store_full`, `store_unavailable`. */
export function guarded<T>(path: string, db: Database | undefined, body: () => T): T {
	try {
		return body();
	} catch (error) {
		throw runtimeError(error, path, db);
	}
}

/** Failures told as those of an opening: with the file and the remedy. */
export function opening<T>(path: string, body: () => T): T {
	try {
		return body();
	} catch (error) {
		throw openError(error, path);
	}
}

export async function* readRecords<C extends CopyCollection>(
	db: Database,
	path: string,
	collection: C,
	after: Id | null,
): AsyncGenerator<CopyRecords[C]> {
	const records = SQLITE_COLLECTIONS[collection].read(db, after ?? "")[Symbol.iterator]();
	while (true) {
		const next = guarded(path, db, () => records.next());
		if (next.done) return;
		yield next.value;
	}
}
