// What people meet when limits count in Redis and it is dead, frozen, restarted, flushed, locked or not there: the real program over HTTP.

import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { otherClock } from "../faults/surroundings.ts";
import { type Gateway, type Reply, startGateway } from "../http/gateway.ts";
import { scratch } from "../support/binary.ts";
import { makeCertificate, type Redis, startRedis } from "../support/redis.ts";
import { eventually } from "../support/server.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
}, 30_000);

async function start(redisUrl: string, settings: Readonly<Record<string, string>> = {}): Promise<Gateway> {
	const gateway = await startGateway({ settings: { RATE_LIMIT_GLOBAL: "5/minute", REDIS_URL: redisUrl, ...settings } });
	ends.push(gateway.stop);
	return gateway;
}

async function startStore(options: Parameters<typeof startRedis>[0] = {}): Promise<Redis> {
	const redis = await startRedis(options);
	ends.push(redis.stop);
	return redis;
}

/** So many requests one after the other: how many were not refused, the slowest, and the last answer. */
async function request(gateway: Gateway, count: number): Promise<{ allowed: number; longestMs: number; last: Reply }> {
	let allowed = 0;
	let longestMs = 0;
	for (let index = 1; ; index += 1) {
		const before = performance.now();
		const last = await gateway.call("GET", "/nope");
		longestMs = Math.max(longestMs, performance.now() - before);
		if (last.status === 404) allowed += 1;
		else expect(last.status).toBe(429);
		if (index === count) return { allowed, longestMs, last };
	}
}

async function limiterState(gateway: Gateway): Promise<unknown> {
	const reply = await gateway.root("GET", "/readyz");
	expect(reply.status).toBe(200);
	return reply.at("limiter.status");
}

const isBack = (gateway: Gateway) => eventually("limits count in Redis again", async () => (await limiterState(gateway)) === "ok", 5000);

