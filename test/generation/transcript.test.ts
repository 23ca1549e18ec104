// The transcript: what is replayed is what was said, wherever it was folded.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { TokenEvent } from "../../src/domain/generation.ts";
import { Transcript } from "../../src/generation/transcript.ts";

const piece = fc.record({
	type: fc.constantFrom("token" as const, "reasoning" as const),
	text: fc.oneof(fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }), fc.constantFrom("\ud83d", "\ude00", "é", "\n")),
	foldsAfter: fc.boolean(),
});

describe("a transcript", () => {
	test("replays every piece after any number exactly as it came", () => {
		fc.assert(
			fc.property(fc.array(piece, { maxLength: 200 }), fc.nat({ max: 220 }), (pieces, after) => {
				const transcript = new Transcript();
				const said: TokenEvent[] = [];
				for (const { type, text, foldsAfter } of pieces) {
					said.push({ type, content: text, seq: transcript.add(type, text) });
					if (foldsAfter) transcript.text();
				}
				const replayed: TokenEvent[] = [];
				transcript.replay(after, (event) => replayed.push(event));
				expect(replayed).toEqual(said.slice(after));
				// In pieces of any size it is the same.
				const inPieces: TokenEvent[] = [];
				for (let seq = after; seq < transcript.seq(); ) {
					const next = transcript.replay(seq, (event) => inPieces.push(event), 5);
					expect(next).toBeGreaterThan(seq);
					seq = next;
				}
				expect(inPieces).toEqual(said.slice(after));
				expect(transcript.seq()).toBe(pieces.length);
				const textOf = (type: TokenEvent["type"]) =>
					pieces
						.filter((one) => one.type === type)
						.map((one) => one.text)
						.join("");
				expect(transcript.text()).toEqual({ content: textOf("token"), reasoning: textOf("reasoning") });
			}),
			{ numRuns: 500 },
		);
	});

	test("knows whether it is longer than so many bytes of UTF-8", () => {
		const transcript = new Transcript();
		for (let count = 0; count < 100; count += 1) transcript.add("token", "é");
		expect(transcript.isLongerThan(200)).toBe(false);
		expect(transcript.isLongerThan(199)).toBe(true);
		transcript.add("reasoning", "x");
		expect(transcript.isLongerThan(200)).toBe(true);
	});
});
