// The rule of moving house: look through the source, copy what is not there yet, read both sides back, and only then let the target be a
// store. It knows no driver. Ended at any moment, the same call goes on: the target remembers the last key whose records are all there,
// and what lies behind it is removed and copied anew.

import { fail, PocketError } from "../domain/errors.ts";
import type { Id } from "../domain/id.ts";
import type { CopyCollection, CopyDigest, CopyRecords, CopySource, CopyState, CopyTarget, LeftBehind } from "../ports/copy.ts";
import { createDigester } from "./digest.ts";
import { COLLECTIONS, keyOf, sizeOf } from "./order.ts";
import { createTracker, type MoveProgress, type Tracker } from "./progress.ts";
import { compare, type Verdict } from "./verify.ts";

export type MoveOptions = {
	readonly source: CopySource;
	readonly target: CopyTarget;
	/** Only looks: nothing is written. */
	readonly dryRun: boolean;
	/** Milliseconds since 1970, and on a monotonic clock. */
	readonly now: () => number;
	readonly elapsed: () => number;
	/** Ends it after the rows under way, with `cancelled`. */
	readonly signal: AbortSignal;
	readonly onProgress: (progress: MoveProgress) => void;
	/** Told before anything is written, one by one. */
	readonly onLeft: (left: LeftBehind) => void;
	/** Everything was looked through, and every `onLeft` was told. Nothing has been written yet. */
	readonly onLooked: (rows: MoveRows) => void;
};

export type MoveRows = { readonly [C in CopyCollection]?: number };

export type MoveReport = {
	/** `there`: a run before had finished it, and the source is still what was copied. `looked`: a dry run. */
	readonly outcome: "moved" | "there" | "looked";
	readonly rows: MoveRows;
	/** Rows that this run wrote, and the seconds that took. */
	readonly written: number;
	readonly seconds: number;
};

/** A batch is durable before the next begins; a kill costs at most one. */
const BATCH_ROWS = 1000;
const BATCH_BYTES = 4 * 1024 * 1024;

/**
 * Copies everything. Codes: `already_exists` (the target holds something else, or the source changed meanwhile), `cancelled`,
 * `store_damaged` (the copy differs from its source: it is begun anew next time), `store_full`, `store_unavailable`.
 */
export async function move(options: MoveOptions): Promise<MoveReport> {
	const { source, target, dryRun, now, elapsed } = options;
	const found = await target.state();
	await requireRoom(source, target, found);
	const digests = await look(options);
	const rows = rowsOf(digests);
	if (found?.finished) {
		requireUnchanged(target, found.finished, digests);
		return { outcome: "there", rows, written: 0, seconds: 0 };
	}
	if (dryRun) return { outcome: "looked", rows, written: 0, seconds: 0 };

	const begun = elapsed();
	let state = found ?? { source: source.identity, begunAt: now(), finished: null, positions: {} };
	const before = doneBefore(state);
	await target.begin(state);
	state = await copyAll(options, state, sum(rows), before);
	const seconds = (elapsed() - begun) / 1000;
	await target.settle();
	const verdict = await verify(options, rows);
	if (verdict.differing.length > 0) {
		await target.save({ ...state, positions: {} });
		throw differs(digests, verdict);
	}
	await target.finish({ ...state, finished: { at: now(), digests: verdict.source } });
	return { outcome: "moved", rows, written: sum(rows) - before, seconds };
}

async function requireRoom(source: CopySource, target: CopyTarget, found: CopyState | undefined): Promise<void> {
	if (found?.source === source.identity) return;
	if (found !== undefined && found.finished === null) {
		return fail(
			"already_exists",
			`${target.location} holds an unfinished copy of another source (${found.source}). Finish or remove that one, or choose another target.`,
		);
	}
	// Whatever it came from, a finished copy has been a store since.
	const place = (await target.occupied()) ?? (found === undefined ? undefined : target.location);
	if (place === undefined) return;
	fail("already_exists", `${place} holds data already, and nothing is ever mixed or replaced. Choose an empty target, or move that away.`);
}

type Digests = { readonly [C in CopyCollection]?: CopyDigest };

