// The limiter that counts in Redis, against a real one: the same promises as in memory, and what holds while Redis is away.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createRedisLimiter } from "../../src/limiter/redis.ts";
import type { Limiter } from "../../src/ports/limiter.ts";
import { openRedis, type RedisLink } from "../../src/redis/link.ts";
import { limiterContract } from "../contracts/limiter.ts";
import { type Redis, startRedis } from "../support/redis.ts";
import { eventually } from "../support/server.ts";
import { type Noted, noteLog } from "./notes.ts";

const FIVE = [{ count: 5, seconds: 60 }];
const CHAT = { global: [], login: FIVE, signup: [], chat: FIVE };

const ends: (() => unknown)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
}, 30_000);

async function connect(url: string, prefix = `test-${crypto.randomUUID()}`): Promise<{ link: RedisLink; limiter: Limiter; notes: Noted }> {
	const notes = noteLog();
	const link = await openRedis({ url, prefix, log: notes.log });
	ends.push(link.close);
	return { link, limiter: createRedisLimiter(CHAT, link), notes };
}

async function start(options: Parameters<typeof startRedis>[0] = {}): Promise<Redis> {
	const redis = await startRedis(options);
	ends.push(redis.stop);
	return redis;
}

/** How many of so many are let through, and how long the slowest took. */
async function take(limiter: Limiter, count: number, key = "anna"): Promise<{ allowed: number; longestMs: number }> {
	let allowed = 0;
	let longestMs = 0;
	for (let index = 0; index < count; index += 1) {
		const before = performance.now();
		if ((await limiter.consume("chat", key))?.allowed) allowed += 1;
		longestMs = Math.max(longestMs, performance.now() - before);
	}
	return { allowed, longestMs };
}

describe("in Redis", () => {
	let redis: Redis;
	let link: RedisLink;
	beforeAll(async () => {
		redis = await startRedis();
		link = await openRedis({ url: redis.url, prefix: "contract", log: noteLog().log });
	}, 120_000);
	afterAll(async () => {
		link.close();
		await redis.stop();
	});
	let opened = 0;
	limiterContract((policy) => {
		opened += 1;
		const prefix = `policy${opened}`;
		return createRedisLimiter(policy, { ...link, key: (...parts) => link.key(prefix, ...parts) });
	});
});

describe("several that share one Redis", () => {
	test("count together; another prefix and another database count apart", async () => {
		const redis = await start();
		const one = await connect(redis.url, "shared");
		const other = await connect(redis.url, "shared");
		expect((await take(one.limiter, 3)).allowed + (await take(other.limiter, 4)).allowed).toBe(5);
		expect((await take((await connect(redis.url, "mine")).limiter, 6)).allowed).toBe(5);
		expect((await take((await connect(`${redis.url}/3`, "shared")).limiter, 6)).allowed).toBe(5);
	});

	test("leave nothing behind for longer than its window", async () => {
		const redis = await start();
		const { limiter } = await connect(redis.url, "mine");
		await take(limiter, 1);
		const keys = await redis.command("KEYS *");
		expect(keys).toContain("mine:limit:chat:60:anna");
		expect(Number((await redis.command("TTL mine:limit:chat:60:anna")).slice(1))).toBeWithin(55, 61);
	});
});

