// The schema gate: which version the documents have, whether this program may use them, and the steps that bring older ones up. A step that
// was released is never changed, a new one is added; each may be repeated, because a crash may come before its version is noted. Indexes
// are no step: what is missing is made at every opening.

import { PocketError } from "../../domain/errors.ts";
import type { Access } from "./access.ts";
import type { Connection } from "./connection.ts";
import { requireNoUnfinishedCopy } from "./copy/state.ts";
import { duplicateIndex } from "./errors.ts";
import { findMissingIndexes, makeIndexes, nameOfIndexes } from "./indexes.ts";

export type Step = { readonly version: number; readonly name: string; readonly run: (access: Access) => Promise<void> };

/** In order. The documents of the replaced gateway need no change: what they lack is read as its default (conversion.ts). */
const STEPS: readonly Step[] = [{ version: 1, name: "the first version", run: () => Promise.resolve() }];

export type MongoSchema = {
	/** The version of what lies there: 0 when this program has not written there yet, but perhaps the gateway that it replaces. */
	readonly found: number;
	readonly current: number;
	/** What is to be done, in order: steps, then indexes. */
	readonly pending: readonly { readonly version: number; readonly name: string }[];
};

export type BringUpOptions = {
	/** Whether older documents of this program may be changed; those of the replaced gateway always may. */
	readonly migrate: boolean;
	readonly onStep?: (version: number, name: string) => void;
	/** Other steps than the program's own; for tests. */
	readonly steps?: readonly Step[];
};

/** Looks, and changes nothing. Codes: `already_exists` (an index is in the way), `store_too_new`. */
export async function readSchema({ access, location }: Connection, steps: readonly Step[] = STEPS): Promise<MongoSchema> {
	const current = newest(steps);
	const found = await readVersion(access);
	requireKnown({ found, current, location });
	await requireNoUnfinishedCopy(access, location);
	const missing = await findMissingIndexes(access);
	return {
		found,
		current,
		pending: [
			...steps.filter(({ version }) => version > found).map(({ version, name }) => ({ version, name })),
			...missing.map((indexes) => ({ version: current, name: nameOfIndexes(access, indexes) })),
		],
	};
}

/**
 * Runs what is to be done, the newest version last. Two that do so at once do no harm. Codes: `already_exists` (an index, or documents, are
 * in the way), `store_too_new`, `store_too_old`.
 */
export async function bringUp({ access, location }: Connection, options: BringUpOptions): Promise<void> {
	const { migrate, onStep, steps = STEPS } = options;
	const current = newest(steps);
	const found = await readVersion(access);
	requireKnown({ found, current, location });
	await requireNoUnfinishedCopy(access, location);
	if (found > 0 && found < current && !migrate) {
		const sentence = `${versionsOf({ found, current, location })} Run pocketllm migrate, or start with serve --migrate.`;
		throw new PocketError("store_too_old", { sentence });
	}
	// All are looked at before the first is made: one in the way leaves everything as it was.
	for (const indexes of await findMissingIndexes(access)) {
		onStep?.(current, nameOfIndexes(access, indexes));
		await makeIndexes(access, indexes);
	}
	for (const { version, name, run } of steps) {
		if (version <= found) continue;
		onStep?.(version, name);
		await run(access);
		await noteVersion(access, version);
	}
}

/** Refuses what a newer program wrote, with `store_too_new`. */
export async function requireKnownVersion({ access, location }: Connection): Promise<void> {
	requireKnown({ found: await readVersion(access), current: newest(STEPS), location });
}

type Versions = { readonly found: number; readonly current: number; readonly location: string };

function versionsOf({ found, current, location }: Versions): string {
	return `The database at ${location} has schema version ${found}, this pocketllm uses ${current}.`;
}

function requireKnown(versions: Versions): void {
	if (versions.found <= versions.current) return;
	const sentence = `${versionsOf(versions)} Nothing was changed. Use a newer pocketllm, or restore an older backup.`;
	throw new PocketError("store_too_new", { sentence });
}

async function readVersion({ step, state }: Access): Promise<number> {
	const found = await step(() => state.findOne({ _id: "schema" }));
	return found?.version ?? 0;
}

async function noteVersion({ step, state }: Access, version: number): Promise<void> {
	await step(async () => {
		try {
			await state.updateOne({ _id: "schema" }, { $max: { version } }, { upsert: true });
		} catch (error) {
			// Another process noted it at the same moment.
			if (duplicateIndex(error) === undefined) throw error;
		}
	});
}

function newest(steps: readonly Step[]): number {
	return steps.at(-1)?.version ?? 0;
}
