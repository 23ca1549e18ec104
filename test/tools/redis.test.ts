// The Redis that tests use is real: it is started, spoken to and ended here.

import { expect, test } from "bun:test";
import { startRedis } from "../support/redis.ts";

test("Redis starts on a port of its own, keeps a value, and is gone after stop", async () => {
	const redis = await startRedis();
	try {
		const client = new Bun.RedisClient(redis.url, { autoReconnect: false });
		await client.set("greeting", "hello");
		expect(await client.get("greeting")).toBe("hello");
		expect(await client.send("CONFIG", ["GET", "save"])).toEqual({ save: "" });
		client.close();
	} finally {
		await redis.stop();
	}
	expect(await redis.exited).toBe(0);
	expect(() => process.kill(redis.pid, 0)).toThrow();
}, 120_000);

test("a stopped Redis can come back on its old port", async () => {
	const first = await startRedis();
	await first.stop();
	const second = await startRedis({ port: first.port });
	await second.stop();
	expect(second.url).toBe(first.url);
}, 120_000);
