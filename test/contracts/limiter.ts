// What every limiter must do, whatever it counts in. Each one runs this suite.

import { expect, test } from "bun:test";
import type { LimitPolicy } from "../../src/limiter/counting.ts";
import type { Limiter, RateLimit } from "../../src/ports/limiter.ts";

const NONE: LimitPolicy = { global: [], login: [], signup: [], chat: [] };
const perMinute = (count: number): RateLimit => ({ count, seconds: 60 });

/** `open` gives a limiter that has counted nothing yet. */
export function limiterContract(open: (policy: LimitPolicy) => Limiter): void {
	test("counts down, refuses what is over, and says for how long", async () => {
		const limiter = open({ ...NONE, chat: [perMinute(3)] });
		for (const remaining of [2, 1, 0]) {
			expect(await limiter.consume("chat", "anna")).toEqual({ allowed: true, limit: perMinute(3), remaining, resetSeconds: 60 });
		}
		const over = await limiter.consume("chat", "anna");
		expect(over).toMatchObject({ allowed: false, limit: perMinute(3), remaining: 0 });
		expect(over?.resetSeconds).toBeGreaterThanOrEqual(59);
		expect(over?.resetSeconds).toBeLessThanOrEqual(60);
	});

	test("counts each key and each name apart", async () => {
		const limiter = open({ ...NONE, chat: [perMinute(1)], login: [perMinute(1)] });
		for (const key of ["anna", "bert"]) {
			expect((await limiter.consume("chat", key))?.allowed).toBe(true);
			expect((await limiter.consume("login", key))?.allowed).toBe(true);
			expect((await limiter.consume("chat", key))?.allowed).toBe(false);
		}
	});

	test("a name without a limit has no verdict", async () => {
		expect(await open(NONE).consume("signup", "anna")).toBeUndefined();
	});

	test("of several limits the strictest speaks: the fullest while all allow, the longest wait of those that refuse", async () => {
		const few = { count: 2, seconds: 5 };
		const many = perMinute(3);
		const limiter = open({ ...NONE, chat: [many, few] });
		expect(await limiter.consume("chat", "anna")).toMatchObject({ allowed: true, limit: few, remaining: 1 });
		expect(await limiter.consume("chat", "anna")).toMatchObject({ allowed: true, limit: few, remaining: 0 });
		expect(await limiter.consume("chat", "anna")).toMatchObject({ allowed: false, limit: few });
		expect(await limiter.consume("chat", "anna")).toMatchObject({ allowed: false, limit: many });
	});

	test("a window that is over begins anew", async () => {
		const limiter = open({ ...NONE, chat: [{ count: 1, seconds: 1 }] });
		expect((await limiter.consume("chat", "anna"))?.allowed).toBe(true);
		expect(await limiter.consume("chat", "anna")).toMatchObject({ allowed: false, resetSeconds: 1 });
		await Bun.sleep(1050);
		expect((await limiter.consume("chat", "anna"))?.allowed).toBe(true);
	});

	test("a hundred at once are counted one by one", async () => {
		const limiter = open({ ...NONE, chat: [perMinute(40)] });
		const verdicts = await Promise.all(Array.from({ length: 100 }, () => limiter.consume("chat", "anna")));
		expect(verdicts.filter((verdict) => verdict?.allowed)).toHaveLength(40);
	});
}
