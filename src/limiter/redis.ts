// Limits counted in Redis through rate-limiter-flexible, for as many processes as share it; while Redis is away, in this process.

import { RateLimiterRedis } from "rate-limiter-flexible";
import type { Limiter } from "../ports/limiter.ts";
import type { RedisLink } from "../redis/link.ts";
import { countStrictest, createCounters, type LimitPolicy } from "./counting.ts";
import { createGuessCounters, giveBackPlace, noteMiss, takePlace } from "./guessing.ts";
import { createMemoryLimiter } from "./memory.ts";

/**
 * The library's script, but for one thing: a window never lasts longer than itself. Redis keeps the end of a key as a time of its wall
 * clock, so after that was set back a day the window would go on for a day, and whoever had used it up would wait that long.
 */
const COUNT = `
	redis.call("set", KEYS[1], 0, "EX", ARGV[2], "NX")
	local consumed = redis.call("incrby", KEYS[1], ARGV[1])
	local left = redis.call("pttl", KEYS[1])
	local window = 1000 * ARGV[2]
	if left < 0 or left > window then
		consumed = tonumber(ARGV[1])
		left = window
		redis.call("set", KEYS[1], consumed, "EX", ARGV[2])
	end
	return { consumed, left }
`;

/** A limiter that never blocks for longer than the link's deadline and is never unlimited. The link is the caller's to close. */
export function createRedisLimiter(policy: LimitPolicy, link: RedisLink): Limiter {
	const local = createMemoryLimiter(policy);
	const create = (place: readonly string[], options: { readonly points: number; readonly duration: number }) =>
		new RateLimiterRedis({ storeClient: link.client, keyPrefix: link.key(...place), ...options, customIncrTtlLuaScript: COUNT });
	const shared = createCounters(policy, (name, { count, seconds }) =>
		create(["limit", name, String(seconds)], { points: count, duration: seconds }),
	);
	const guesses = createGuessCounters(policy.login, (part, { seconds }, options) => create(["guess", part, String(seconds)], options));
	return {
		consume: async (name, key) => {
			if (policy[name].length === 0) return undefined;
			return (await link.attempt(() => countStrictest(shared[name], key))) ?? local.consume(name, key);
		},
		guess: async (key) => {
			if (policy.login.length === 0) return undefined;
			const verdict = await link.attempt(() => takePlace(guesses, key));
			// Where a try begins it ends: the two counts are not added up.
			if (verdict === undefined) return local.guess(key);
			const end = async (work: () => Promise<void>): Promise<void> => void (await link.attempt(work));
			if (!verdict.allowed) await end(() => giveBackPlace(guesses, key));
			return { verdict, end: (outcome) => end(() => (outcome === "wrong" ? noteMiss(guesses, key) : giveBackPlace(guesses, key))) };
		},
		state: () => (link.isThere() ? "ok" : "degraded"),
		close: async () => {},
	};
}
