// What this process shares with others when REDIS_URL is set, and what stands in its place when it is not. Part of the wiring: Redis and
// its client are loaded here, and only when they are wanted.

import type { Config } from "./config/options.ts";
import { createMemoryLimiter } from "./limiter/memory.ts";
import type { Limiter } from "./ports/limiter.ts";
import type { Log } from "./ports/log.ts";

export type Sharing = {
	readonly limiter: Limiter;
	/** Lines for the person who starts the server. */
	readonly describe: () => readonly string[];
	readonly close: () => void;
};

export async function openSharing(config: Config, log: Log): Promise<Sharing> {
	const policy = {
		global: config.rateLimitGlobal,
		login: config.rateLimitLogin,
		signup: config.rateLimitSignup,
		chat: config.rateLimitChat,
	};
	if (config.redisUrl === undefined) return { limiter: createMemoryLimiter(policy), describe: () => [], close: () => {} };
	const [{ openRedis }, { createRedisLimiter }] = await Promise.all([import("./redis/link.ts"), import("./limiter/redis.ts")]);
	const link = await openRedis({ url: config.redisUrl, prefix: config.redisPrefix, log });
	return {
		limiter: createRedisLimiter(policy, link),
		describe: () => [
			link.isThere()
				? `Limits count in Redis at ${link.address}.`
				: `Redis at ${link.address} is away: limits count in this process until it is there.`,
		],
		close: link.close,
	};
}
