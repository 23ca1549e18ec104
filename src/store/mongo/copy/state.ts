// What a database remembers of a copy that was made into it, or is being made. It stands in the state collection, as text: only copies
// read it, and only the one question here is for others.

import { PocketError } from "../../../domain/errors.ts";
import type { CopyState } from "../../../ports/copy.ts";
import type { Access } from "../access.ts";

const ID = "copy";

export async function readCopyState({ step, state }: Access): Promise<CopyState | undefined> {
	const found = await step(() => state.findOne({ _id: ID }));
	return found?.copy === undefined ? undefined : JSON.parse(found.copy);
}

export async function saveCopyState({ step, state }: Access, copy: CopyState): Promise<void> {
	await step(() => state.updateOne({ _id: ID }, { $set: { copy: JSON.stringify(copy) } }, { upsert: true }));
}

/** Refuses a database that is half filled, with `already_exists`: served, it would look as if the rest were lost. */
export async function requireNoUnfinishedCopy(access: Access, location: string): Promise<void> {
	const copy = await readCopyState(access);
	if (copy === undefined || copy.finished !== null) return;
	throw new PocketError("already_exists", {
		sentence: `The database at ${location} holds an unfinished copy of ${copy.source}. Run the same migrate --to again to finish it, or drop the database.`,
	});
}
