// A good token is remembered: that must change nothing about when it ends.

import { expect, test } from "bun:test";
import { createTokenMint } from "../../src/auth/tokens.ts";
import { createClock } from "../../src/clock.ts";
import type { SigningKey } from "../../src/ports/keys.ts";

const HOUR = 3_600_000;
const SKEW = 60_000;
const { newId } = createClock();

function minted() {
	const time = { now: 1_790_000_000_000 };
	const keys: SigningKey[] = [{ kid: "one", secret: "a-secret-of-thirty-two-bytes-or-more", verifiesUntil: null }];
	const ring = {
		current: () => keys[0] ?? { kid: "none", secret: "", verifiesUntil: null },
		find: (kid: string) => keys.find((key) => key.kid === kid),
	};
	const clock = { now: () => time.now, elapsed: () => 0, newId };
	return { time, keys, mint: createTokenMint({ ring, clock }), fresh: () => createTokenMint({ ring, clock }) };
}

test("a token that was seen ends when one does that was not, to the second", async () => {
	const { time, mint, fresh } = minted();
	const [userId, loginId] = [newId(), newId()];
	const token = await mint.issue(userId, loginId, time.now + HOUR);
	for (const after of [0, HOUR - 1000, HOUR + SKEW - 1000, HOUR + SKEW, HOUR + SKEW + 1000, HOUR - 1000]) {
		const start = time.now;
		time.now += after;
		expect([after, await mint.verify(token)]).toEqual([after, await fresh().verify(token)]);
		expect(await mint.verify(token)).toEqual(after < HOUR + SKEW ? { userId, loginId } : undefined);
		time.now = start;
	}
});

test("a token that was seen is refused once its key is taken away, replaced, or has ended", async () => {
	const { time, keys, mint } = minted();
	const token = await mint.issue(newId(), newId(), time.now + HOUR);
	const [key] = keys.splice(0);
	if (key === undefined) throw new Error("there is a key");
	for (const ring of [[], [{ ...key, secret: "another-secret-of-thirty-two-bytes" }], [{ ...key, verifiesUntil: time.now - SKEW }]]) {
		keys.splice(0, keys.length, key);
		expect(await mint.verify(token)).toBeDefined();
		keys.splice(0, keys.length, ...ring);
		expect(await mint.verify(token)).toBeUndefined();
	}
});

test("thousands of tokens are all good, and altered ones are not, whatever was seen before", async () => {
	const { time, mint } = minted();
	const tokens = await Promise.all(Array.from({ length: 2500 }, () => mint.issue(newId(), newId(), time.now + HOUR)));
	for (const round of [1, 2]) {
		const claims = await Promise.all(tokens.map((token) => mint.verify(token)));
		expect([round, claims.filter((claim) => claim === undefined).length]).toEqual([round, 0]);
	}
	for (const token of tokens.slice(-100)) {
		const at = token.lastIndexOf(".") + 5;
		const altered = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
		expect(await mint.verify(altered)).toBeUndefined();
	}
});
