// The replicas of one service, met in Redis.

import type { Log } from "../ports/log.ts";
import type { Replicas } from "../ports/replicas.ts";
import type { SlotBoard } from "../ports/slot-board.ts";
import type { RedisLink } from "../redis/link.ts";
import { createEventLog } from "./events.ts";
import { createPlaces } from "./places.ts";
import { createSlotBoard } from "./slots.ts";
import { openTalk } from "./talk.ts";

export type ReplicasOptions = { readonly link: RedisLink; readonly log: Log; readonly elapsed: () => number };

/** The link is the caller's to close, after this. */
export function openReplicas({ link, log, elapsed }: ReplicasOptions): { readonly replicas: Replicas; readonly board: SlotBoard } {
	const self = crypto.randomUUID();
	const wordChannel = link.channel("queue");
	const talk = openTalk({ link, self, log, elapsed, wordChannel });
	const board = createSlotBoard({ link, self, wordChannel, elapsed });
	talk.onWord(board.hear);
	const replicas: Replicas = {
		self,
		state: () => (link.isThere() && talk.isHeard() ? "ok" : "degraded"),
		...createPlaces(link, self),
		...createEventLog(link),
		ask: talk.ask,
		askAll: talk.askAll,
		answerWith: talk.answerWith,
		close: () => {
			board.close();
			talk.close();
		},
	};
	return { replicas, board };
}
