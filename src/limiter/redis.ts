// Limits counted in Redis through rate-limiter-flexible, for as many processes as share it; while Redis is away, in this process.

import { RateLimiterRedis } from "rate-limiter-flexible";
import type { Limiter } from "../ports/limiter.ts";
import type { RedisLink } from "../redis/link.ts";
import { countStrictest, createCounters, type LimitPolicy } from "./counting.ts";
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
	const shared = createCounters(
		policy,
		(name, { count, seconds }) =>
			new RateLimiterRedis({
				storeClient: link.client,
				keyPrefix: link.key("limit", name, String(seconds)),
				points: count,
				duration: seconds,
				customIncrTtlLuaScript: COUNT,
			}),
	);
	return {
		consume: async (name, key) => {
			if (policy[name].length === 0) return undefined;
			return (await link.attempt(() => countStrictest(shared[name], key))) ?? local.consume(name, key);
		},
		state: () => (link.isThere() ? "ok" : "degraded"),
		close: async () => {},
	};
}
