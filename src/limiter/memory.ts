// Limits counted in this process, through rate-limiter-flexible.

import { RateLimiterMemory } from "rate-limiter-flexible";
import type { Limiter } from "../ports/limiter.ts";
import { countStrictest, createCounters, type LimitPolicy } from "./counting.ts";
import { createGuessCounters, giveBackPlace, noteMiss, takePlace } from "./guessing.ts";

/** A limiter for one process. Several limits of one name all count; the strictest answer holds. */
export function createMemoryLimiter(policy: LimitPolicy): Limiter {
	const counters = createCounters(policy, (_name, { count, seconds }) => new RateLimiterMemory({ points: count, duration: seconds }));
	const guesses = createGuessCounters(policy.login, (_part, _limit, options) => new RateLimiterMemory(options));
	return {
		consume: (name, key) => countStrictest(counters[name], key),
		guess: async (key) => {
			const verdict = await takePlace(guesses, key);
			if (verdict === undefined) return undefined;
			if (!verdict.allowed) await giveBackPlace(guesses, key);
			return { verdict, end: (outcome) => (outcome === "wrong" ? noteMiss(guesses, key) : giveBackPlace(guesses, key)) };
		},
		state: () => "ok",
		close: async () => {},
	};
}
