// What this process shares with others when REDIS_URL is set, and what stands in its place when it is not. Part of the wiring: Redis and
// its client are loaded here, and only when they are wanted.

import type { Config } from "./config/options.ts";
import { createMemoryLimiter } from "./limiter/memory.ts";
import type { Limiter } from "./ports/limiter.ts";
import type { Log } from "./ports/log.ts";
import type { Replicas } from "./ports/replicas.ts";
import type { SlotBoard } from "./ports/slot-board.ts";

export type Sharing = {
	readonly limiter: Limiter;
	/** Both only with a store that several processes can share. */
	readonly replicas: Replicas | undefined;
	readonly board: SlotBoard | undefined;
	/** Lines for the person who starts the server. */
	readonly describe: () => readonly string[];
	readonly close: () => void;
};

export type SharingOptions = {
	readonly config: Config;
	readonly log: Log;
	readonly isStoreShared: boolean;
	/** Milliseconds that only grow. */
	readonly elapsed: () => number;
};

export async function openSharing({ config, log, isStoreShared, elapsed }: SharingOptions): Promise<Sharing> {
	const policy = {
		global: config.rateLimitGlobal,
		login: config.rateLimitLogin,
		signup: config.rateLimitSignup,
		chat: config.rateLimitChat,
	};
	if (config.redisUrl === undefined) {
		return { limiter: createMemoryLimiter(policy), replicas: undefined, board: undefined, describe: () => [], close: () => {} };
	}
	const [{ openRedis }, { createRedisLimiter }] = await Promise.all([import("./redis/link.ts"), import("./limiter/redis.ts")]);
	const link = await openRedis({ url: config.redisUrl, prefix: config.redisPrefix, log });
	const met = isStoreShared ? (await import("./replicas/open.ts")).openReplicas({ link, log, elapsed }) : undefined;
	return {
		limiter: createRedisLimiter(policy, link),
		replicas: met?.replicas,
		board: met?.board,
		describe: () => [
			link.isThere()
				? `Limits count in Redis at ${link.address}.`
				: `Redis at ${link.address} cannot be used: limits count in this process until it can.`,
		],
		close: () => {
			met?.replicas.close();
			link.close();
		},
	};
}
