// The database file as the source of a copy. It is read and nothing else; its caller holds the data folder, so no server writes to it
// meanwhile: what it wrote after its row was read would be missing in the copy, and nobody would know.

import { existsSync, realpathSync } from "node:fs";
import { PocketError } from "../../../domain/errors.ts";
import type { CopySource } from "../../../ports/copy.ts";
import { openConnection } from "../connection.ts";
import { readStatus, requireUsable } from "../migrations.ts";
import { opening, readRecords } from "./side.ts";

/** Codes: `not_found` (no database there), `store_too_old`, `store_too_new`, `store_damaged`, `not_permitted`. */
export function openSqliteSource(path: string): CopySource {
	const missing = new PocketError("not_found", {
		sentence: `There is no database at ${path} that could be copied. Name its folder with --data-dir.`,
	});
	if (!existsSync(path)) throw missing;
	const db = opening(path, () => openConnection(path, "read"));
	try {
		const status = opening(path, () => readStatus(db));
		if (status.state === "missing") throw missing;
		requireUsable(status, path);
	} catch (error) {
		db.close();
		throw error;
	}
	return {
		kind: "sqlite",
		location: path,
		identity: `sqlite:${realpathSync(path)}`,
		read: (collection, after) => readRecords(db, path, collection, after),
		// Everything that stands in the file has its place everywhere.
		inspect: (collection) => readRecords(db, path, collection, null),
		close: async () => db.close(),
	};
}
