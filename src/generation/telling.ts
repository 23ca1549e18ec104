// Tells other replicas what a generation here says, for as long as somebody follows there, and only then: one more follower of the
// generation, whose events are gathered and handed to the log together. Nothing of it stands between a token and the readers here.

import type { GenerationEvent, TokenEvent } from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { LogEntry, Replicas } from "../ports/replicas.ts";
import type { Generation } from "./generation.ts";
import { createTicker } from "./ticker.ts";

const FLUSH_EVERY_MS = 40;
/** How often a log is kept for another minute. */
const RENEW_EVERY_MS = 20_000;
/** A replica that has not asked for this long has no follower any more. */
const FORGET_AFTER_MS = 3000;
/** UTF-16 units in one entry of the log. */
const ENTRY_UNITS = 32 * 1024;

type Pieces = { readonly type: TokenEvent["type"]; readonly from: number; readonly pieces: string[]; units: number };

type Told = {
	/** Replicas with a follower, and until when they count. */
	readonly audience: Map<string, number>;
	unfollow: () => void;
	entries: LogEntry[];
	/** What the newest entry will be. */
	open: Pieces | undefined;
	/** How many pieces were told. */
	pieces: number;
	/** The part that was last placed behind them. */
	part: number;
	/** The next batch begins the log. */
	anew: boolean;
	/** When the log is next to be kept for longer. */
	renewAt: number;
};

export type Teller = {
	/** Replaces what is told to a replica. Gives those of the ids that are here. */
	readonly tell: (replica: string, ids: readonly Id[], anew: readonly Id[]) => readonly Id[];
	/** Hands over what has been gathered. */
	readonly flush: () => Promise<void>;
	readonly stop: () => void;
};

export type TellerDependencies = {
	readonly replicas: Replicas;
	readonly clock: Clock;
	readonly log: Log;
	readonly find: (id: Id) => Generation | undefined;
};

export function createTeller({ replicas, clock, log, find }: TellerDependencies): Teller {
	const told = new Map<Id, Told>();
	let flushing: Promise<void> | undefined;

	const drop = (id: Id): void => {
		told.get(id)?.unfollow();
		told.delete(id);
	};

	const begin = (id: Id, generation: Generation): Told => {
		const audience = told.get(id)?.audience ?? new Map<string, number>();
		drop(id);
		const entry: Told = { audience, unfollow: () => {}, entries: [], open: undefined, pieces: 0, part: 0, anew: true, renewAt: 0 };
		entry.unfollow = generation.follow((event) => gather(entry, event));
		told.set(id, entry);
		return entry;
	};

	const gather = (entry: Told, event: GenerationEvent): void => {
		switch (event.type) {
			case "token":
			case "reasoning": {
				const { open } = entry;
				entry.pieces = event.seq;
				if (open !== undefined && open.type === event.type && open.units < ENTRY_UNITS) {
					open.pieces.push(event.content);
					open.units += event.content.length;
					return;
				}
				close(entry);
				entry.open = { type: event.type, from: event.seq, pieces: [event.content], units: event.content.length };
				return;
			}
			case "queued":
				place(entry, { kind: "queued", position: event.position, etaMs: event.etaMs ?? null });
				return;
			case "end":
			case "error":
				place(entry, { kind: "last", event });
				return;
			default:
		}
	};

	const close = (entry: Told): void => {
		const { open } = entry;
		if (open === undefined) return;
		const { type, from, pieces } = open;
		entry.entries.push({ position: { pieces: from + pieces.length - 1, part: 0 }, part: { kind: "pieces", type, from, pieces } });
		entry.open = undefined;
	};

	/** Its number is the time, so that it grows also when the log is begun anew. */
	const place = (entry: Told, part: LogEntry["part"]): void => {
		close(entry);
		entry.part = Math.max(entry.part + 1, Math.floor(clock.elapsed()));
		entry.entries.push({ position: { pieces: entry.pieces, part: entry.part }, part });
	};

	const hand = async (): Promise<void> => {
		const now = clock.elapsed();
		for (const [id, { audience }] of told) {
			for (const [replica, until] of audience) if (until <= now) audience.delete(replica);
			if (audience.size === 0) drop(id);
		}
		if (told.size === 0) ticker.stop();
		const batches = [...told].flatMap(([id, entry]) => {
			close(entry);
			const { entries, anew } = entry;
			if (entries.length === 0 && !anew) return [];
			const renew = now >= entry.renewAt || entries.at(-1)?.part.kind === "last";
			if (renew) entry.renewAt = now + RENEW_EVERY_MS;
			entry.entries = [];
			entry.anew = false;
			return [{ id, anew, renew, entries }];
		});
		if (batches.length === 0 || (await replicas.append(batches))) return;
		// Their readers ask again, and are told from the beginning.
		for (const { id } of batches) drop(id);
	};

	const flush = async (): Promise<void> => {
		if (flushing !== undefined) return flushing;
		flushing = hand();
		try {
			await flushing;
		} finally {
			flushing = undefined;
		}
	};

	const onError = (error: unknown): void => log.error({ err: error }, "other replicas could not be told of an answer");
	const ticker = createTicker(FLUSH_EVERY_MS, () => void flush().catch(onError), onError);

	return {
		tell: (replica, ids, anew) => {
			const until = clock.elapsed() + FORGET_AFTER_MS;
			for (const [id, { audience }] of told) {
				if (!ids.includes(id) && audience.delete(replica) && audience.size === 0) drop(id);
			}
			const held = ids.filter((id) => {
				const generation = find(id);
				if (generation === undefined) return false;
				const known = anew.includes(id) ? undefined : told.get(id);
				(known ?? begin(id, generation)).audience.set(replica, until);
				return true;
			});
			if (told.size > 0) ticker.start();
			return held;
		},
		flush,
		stop: () => {
			ticker.stop();
			for (const id of [...told.keys()]) drop(id);
		},
	};
}
