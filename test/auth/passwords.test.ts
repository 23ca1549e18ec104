// What a new password must be: long enough, not too long, and not one of the common ones, whatever its case.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { loadKnownPasswords } from "../../src/auth/known-passwords.ts";
import { createPasswords, loadJudge, STANDARD_HASHING } from "../../src/auth/passwords.ts";
import { run, scratch } from "../support/binary.ts";

const OF_OLD =
	"password password1 password12 password123 passw0rd p@ssw0rd 12345678 123456789 1234567890 qwertyuiop qwerty123 qwerty12 iloveyou 11111111 00000000 87654321 1q2w3e4r 1qaz2wsx abcd1234 abc12345 letmein1 welcome1 admin123 administrator sunshine princess football baseball superman trustno1 changeme dragon123 monkey123 pocketllm";

describe("the list of common passwords", () => {
	test("holds what people choose most, in any case, and no part of one", async () => {
		const isCommon = await loadKnownPasswords();
		for (const word of [...OF_OLD.split(" "), "Password", "QWERTY123", "michelle", "dragonball", "77777777"])
			expect([word, isCommon(word)]).toEqual([word, true]);
		for (const word of [
			"dragonbal",
			"ragonball",
			"password\n12345678",
			"",
			"\n",
			"a-Tall-ladder-77",
			"correct horse battery staple",
			"        ",
		]) {
			expect([word, isCommon(word)]).toEqual([word, false]);
		}
	});

	test("is thousands long and takes microseconds to look through", async () => {
		const isCommon = await loadKnownPasswords();
		const source: unknown = await Bun.file(
			join(import.meta.dir, "../../node_modules/@zxcvbn-ts/language-common/src/passwords.json"),
		).json();
		if (!Array.isArray(source)) throw new Error("it is a list");
		const long = source.filter((word) => String(word).length >= 8);
		expect(long.length).toBeGreaterThan(15_000);
		expect(long.filter((word) => !isCommon(word))).toEqual([]);
		const started = performance.now();
		for (let round = 0; round < 1000; round += 1) isCommon(`nobody chooses ${round}`);
		expect(performance.now() - started).toBeLessThan(1000);
	});

	test("is in the compiled program too", async () => {
		const env = { POCKETLLM_DATA_DIR: join(scratch(), "data") };
		const create = (password: string) => run(["create-admin", "--email", "a@b.c", "--password-stdin"], { env, stdin: password, cwd: "/" });
		const { status, stderr } = await create("DragonBall");
		expect([status, stderr]).toEqual([2, "pocketllm: The password is one of the most common passwords; choose another.\n"]);
		expect((await create("a-Tall-ladder-77")).status).toBe(0);
	}, 60_000);
});

describe("lengths", () => {
	test("are counted as people count, in NFC", async () => {
		const judge = await loadJudge(8);
		for (const [password, problem] of [
			["1234567", "at least 8"],
			["äöü€ß你😀", "at least 8"],
			["e\u0301".repeat(7), "at least 8"],
			["x".repeat(1025), "at most 1024"],
		] as const) {
			expect(judge(password)).toContain(problem);
		}
		for (const password of ["äöü€ß你😀!", "e\u0301".repeat(8), "x".repeat(1024), "😀".repeat(1024), "        "])
			expect(judge(password)).toBeUndefined();
	});

	test("follow the setting, and the list stays", async () => {
		const { problem } = createPasswords({ minLength: 4, hashing: STANDARD_HASHING });
		expect(await problem("abc")).toContain("at least 4");
		expect(await problem("abcd")).toBeUndefined();
		expect(await problem("sunshine")).toContain("common");
		expect(await createPasswords({ minLength: 12, hashing: STANDARD_HASHING }).problem("a-Tall-ladd")).toContain("at least 12");
	});
});
