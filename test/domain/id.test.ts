// Ids: 24 lower-case hexadecimal characters, taken in either case, never twice the same.

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { createIdSource, createTimedIdSource, firstTimedId, parseId } from "../../src/domain/id.ts";

describe("an id", () => {
	test("is taken in either case and given in lower case", () => {
		expect(String(parseId("6B041E0241cb1347a28169C8"))).toBe("6b041e0241cb1347a28169c8");
		expect(String(parseId("6b041e0241cb1347a28169c8"))).toBe("6b041e0241cb1347a28169c8");
	});

	for (const text of [
		"",
		"6b041e0241cb1347a28169c",
		"6b041e0241cb1347a28169c80",
		"6b041e0241cb1347a28169cg",
		" 6b041e0241cb1347a28169c8",
		"6b041e0241cb1347a28169c8\n",
		"6b041e02-41cb-1347-a281-69c8",
		"６b041e0241cb1347a28169c8",
		"6b041e0241cb1347a28169c8\u0000",
		"İb041e0241cb1347a28169c8",
	]) {
		test(`${JSON.stringify(text)} is none`, () => {
			expect(parseId(text)).toBeUndefined();
		});
	}

	test("of whatever text: it is one exactly when it is 24 hexadecimal characters", () => {
		fc.assert(
			fc.property(fc.oneof(fc.string({ maxLength: 30 }), fc.stringMatching(/^[0-9a-fA-F]{22,26}$/)), (text) => {
				expect(parseId(text) !== undefined).toBe(/^[0-9a-fA-F]{24}$/.test(text) && !text.endsWith("\n"));
			}),
		);
	});
});

describe("new ids", () => {
	test("are the second of their making, five bytes of the process, and a counter", () => {
		const newId = createIdSource(
			() => Date.UTC(2026, 0, 1) + 999,
			(count) => Uint8Array.from({ length: count }, (_, index) => 0xa0 + index),
		);
		expect(String(newId())).toBe(`${(Date.UTC(2026, 0, 1) / 1000).toString(16)}a0a1a2a3a4a0a1a3`);
		expect(String(newId())).toBe(`${(Date.UTC(2026, 0, 1) / 1000).toString(16)}a0a1a2a3a4a0a1a4`);
	});

	test("are all different, also over the counter's end, with a clock that stands still", () => {
		const newId = createIdSource(
			() => 0,
			(count) => new Uint8Array(count).fill(0xff),
		);
		const ids = new Set(Array.from({ length: 100_000 }, newId));
		expect(ids.size).toBe(100_000);
		for (const id of [...ids].slice(0, 5)) expect(parseId(id)).toBe(id);
	});

	test("of two processes do not meet", () => {
		const [one, other] = [createIdSource(Date.now, randomBytes), createIdSource(Date.now, randomBytes)];
		const ids = new Set([...Array.from({ length: 1000 }, one), ...Array.from({ length: 1000 }, other)]);
		expect(ids.size).toBe(2000);
	});

	test("bear a clock beyond 2106, whose seconds need more than 32 bits", () => {
		const newId = createIdSource(() => Date.UTC(2200, 0, 1), randomBytes);
		expect(parseId(newId())).toBeDefined();
	});
});

describe("timed ids", () => {
	test("are in the order of time, to the millisecond, also of several processes, and each is another", () => {
		let time = Date.UTC(2026, 0, 15, 12);
		const sources = Array.from({ length: 3 }, () => createTimedIdSource(() => time, randomBytes));
		const made: { id: string; time: number }[] = [];
		for (let n = 0; n < 3000; n += 1) {
			if (n % 10 === 0) time += 1;
			made.push({ id: sources[n % 3]?.() ?? "", time });
		}
		expect(new Set(made.map(({ id }) => id)).size).toBe(3000);
		const times = made.toSorted((one, other) => (one.id < other.id ? -1 : 1)).map((one) => one.time);
		expect(times).toEqual(times.toSorted((one, other) => one - other));
		// Of one process also within a millisecond.
		const own = made.filter((_, n) => n % 3 === 0).map(({ id }) => id);
		expect(own).toEqual(own.toSorted());
	});

	test("lie between the first one of their time and the first one of the next", () => {
		fc.assert(
			fc.property(fc.integer({ min: 0, max: 2 ** 47 }), (time) => {
				const id = createTimedIdSource(() => time, randomBytes)();
				expect(firstTimedId(time) <= id && id < firstTimedId(time + 1)).toBe(true);
			}),
		);
	});
});
