// The real clock, and ids made with it.

import { createIdSource } from "./domain/id.ts";
import type { Clock } from "./ports/clock.ts";

export function createClock(): Clock {
	return {
		now: Date.now,
		elapsed: () => performance.now(),
		newId: createIdSource(Date.now, (count) => crypto.getRandomValues(new Uint8Array(count))),
	};
}