describe("limits in Redis", () => {
	test("count over two servers, and say how long to wait", async () => {
		const redis = await startStore();
		const [one, other] = await Promise.all([start(redis.url), start(redis.url)]);
		expect(one.output()).toContain(`Limits count in Redis at 127.0.0.1:${redis.port}.`);
		expect((await request(one, 3)).allowed).toBe(3);
		const { allowed, last } = await request(other, 4);
		expect(allowed).toBe(2);
		expect(last.headers.get("ratelimit")).toMatch(/^"global";r=0;t=\d+$/);
		expect(Number(last.headers.get("retry-after"))).toBeWithin(1, 61);
		expect(await limiterState(one)).toBe("ok");
	}, 60_000);

	test("killed and restarted: served all the while, limited all the while, degraded in between, one line for each change", async () => {
		const redis = await startStore();
		const gateway = await start(redis.url);
		expect((await request(gateway, 9)).allowed).toBe(5);
		await redis.kill();
		const away = await request(gateway, 9);
		expect(away.allowed).toBe(5);
		expect(away.longestMs).toBeLessThan(300);
		expect(await limiterState(gateway)).toBe("degraded");
		await startStore({ port: redis.port });
		await isBack(gateway);
		expect((await request(gateway, 9)).allowed).toBe(5);
		const lines = gateway
			.output()
			.split("\n")
			.filter((line) => line.includes('"redis":"127.0.0.1'));
		expect(lines.map((line) => /"level":"(\w+)"/.exec(line)?.[1])).toEqual(["info", "warn", "info"]);
	}, 60_000);

	test("frozen for three seconds under requests: at most one waits 150 ms, none is unlimited, none is blocked", async () => {
		const redis = await startStore();
		const gateway = await start(redis.url, { RATE_LIMIT_GLOBAL: "100000/minute" });
		await request(gateway, 20);
		redis.freeze();
		const times: number[] = [];
		const until = performance.now() + 3000;
		while (performance.now() < until) {
			const before = performance.now();
			expect((await gateway.call("GET", "/nope")).headers.get("ratelimit")).toMatch(/r=\d+/);
			times.push(performance.now() - before);
		}
		expect(times.filter((time) => time > 120).length).toBeLessThanOrEqual(2);
		expect(Math.max(...times)).toBeLessThan(350);
		expect(await limiterState(gateway)).toBe("degraded");
		redis.thaw();
		await isBack(gateway);
	}, 60_000);

	test("flushed: counting begins anew, nothing else changes", async () => {
		const redis = await startStore();
		const gateway = await start(redis.url);
		expect((await request(gateway, 9)).allowed).toBe(5);
		await redis.command("FLUSHALL");
		expect((await request(gateway, 9)).allowed).toBe(5);
		expect(await limiterState(gateway)).toBe("ok");
	}, 60_000);

	test("not there at the start: it starts, says so, and uses it once it comes", async () => {
		const { port, stop } = await startRedis();
		await stop();
		const gateway = await start(`redis://127.0.0.1:${port}`);
		expect(gateway.output()).toContain(`Redis at 127.0.0.1:${port} cannot be used: limits count in this process until it can.`);
		expect((await request(gateway, 9)).allowed).toBe(5);
		await startStore({ port });
		await isBack(gateway);
		expect((await request(gateway, 9)).allowed).toBe(5);
	}, 60_000);

	test("frozen at the start: it starts all the same, and stops within the usual time", async () => {
		const redis = await startStore();
		redis.freeze();
		const gateway = await start(redis.url);
		expect((await request(gateway, 9)).allowed).toBe(5);
		const before = performance.now();
		await gateway.stop();
		expect(await gateway.exited).toBe(0);
		expect(performance.now() - before).toBeLessThan(5000);
	}, 60_000);

	test("a wrong password: it starts, says what is wrong, and prints no password", async () => {
		const redis = await startStore({ password: "the-right-one" });
		const gateway = await start(`redis://:a-wrong-one-77@127.0.0.1:${redis.port}`, { LOG_LEVEL: "debug" });
		expect((await request(gateway, 9)).allowed).toBe(5);
		expect(gateway.output()).toContain("it refuses the user or the password in REDIS_URL");
		expect(gateway.output()).not.toContain("a-wrong-one-77");
	}, 60_000);

	test("its URL comes from a file; TLS with a certificate that is known is used, and one that is not is refused and said", async () => {
		const certificate = await makeCertificate();
		const redis = await startStore({ tls: certificate, password: "s3cret-of-redis" });
		const file = join(scratch(), "redis-url");
		writeFileSync(file, `${redis.url}\n`);
		const known = await startGateway({
			settings: { RATE_LIMIT_GLOBAL: "5/minute", REDIS_URL_FILE: file, NODE_EXTRA_CA_CERTS: certificate.authority },
		});
		ends.push(known.stop);
		expect(await limiterState(known)).toBe("ok");
		expect((await request(known, 9)).allowed).toBe(5);
		const unknown = await start(redis.url);
		expect(await limiterState(unknown)).toBe("degraded");
		expect((await request(unknown, 9)).allowed).toBe(5);
		expect(unknown.output()).toMatch(/"reason":"the connection failed \(\w*(SELF_SIGNED|UNABLE_TO)\w*\)"/);
		expect(known.output() + unknown.output()).not.toContain("s3cret-of-redis");
	}, 60_000);

	test("the server's clock jumps a day back and forward: a wait is never longer than the window", async () => {
		const clock = await otherClock();
		const redis = await startStore();
		const gateway = await start(redis.url, clock.settings);
		await request(gateway, 5);
		for (const seconds of [-86_400, 86_400]) {
			await clock.jump(seconds);
			const { allowed, last } = await request(gateway, 1);
			expect(allowed).toBe(0);
			expect(Number(last.headers.get("retry-after"))).toBeWithin(1, 61);
		}
		redis.freeze();
		await request(gateway, 9);
		await clock.jump(0);
		expect(Number((await request(gateway, 9)).last.headers.get("retry-after"))).toBeWithin(1, 61);
	}, 60_000);
});
