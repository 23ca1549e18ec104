// The slot board in Redis: one hash with what each process has, and one script that decides over all of it. What a process says is good
// for ten seconds; so the slots of one that died come free by themselves.

import type { BoardVerdict, SlotBoard } from "../ports/slot-board.ts";
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
};

export function createSlotBoard({ link, self, wordChannel }: SlotBoardOptions): RedisSlotBoard {
	const keys = [link.key("queue"), link.key("queue", "number"), link.key("queue", "served")];
	let listener: () => void = () => {};
	let gathering: ReturnType<typeof setTimeout> | undefined;
	/** What this process said last. */
	let hasTurns = false;
	let isWaiting = false;
	let known: BoardVerdict["elsewhere"] | undefined;

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
			hasTurns = busy.size > 0 || waiting.length > 0;
			isWaiting = waiting.length > 0;
			const turns = {
				busy: Object.fromEntries(busy),
				people: Object.fromEntries(people),
				waiting: waiting.map(({ id, userId, candidates, number }) => [id, userId, candidates, number]),
			};
			const rules = { slots: Object.fromEntries(slots), perUser, lifeMs: LIFE_MS, hasChanged, channel: wordChannel };
			const words = [self, JSON.stringify(turns), JSON.stringify(rules)];
			const text = await link.attempt(() => runScript(link.client, SETTLE, keys, words));
			const verdict = typeof text === "string" ? boardVerdictOf(text) : undefined;
			known = verdict?.elsewhere;
			return verdict;
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
