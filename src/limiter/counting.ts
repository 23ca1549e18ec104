// What every limiter shares, wherever it counts: one counter for each limit of a name, and which of their answers holds.

import { type RateLimiterAbstract, RateLimiterRes } from "rate-limiter-flexible";
import type { LimitName, LimitVerdict, RateLimit } from "../ports/limiter.ts";

export type LimitPolicy = Readonly<Record<LimitName, readonly RateLimit[]>>;

export type Counter = { readonly limit: RateLimit; readonly limiter: RateLimiterAbstract };
export type Counters = Readonly<Record<LimitName, readonly Counter[]>>;

/** A counter for each limit of the policy. */
export function createCounters(policy: LimitPolicy, create: (name: LimitName, limit: RateLimit) => RateLimiterAbstract): Counters {
	const countersOf = (name: LimitName): readonly Counter[] => policy[name].map((limit) => ({ limit, limiter: create(name, limit) }));
	return { global: countersOf("global"), login: countersOf("login"), signup: countersOf("signup"), chat: countersOf("chat") };
}

/** Counts one under all of them at once; the strictest answer holds. Rejects when one of them cannot count. */
export async function countStrictest(counters: readonly Counter[], key: string): Promise<LimitVerdict | undefined> {
	const verdicts = await Promise.all(counters.map((counter) => count(counter, key)));
	let strictest: LimitVerdict | undefined;
	for (const verdict of verdicts) if (strictest === undefined || isStricter(verdict, strictest)) strictest = verdict;
	return strictest;
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
		// The wall clock is in this: after it was set back, the wait would be a day.
		resetSeconds: Math.min(limit.seconds, Math.max(1, Math.ceil(result.msBeforeNext / 1000))),
	};
}

function isStricter(a: LimitVerdict, b: LimitVerdict): boolean {
	if (a.allowed !== b.allowed) return !a.allowed;
	if (!a.allowed) return a.resetSeconds > b.resetSeconds;
	return a.remaining / a.limit.count < b.remaining / b.limit.count;
}
