// Hashes: their forms, which of them are replaced, and how many are made at once.

import { beforeAll, describe, expect, test } from "bun:test";
import { createPasswords, type Hashing, STANDARD_HASHING } from "../../src/auth/passwords.ts";

const MIB = 1024 * 1024;
const SMALL: Hashing = { ...STANDARD_HASHING, memory: 8 * MIB, passes: 1 };
const passwordsWith = (hashing: Partial<Hashing> = {}) => createPasswords({ minLength: 8, hashing: { ...SMALL, ...hashing } });

/** A hash that Bun did not make. */
const OF_DEMO = "$2b$04$abcdefghijklmnopqrstuukpT6/rAWFFcbBfEblfGqmNEecvFUNVy";
/** Cyrillic letters take two bytes each: the 72nd byte is the first half of one. The e and its accent are two characters. */
const LONG = `Пароль-e\u0301${"длинный".repeat(6)}`;

describe("argon2id", () => {
	test("has the memory and the passes of the settings, and takes the whole password in NFC", async () => {
		const passwords = passwordsWith({ memory: 9 * MIB, passes: 3 });
		const hash = await passwords.hash(`${LONG}e\u0301`);
		expect(hash).toStartWith("$argon2id$v=19$m=9216,t=3,p=1$");
		expect(await passwords.verify(`${LONG}\u00e9`, hash)).toBe(true);
		expect(await passwords.verify(`${LONG}e`, hash)).toBe(false);
	});

	test("a hash of less memory or fewer passes is outdated, one of more is not; any other form is", async () => {
		const { isOutdated } = createPasswords({ minLength: 8, hashing: STANDARD_HASHING });
		const hashOf = (m: number, t: number) => `$argon2id$v=19$m=${m},t=${t},p=1$c2FsdHNhbHRzYWx0$aGFzaA`;
		expect([hashOf(65_536, 2), hashOf(131_072, 2), hashOf(65_536, 3)].map(isOutdated)).toEqual([false, false, false]);
		expect([hashOf(65_535, 2), hashOf(65_536, 1), hashOf(19_456, 9)].map(isOutdated)).toEqual([true, true, true]);
		for (const other of [OF_DEMO, "$argon2i$v=19$m=65536,t=2,p=1$c2FsdA$aGFzaA", "$argon2id$v=16$m=65536,t=2,p=1$c$h", "plain", ""]) {
			expect([other, isOutdated(other)]).toEqual([other, true]);
		}
	});
});

describe("bcrypt, for the way back to the old gateway", () => {
	const old = passwordsWith({ form: "bcrypt" });
	let hash: string;
	beforeAll(async () => {
		hash = await old.hash(LONG);
	}, 30_000);

	test("is of the first 72 bytes as they were typed, not of their NFC form, as the old gateway made it", async () => {
		expect(hash).toMatch(/^\$2b\$12\$[./A-Za-z0-9]{53}$/);
		const cut = Buffer.from(LONG).subarray(0, 72);
		expect(await Bun.password.verify(cut, hash)).toBe(true);
		expect(await Bun.password.verify(cut.subarray(0, 71), hash)).toBe(false);
		expect(await old.verify(`${LONG} and another end`, hash)).toBe(true);
		expect(await old.verify(LONG.normalize("NFC"), hash)).toBe(false);
	}, 30_000);

	// Perl asks the system's crypt(3), which on Linux is mostly libxcrypt and knows bcrypt.
	const perl = Bun.which("perl");
	const crypt = (password: string, salt: string): string =>
		perl === null ? "" : Bun.spawnSync([perl, "-e", "print crypt($ARGV[0], $ARGV[1])", password, salt]).stdout.toString();
	test.skipIf(crypt("demo", OF_DEMO) !== OF_DEMO)("is what another implementation makes of that password", async () => {
		expect(crypt(LONG, hash)).toBe(hash);
		expect(await old.verify("demo", OF_DEMO)).toBe(true);
	});

	test("makes argon2id the outdated form, and the other way round when the trial is over", async () => {
		const now = passwordsWith();
		const [old_, new_] = [OF_DEMO, await now.hash("a-Tall-ladder-77")];
		expect([old.isOutdated(old_), old.isOutdated(new_)]).toEqual([false, true]);
		expect([now.isOutdated(old_), now.isOutdated(new_)]).toEqual([true, false]);
		// Either form verifies either hash.
		expect(await old.verify("a-Tall-ladder-77", new_)).toBe(true);
		expect(await now.verify("demo", old_)).toBe(true);
	});
});

test("without a hash the answer is no, after as much work", async () => {
	const passwords = createPasswords({ minLength: 8, hashing: STANDARD_HASHING });
	const hash = await passwords.hash("a-Tall-ladder-77");
	const timed = async (known: string | undefined) => {
		const start = performance.now();
		expect(await passwords.verify("wrong-password", known)).toBe(false);
		return performance.now() - start;
	};
	await timed(undefined);
	const [known, unknown] = [await timed(hash), await timed(undefined)];
	// Wide, since other tests share the machine: without the work it would be a thousandth.
	expect(unknown).toBeGreaterThan(known / 10);
}, 60_000);

test("as many as the settings say run at once, a hundred wait, and more are refused with a time to wait", async () => {
	const passwords = passwordsWith({ atOnce: 3 });
	const jobs = await Promise.allSettled(Array.from({ length: 120 }, () => passwords.hash("a-Tall-ladder-77")));
	const refused = jobs.flatMap((job) => (job.status === "rejected" ? [job.reason] : []));
	expect(refused).toHaveLength(17);
	for (const error of refused) expect(error).toMatchObject({ code: "busy", details: { retryAfter: 5 } });
	expect(await passwords.verify("a-Tall-ladder-77", await passwords.hash("a-Tall-ladder-77"))).toBe(true);
}, 60_000);