/** Reads everything once: what there is, what stays behind, and what it adds up to. */
async function look({ source, elapsed, signal, onProgress, onLeft, onLooked }: MoveOptions): Promise<Digests> {
	const tracker = createTracker({ stage: "look", total: null, done: 0, elapsed, signal, onProgress });
	const digests: { [C in CopyCollection]?: CopyDigest } = {};
	for (const collection of COLLECTIONS) {
		const digester = createDigester();
		for await (const record of source.inspect(collection, onLeft)) {
			digester.add(record);
			await tracker.advance(collection, 1);
		}
		digests[collection] = digester.digest();
	}
	onLooked(rowsOf(digests));
	return digests;
}

async function copyAll(options: MoveOptions, begun: CopyState, total: number, done: number): Promise<CopyState> {
	const { elapsed, signal, onProgress } = options;
	const tracker = createTracker({ stage: "copy", total, done, elapsed, signal, onProgress });
	let state = begun;
	for (const collection of COLLECTIONS) {
		if (state.positions[collection]?.isComplete !== true) state = await copyOne(options, collection, state, tracker);
	}
	return state;
}

async function copyOne<C extends CopyCollection>(
	{ source, target }: MoveOptions,
	collection: C,
	begun: CopyState,
	tracker: Tracker,
): Promise<CopyState> {
	const from = begun.positions[collection];
	const at = (key: Id | null, rows: number, isComplete = false): CopyState => ({
		...begun,
		positions: { ...begun.positions, [collection]: { key, rows, isComplete } },
	});
	let state = at(from?.key ?? null, from?.rows ?? 0);
	await target.clearAfter(collection, from?.key ?? null);
	let batch: CopyRecords[C][] = [];
	let bytes = 0;
	let rows = from?.rows ?? 0;
	let current: Id | undefined;
	for await (const record of source.read(collection, from?.key ?? null)) {
		const key = keyOf(collection, record);
		// The records of the key before are all in the batch, or written.
		if (current !== undefined && key !== current) state = at(current, rows);
		if (batch.length >= BATCH_ROWS || bytes >= BATCH_BYTES) {
			await target.write(collection, batch, state);
			await tracker.advance(collection, batch.length);
			batch = [];
			bytes = 0;
		}
		current = key;
		batch.push(record);
		bytes += sizeOf(record);
		rows += 1;
	}
	state = at(current ?? from?.key ?? null, rows, true);
	await target.write(collection, batch, state);
	await tracker.advance(collection, batch.length);
	return state;
}

function verify({ source, target, elapsed, signal, onProgress }: MoveOptions, rows: MoveRows): Promise<Verdict> {
	const tracker = createTracker({ stage: "verify", total: 2 * sum(rows), done: 0, elapsed, signal, onProgress });
	return compare({ source, target, tracker });
}

function requireUnchanged(target: CopyTarget, { at, digests: then }: NonNullable<CopyState["finished"]>, digests: Digests): void {
	const changed = COLLECTIONS.filter((name) => digests[name]?.sha256 !== then[name]?.sha256);
	if (changed.length === 0) return;
	const since = new Date(at).toISOString();
	fail(
		"already_exists",
		`${target.location} holds a finished copy of ${since}, and the source has changed since (${changed.join(", ")}). Nothing was written. Remove the copy to make a new one.`,
	);
}

/** Either somebody wrote to the source, which the next run then copies, or the copy is wrong. */
function differs(looked: Digests, { differing, source }: Verdict): PocketError {
	const names = differing.join(", ");
	const isChanged = COLLECTIONS.some((name) => looked[name]?.sha256 !== source[name]?.sha256);
	if (isChanged) {
		return new PocketError("already_exists", {
			sentence: `The source was written to while it was copied (${names}), so the copy is not taken. Stop whatever writes to it and run this again; it then begins anew.`,
		});
	}
	return new PocketError("store_damaged", {
		sentence: `The copy differs from its source (${names}) and is not taken. The source is as it was. Run this again; it then begins anew.`,
	});
}

function doneBefore({ positions }: CopyState): number {
	return COLLECTIONS.reduce((all, name) => all + (positions[name]?.rows ?? 0), 0);
}

function rowsOf(digests: Digests): MoveRows {
	return Object.fromEntries(COLLECTIONS.map((name) => [name, digests[name]?.count ?? 0]));
}

function sum(rows: MoveRows): number {
	return COLLECTIONS.reduce((all, name) => all + (rows[name] ?? 0), 0);
}
