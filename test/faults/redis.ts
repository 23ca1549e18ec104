// A Redis that dies, freezes, forgets and comes back under a running answer and requests. Part of the table "Process, disk, stores"; every
// single case, and several servers, stand in test/redis and test/replicas.

import { expect } from "bun:test";
import { startRedis } from "../support/redis.ts";
import { eventually } from "../support/server.ts";
import { measureGaps } from "./gaps.ts";
import { countOf, time } from "./provoke.ts";
import type { Trial } from "./table.ts";
import { openWorldAmid } from "./world.ts";

const LIMIT = 5;

export const REDIS_TRIALS: readonly Trial[] = [
	{
		injected: "frozen for two seconds, flushed, killed, brought back; requests all the while and one answer of ten seconds",
		run: async () => {
			let redis = await startRedis();
			try {
				await using world = await openWorldAmid({ settings: { REDIS_URL: redis.url, RATE_LIMIT_CHAT: `${LIMIT}/minute` } });
				const isUsed = async () => (await (await fetch(`${world.server.address}/readyz`)).text()).includes('"limiter":{"status":"ok"}');
				const { person, sessionId } = await world.visitor();
				const { person: eager } = await world.visitor();
				const ask = async (count: number): Promise<number> => {
					let allowed = 0;
					for (let index = 0; index < count; index += 1) {
						const before = performance.now();
						// No session of this id: counted, and no work for the model.
						const { status } = await eager.call("POST", "/chat/message", { sessionId: "0".repeat(24), prompt: "hello" });
						longest = Math.max(longest, performance.now() - before);
						if (status === 404) allowed += 1;
						else expect(status).toBe(429);
					}
					return allowed;
				};
				let longest = 0;
				const stream = await person.stream({ sessionId, prompt: "[tokens 500] [every 20]" });
				await stream.until("token");
				const gaps = measureGaps(stream, () => false);
				const seen = [await ask(9)];
				redis.freeze();
				const until = performance.now() + 2000;
				let frozen = 0;
				while (performance.now() < until) frozen += await ask(3);
				seen.push(frozen);
				redis.thaw();
				await eventually("it is used again", isUsed, 5000);
				await redis.command("FLUSHALL");
				seen.push(await ask(9));
				await redis.kill();
				// What the process counted while it was frozen still holds in the process.
				seen.push(await ask(9));
				redis = await startRedis({ port: redis.port });
				await eventually("it is used again", isUsed, 5000);
				seen.push(await ask(9));
				expect(seen).toEqual([LIMIT, LIMIT, LIMIT, 0, LIMIT]);
				const gap = Math.max(...(await gaps));
				expect(stream.events().at(-1)?.type).toBe("end");
				expect(countOf(stream, "token")).toBe(500);
				expect(gap).toBeLessThan(500);
				expect(longest).toBeLessThan(400);
				return `let through ${seen.join(", ")} of a limit of ${LIMIT}; slowest request ${time(longest)}; the answer whole, longest gap ${time(gap)}`;
			} finally {
				redis.thaw();
				await redis.stop();
			}
		},
	},
];
