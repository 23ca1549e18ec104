// What every limiter must do, whatever it counts in. Each one runs this suite.

import { expect, test } from "bun:test";
import type { LimitPolicy } from "../../src/limiter/counting.ts";
import type { Limiter, LimitVerdict, RateLimit } from "../../src/ports/limiter.ts";

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

	guessContract(open);
}

/** Tries at a secret: the right ones do not add up, the wrong ones block. */
function guessContract(open: (policy: LimitPolicy) => Limiter): void {
	async function guess(limiter: Limiter, key: string, outcome: "wrong" | "not wrong"): Promise<LimitVerdict | undefined> {
		const begun = await limiter.guess(key);
		if (begun?.verdict.allowed) await begun.end(outcome);
		return begun?.verdict;
	}
	const guessing = (count: number, seconds: number) => open({ ...NONE, login: [{ count, seconds }] });

	test("without a limit a guess has no verdict", async () => {
		expect(await open(NONE).guess("anna")).toBeUndefined();
	});

	test("any number of right guesses one after the other is allowed", async () => {
		const limiter = guessing(3, 60);
		for (let n = 0; n < 50; n += 1) expect(await guess(limiter, "anna", "not wrong")).toMatchObject({ allowed: true, remaining: 2 });
	});

	test("wrong guesses are allowed up to the limit; then the key is blocked, also for right ones, and no other key", async () => {
		const limiter = guessing(3, 60);
		for (const remaining of [2, 1, 0]) expect(await guess(limiter, "anna", "wrong")).toMatchObject({ allowed: true, remaining });
		for (let n = 0; n < 20; n += 1) {
			const verdict = await guess(limiter, "anna", "not wrong");
			expect(verdict).toMatchObject({ allowed: false, remaining: 0, limit: { count: 3, seconds: 60 } });
			expect(verdict?.resetSeconds).toBeGreaterThanOrEqual(58);
			expect(verdict?.resetSeconds).toBeLessThanOrEqual(60);
		}
		expect(await guess(limiter, "bert", "wrong")).toMatchObject({ allowed: true });
	});

	test("right ones between do not take wrong ones back", async () => {
		const limiter = guessing(3, 60);
		for (const outcome of ["wrong", "not wrong", "wrong", "not wrong", "wrong"] as const) {
			expect(await guess(limiter, "anna", outcome)).toMatchObject({ allowed: true });
		}
		expect(await guess(limiter, "anna", "not wrong")).toMatchObject({ allowed: false });
	});

	test("a hundred at once: as many as the limit are tried; the others wait a second, and that is no block", async () => {
		const limiter = guessing(10, 60);
		const begun = await Promise.all(Array.from({ length: 100 }, () => limiter.guess("anna")));
		const allowed = begun.filter((one) => one?.verdict.allowed);
		expect(allowed).toHaveLength(10);
		expect(begun.filter((one) => one?.verdict.allowed === false && one.verdict.resetSeconds === 1)).toHaveLength(90);
		await Promise.all(allowed.map((one) => one?.end("not wrong")));
		expect(await guess(limiter, "anna", "not wrong")).toMatchObject({ allowed: true, remaining: 9 });
	});

	test("a hundred wrong ones at once make one block", async () => {
		const limiter = guessing(4, 1);
		await Promise.all(Array.from({ length: 100 }, () => guess(limiter, "anna", "wrong")));
		expect(await guess(limiter, "anna", "wrong")).toMatchObject({ allowed: false, resetSeconds: 1 });
	});

	test("each block in a row is twice as long as the one before", async () => {
		const limiter = guessing(2, 1);
		for (const seconds of [1, 2, 4]) {
			for (let n = 0; n < 2; n += 1) expect(await guess(limiter, "anna", "wrong")).toMatchObject({ allowed: true });
			const verdict = await guess(limiter, "anna", "wrong");
			expect(verdict).toMatchObject({ allowed: false, resetSeconds: seconds });
			if (seconds < 4) await Bun.sleep(seconds * 1000 + 60);
		}
	}, 15_000);

	test("of several limits each blocks for itself", async () => {
		const limiter = open({ ...NONE, login: [perMinute(2), { count: 3, seconds: 3600 }] });
		for (let n = 0; n < 2; n += 1) expect(await guess(limiter, "anna", "wrong")).toMatchObject({ allowed: true });
		expect(await guess(limiter, "anna", "wrong")).toMatchObject({ allowed: false, limit: perMinute(2) });
	});
}
