// Limits counted in this process, through rate-limiter-flexible.

import { RateLimiterMemory } from "rate-limiter-flexible";
import type { Limiter } from "../ports/limiter.ts";
import { countStrictest, createCounters, type LimitPolicy } from "./counting.ts";

/** A limiter for one process. Several limits of one name all count; the strictest answer holds. */
export function createMemoryLimiter(policy: LimitPolicy): Limiter {
	const counters = createCounters(policy, (_name, { count, seconds }) => new RateLimiterMemory({ points: count, duration: seconds }));
	return {
		consume: (name, key) => countStrictest(counters[name], key),
		state: () => "ok",
		close: async () => {},
	};
}
