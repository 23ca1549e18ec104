// The version of what lies in the database, so that an older program never writes into what a newer one made.

import { PocketError } from "../../domain/errors.ts";
import type { Access } from "./access.ts";
import { duplicateIndex } from "./errors.ts";

/** Grows when documents change in a way that an older program would spoil. */
const SCHEMA_VERSION = 1;

/** Codes: `store_too_new`, with both versions named. */
export async function requireKnownSchema({ step, state }: Access): Promise<void> {
	const found = await step(() => state.findOne({ _id: "schema" }));
	const version = found?.version ?? 0;
	if (version <= SCHEMA_VERSION) return;
	throw new PocketError("store_too_new", {
		sentence: `The database was written by a newer pocketllm (version ${version}; this one knows ${SCHEMA_VERSION}). Nothing was changed. Use that pocketllm, or restore a backup.`,
	});
}

export async function noteSchema({ step, state }: Access): Promise<void> {
	await step(async () => {
		try {
			await state.updateOne({ _id: "schema" }, { $max: { version: SCHEMA_VERSION } }, { upsert: true });
		} catch (error) {
			// Another process noted it at the same moment.
			if (duplicateIndex(error) === undefined) throw error;
		}
	});
}