describe("while Redis is away", () => {
	test("killed: nobody waits, nobody is unlimited, and it comes back by itself", async () => {
		const redis = await start();
		const { limiter, notes } = await connect(redis.url);
		expect((await take(limiter, 5)).allowed).toBe(5);
		await redis.kill();
		const away = await take(limiter, 20);
		expect(away.allowed).toBe(5);
		expect(away.longestMs).toBeLessThan(200);
		expect(limiter.state()).toBe("degraded");
		await Bun.sleep(1500);
		await start({ port: redis.port });
		await eventually("Redis is used again", () => limiter.state() === "ok", 5000);
		expect((await take(limiter, 20)).allowed).toBe(5);
		expect(notes.lines()).toEqual([
			"info Redis is there",
			"warn Redis cannot be used; this process counts and decides alone until it is back",
			"info Redis is back",
		]);
	}, 30_000);

	test("killed between the beginning and the end of a guess: the end is harmless, and wrong ones go on to be counted", async () => {
		const redis = await start();
		const { limiter } = await connect(redis.url);
		const begun = await limiter.guess("anna");
		await redis.kill();
		await begun?.end("wrong");
		let allowed = 0;
		for (let n = 0; n < 20; n += 1) {
			const guess = await limiter.guess("anna");
			if (!guess?.verdict.allowed) continue;
			allowed += 1;
			await guess.end("wrong");
		}
		expect(allowed).toBe(5);
	}, 30_000);

	test("frozen: the first pays the deadline once, all others nothing, also while it is looked for", async () => {
		const redis = await start();
		const { limiter, notes } = await connect(redis.url);
		await take(limiter, 1, "bert");
		redis.freeze();
		const [first, beside] = await Promise.all([take(limiter, 1), take(limiter, 1, "bert")]);
		expect(Math.max(first.longestMs, beside.longestMs)).toBeLessThan(200);
		expect(first.longestMs).toBeGreaterThan(140);
		const until = performance.now() + 6000;
		let longestMs = 0;
		let allowed = first.allowed;
		while (performance.now() < until) {
			const taken = await take(limiter, 1);
			allowed += taken.allowed;
			longestMs = Math.max(longestMs, taken.longestMs);
			await Bun.sleep(5);
		}
		expect(allowed).toBe(5);
		expect(longestMs).toBeLessThan(100);
		redis.thaw();
		await eventually("Redis is used again", () => limiter.state() === "ok", 5000);
		expect((await take(limiter, 20)).allowed).toBeWithin(4, 6);
		expect(notes.lines()).toHaveLength(3);
	}, 30_000);

	test("frozen while nobody asks: seen within seconds all the same", async () => {
		const redis = await start();
		const { limiter } = await connect(redis.url);
		redis.freeze();
		await eventually("it is seen", () => limiter.state() === "degraded", 3000);
		redis.thaw();
		await eventually("it is back", () => limiter.state() === "ok", 3000);
	}, 30_000);

	test("flushed: counting begins anew and goes on there", async () => {
		const redis = await start();
		const { limiter, notes } = await connect(redis.url);
		expect((await take(limiter, 9)).allowed).toBe(5);
		expect(await redis.command("FLUSHALL")).toBe("+OK\r\n");
		expect((await take(limiter, 9)).allowed).toBe(5);
		expect(await redis.command("SCRIPT FLUSH")).toBe("+OK\r\n");
		expect((await take(limiter, 9)).allowed).toBe(0);
		expect(notes.lines()).toEqual(["info Redis is there"]);
	}, 30_000);

	test("not there at the start: it starts within a second, and uses Redis once it comes", async () => {
		const port = (await start()).port;
		for (const end of ends.splice(0)) await end();
		const before = performance.now();
		const { limiter, notes } = await connect(`redis://127.0.0.1:${port}`);
		expect(performance.now() - before).toBeLessThan(1000);
		expect((await take(limiter, 20)).allowed).toBe(5);
		expect(notes.reasons()).toEqual(["nothing listens there"]);
		await start({ port });
		await eventually("Redis is used", () => limiter.state() === "ok", 5000);
		expect((await take(limiter, 20)).allowed).toBe(5);
	}, 30_000);
});

describe("a Redis that refuses", () => {
	const PASSWORD = "not:a/good#pass word";
	const refusals = [
		{
			what: "another password",
			options: { password: "right" },
			login: `:${encodeURIComponent(PASSWORD)}@`,
			reason: /refuses the user or the password/,
		},
		{
			what: "another user",
			options: { password: "right" },
			login: `ada:${encodeURIComponent(PASSWORD)}@`,
			reason: /refuses the user or the password/,
		},
		{ what: "no password", options: { password: "right" }, login: "", reason: /wants a password, and REDIS_URL has none/ },
		{ what: "no memory left", options: { settings: { maxmemory: "1" } }, login: "", reason: /its memory is full/ },
		{
			what: "no such database",
			options: { settings: { databases: "2" } },
			login: "",
			path: "/7",
			reason: /no database of the number in REDIS_URL/,
		},
	] as const;
	for (const { what, options, login, reason, ...rest } of refusals) {
		test(`${what}: the log says why, without the password; the limit holds in this process`, async () => {
			const redis = await start(options);
			const { limiter, notes } = await connect(`redis://${login}127.0.0.1:${redis.port}${"path" in rest ? rest.path : ""}`);
			expect((await take(limiter, 20)).allowed).toBe(5);
			await Bun.sleep(2500);
			expect(limiter.state()).toBe("degraded");
			expect(notes.reasons()).toHaveLength(1);
			expect(notes.reasons()[0]).toMatch(reason);
			expect(notes.text()).not.toContain(PASSWORD);
			expect(notes.text()).not.toContain(encodeURIComponent(PASSWORD));
		}, 30_000);
	}

	test("the right password with special characters is taken", async () => {
		const redis = await start({ password: "p@ss:w/rd" });
		const { limiter } = await connect(redis.url);
		expect(limiter.state()).toBe("ok");
		expect((await take(limiter, 9)).allowed).toBe(5);
	});
});

test("a clock of Redis that is set back a day blocks nobody for a day", async () => {
	const redis = await start();
	const { limiter } = await connect(redis.url, "mine");
	expect((await take(limiter, 9)).allowed).toBe(5);
	// What such a key looks like afterwards: its end is a time of the wall clock. (No library that fakes the clock gets along with Redis.)
	expect(await redis.command("EXPIRE mine:limit:chat:60:anna 86460")).toBe(":1\r\n");
	expect((await take(limiter, 9)).allowed).toBe(5);
	const over = await limiter.consume("chat", "anna");
	expect(over?.allowed).toBe(false);
	expect(over?.resetSeconds).toBeWithin(50, 61);

	for (let n = 0; n < 5; n += 1) await (await limiter.guess("bert"))?.end("wrong");
	expect((await limiter.guess("bert"))?.verdict.allowed).toBe(false);
	expect(await redis.command("EXPIRE mine:guess:blocked:60:bert 86460")).toBe(":1\r\n");
	for (const part of ["places", "misses"]) await redis.command(`DEL mine:guess:${part}:60:bert`);
	expect((await limiter.guess("bert"))?.verdict.allowed).toBe(true);
});
