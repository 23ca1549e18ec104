// Limits counted in this process, through rate-limiter-flexible.

import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import type { Limiter, LimitName, LimitVerdict, RateLimit } from "../ports/limiter.ts";

export type LimitPolicy = Readonly<Record<LimitName, readonly RateLimit[]>>;

type Counter = { readonly limit: RateLimit; readonly limiter: RateLimiterMemory };

/** A limiter for one process. Several limits of one name all count; the strictest answer holds. */
export function createMemoryLimiter(policy: LimitPolicy): Limiter {
	const counters: Readonly<Record<LimitName, readonly Counter[]>> = {
		global: policy.global.map(createCounter),
		login: policy.login.map(createCounter),
		signup: policy.signup.map(createCounter),
		chat: policy.chat.map(createCounter),
	};
	return {
		consume: async (name, key) => {
			let strictest: LimitVerdict | undefined;
			for (const counter of counters[name]) {
				const verdict = await count(counter, key);
				if (strictest === undefined || isStricter(verdict, strictest)) strictest = verdict;
			}
			return strictest;
		},
		state: () => "ok",
		close: async () => {},
	};
}

function createCounter(limit: RateLimit): Counter {
	return { limit, limiter: new RateLimiterMemory({ points: limit.count, duration: limit.seconds }) };
}

async function count({ limit, limiter }: Counter, key: string): Promise<LimitVerdict> {
	const { allowed, result } = await limiter.consume(key).then(
		(taken) => ({ allowed: true, result: taken }),
		(refused: unknown) => {
			if (refused instanceof RateLimiterRes) return { allowed: false, result: refused };
			throw refused;
		},
	);
	return {
		allowed,
		limit,
		remaining: Math.max(0, result.remainingPoints),
		// The library reads the wall clock: after the clock was set back it would ask to wait for a day.
		resetSeconds: Math.min(limit.seconds, Math.max(1, Math.ceil(result.msBeforeNext / 1000))),
	};
}

function isStricter(a: LimitVerdict, b: LimitVerdict): boolean {
	if (a.allowed !== b.allowed) return !a.allowed;
	if (!a.allowed) return a.resetSeconds > b.resetSeconds;
	return a.remaining / a.limit.count < b.remaining / b.limit.count;
}
