// The slot board in Redis: one hash with what each process has, and one script that decides over all of it. What a process says is good
// for ten seconds; so the slots of one that died come free by themselves.

import type { Elsewhere, SlotBoard } from "../ports/slot-board.ts";
import type { RedisLink } from "../redis/link.ts";
import { runScript } from "../redis/script.ts";
import { boardVerdictOf } from "./board-values.ts";
import SETTLE from "./settle.lua" with { type: "text" };

const LIFE_MS = 10_000;
const BEAT_MS = 2000;
/** What others say within this time is looked at together. */
const GATHER_MS = 10;

export type RedisSlotBoard = SlotBoard & {
	/** A process has changed something. */
	readonly hear: (replica: string) => void;
	readonly close: () => void;
};

export type SlotBoardOptions = {
	readonly link: RedisLink;
	readonly self: string;
	/** Where a change is told to all. */
	readonly wordChannel: string;
	/** Milliseconds that only grow. */
	readonly elapsed: () => number;
};

export function createSlotBoard({ link, self, wordChannel, elapsed }: SlotBoardOptions): RedisSlotBoard {
	const keys = [link.key("queue"), link.key("queue", "number"), link.key("queue", "served"), link.key("queue", "uncertain")];
	let listener: () => void = () => {};
	let gathering: ReturnType<typeof setTimeout> | undefined;
	/** What this process said last. */
	let hasTurns = false;
	let isWaiting = false;
	/** What the others said last, and when. */
	let known: Elsewhere | undefined;
	let knownAt = 0;

	const look = (): void => {
		clearTimeout(gathering);
		gathering = undefined;
		listener();
	};
	const beat = setInterval(() => {
		if (hasTurns || (known?.waiting ?? 0) > 0) look();
	}, BEAT_MS);

	return {
		settle: async ({ busy, people, waiting }, { slots, perUser }, hasChanged) => {
			const wasThere = hasTurns;
			hasTurns = busy.size > 0 || waiting.length > 0;
			isWaiting = waiting.length > 0;
			const turns = {
				busy: Object.fromEntries(busy),
				people: Object.fromEntries(people),
				waiting: waiting.map(({ id, userId, candidates, number }) => [id, userId, candidates, number]),
			};
			const rules = {
				slots: Object.fromEntries(slots),
				perUser,
				lifeMs: LIFE_MS,
				waitMs: 1.5 * BEAT_MS,
				wasThere,
				hasChanged,
				channel: wordChannel,
			};
			const words = [self, JSON.stringify(turns), JSON.stringify(rules)];
			const text = await link.attempt(() => runScript(link.client, SETTLE, keys, words));
			const verdict = typeof text === "string" ? boardVerdictOf(text) : undefined;
			if (verdict?.isCertain || (verdict?.elsewhere.busy.size ?? 0) > 0) {
				known = verdict?.elsewhere;
				knownAt = elapsed();
			}
			if (verdict?.isCertain) return verdict;
			// It holds for as long as it would there: a moment without Redis is not to put two answers on one slot.
			if (elapsed() - knownAt >= LIFE_MS) known = undefined;
			return { granted: undefined, elsewhere: known };
		},
		onChange: (given) => {
			listener = given;
		},
		hear: (replica) => {
			if (isWaiting && replica !== self) gathering ??= setTimeout(look, GATHER_MS);
		},
		close: () => {
			clearInterval(beat);
			clearTimeout(gathering);
		},
	};
}
