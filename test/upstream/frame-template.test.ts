// The fast way of reading tokens is held against the plain one: whatever it reads must be what JSON.parse reads.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createTokenReader } from "../../src/upstream/frame-template.ts";

type Frame = { choices: { delta: { content: string } }[] };

function contentOf(text: string): unknown {
	try {
		const frame: Frame = JSON.parse(text);
		return frame.choices[0]?.delta.content;
	} catch {
		return undefined;
	}
}

const place = {
	name: "content",
	replace: (frame: unknown, token: string) => {
		const text = JSON.stringify(frame);
		const copy: Frame = JSON.parse(text);
		const delta = copy.choices[0]?.delta;
		if (delta !== undefined) delta.content = token;
		return copy;
	},
};

/** Forms of real servers, with the token at its place. */
const FORMS: readonly ((token: string) => string)[] = [
	(token) =>
		`{"choices":[{"finish_reason":null,"index":0,"delta":{"content":${token}}}],"created":1,"id":"x","object":"chat.completion.chunk"}`,
	(token) =>
		`{"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":${token}},"logprobs":null,"finish_reason":null}]}`,
	(token) =>
		`{"content":"decoy", "choices": [{"index": 0, "delta": {"role":"assistant", "content": ${token}}}], "note":"\\"content\\":\\"x\\""}`,
];

/** What the reader makes of one event; `undefined` when it leaves it to the slow way. */
function readOne(reader: ReturnType<typeof createTokenReader>, frame: string): string | undefined {
	const bytes = Buffer.from(`data: ${frame}\n\n`);
	let read: string | undefined;
	const next = reader.read(bytes, 0, bytes.length, (token) => {
		read = token;
	});
	expect(next).toBe(read === undefined ? 0 : bytes.length);
	return read;
}

const tokenText = fc.oneof(
	fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
	fc.constantFrom(
		'"',
		"\\",
		'","content":"x',
		'"}}],"choices":[{"delta":{"content":"y',
		"\n\n",
		"data: 42",
		"😀",
		"\u2028",
		"\u0001pocketllm\u0001",
		"",
	),
);

describe("a token reader", () => {
	test("reads what JSON.parse reads, in every form, after any lessons", () => {
		fc.assert(
			fc.property(
				fc.constantFrom(...FORMS),
				fc.array(tokenText, { minLength: 2, maxLength: 12 }),
				fc.boolean(),
				(form, tokens, escapes) => {
					const reader = createTokenReader(place);
					for (const token of tokens) {
						const quoted = escapes
							? JSON.stringify(token).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
							: JSON.stringify(token);
						const frame = form(quoted);
						const read = readOne(reader, frame);
						if (read !== undefined) expect(read).toBe(token);
						else if (token !== "") reader.learn(frame, token);
					}
				},
			),
			{ numRuns: 2000 },
		);
	});

	test("never reads a frame that was changed in any byte as something else than JSON.parse does", () => {
		fc.assert(
			fc.property(
				fc.constantFrom(...FORMS),
				tokenText,
				fc.nat(),
				fc.constantFrom('"', "\\", "{", "}", ",", " ", "x", "\n", "content"),
				(form, token, at, insert) => {
					const reader = createTokenReader(place);
					reader.learn(form('"first"'), "first");
					const frame = form(JSON.stringify(token));
					const position = at % frame.length;
					// Through bytes: a cut in the middle of a surrogate pair is not UTF-8.
					const changed = Buffer.from(frame.slice(0, position) + insert + frame.slice(position)).toString();
					const read = readOne(reader, changed);
					if (read !== undefined) expect(read).toBe(String(contentOf(changed)));
				},
			),
			{ numRuns: 4000 },
		);
	});

	test("reads many events in one read, and stops before the first of another form or a part of one", () => {
		const reader = createTokenReader(place);
		const form = FORMS[0];
		if (form === undefined) throw new Error("there are forms");
		reader.learn(form('"a"'), "a");
		const known = ["x", " y", "\n", "é"].map((token) => `data: ${form(JSON.stringify(token))}\n\n`).join("");
		for (const rest of ["data: [DONE]\n\n", `data: ${form('"cut"').slice(0, -5)}`, ": comment\n\n", ""]) {
			const bytes = Buffer.from(`junk${known}${rest}`);
			const tokens: string[] = [];
			const next = reader.read(bytes, 4, bytes.length, (token) => tokens.push(token));
			expect(tokens).toEqual(["x", " y", "\n", "é"]);
			expect(bytes.subarray(next).toString()).toBe(rest);
		}
	});

	test("does learn: the second frame of a form is read the fast way", () => {
		for (const form of FORMS) {
			const reader = createTokenReader(place);
			expect(readOne(reader, form('"a"'))).toBeUndefined();
			reader.learn(form('"a"'), "a");
			expect(readOne(reader, form('"\\"b\\n\\u00e9"'))).toBe('"b\né');
		}
	});

	test("is not taught for ever by a server whose frames never repeat", () => {
		let replaced = 0;
		const reader = createTokenReader({
			name: "content",
			replace: (frame, token) => {
				replaced += 1;
				return place.replace(frame, token);
			},
		});
		for (let frame = 0; frame < 1000; frame += 1) {
			const text = `{"n":${frame},"choices":[{"delta":{"content":"t"}}]}`;
			expect(readOne(reader, text)).toBeUndefined();
			reader.learn(text, "t");
		}
		expect(replaced).toBeLessThan(10);
	});
});

describe("a token lane", () => {
	const chunkOf = (frame: string): Buffer => {
		const data = Buffer.from(`data: ${frame}\n\n`);
		return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n")]);
	};

	/** What the lane makes of a read; `undefined` when it takes nothing. */
	function takeOne(form: (token: string) => string, read: Buffer): string | undefined {
		const reader = createTokenReader(place);
		reader.learn(form('"first"'), "first");
		let token: string | undefined;
		const isTaken = reader
			.lane((part) => {
				if (part.type === "text") token = part.text;
			})
			?.take(read);
		expect(isTaken).toBe(token !== undefined);
		return token;
	}

	test("takes a chunk with one event, and gives what JSON.parse reads", () => {
		fc.assert(
			fc.property(fc.constantFrom(...FORMS), tokenText, (form, token) => {
				expect(takeOne(form, chunkOf(form(JSON.stringify(token))))).toBe(token);
			}),
			{ numRuns: 2000 },
		);
	});

	test("takes nothing that is not exactly that: a cut, something more, another size, another byte", () => {
		const form = FORMS[0];
		if (form === undefined) throw new Error("there are forms");
		const whole = chunkOf(form('"token"'));
		expect(takeOne(form, whole)).toBe("token");
		for (let at = 0; at < whole.length; at += 1) {
			expect(takeOne(form, whole.subarray(0, at))).toBeUndefined();
			expect(takeOne(form, whole.subarray(at + 1))).toBeUndefined();
		}
		expect(takeOne(form, Buffer.concat([whole, whole]))).toBeUndefined();
		expect(takeOne(form, Buffer.concat([whole, Buffer.from("0\r\n\r\n")]))).toBeUndefined();
		fc.assert(
			fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
				const changed = Buffer.from(whole);
				changed[at] = byte;
				const token = takeOne(form, changed);
				if (token === undefined) return;
				const [, data] = /^[0-9a-f]+\r\ndata: (.*)\n\n\r\n$/is.exec(changed.toString()) ?? [];
				expect(token).toBe(String(contentOf(data ?? "")));
			}),
			{ numRuns: 4000 },
		);
	});

	test("there is none before a form is known", () => {
		expect(createTokenReader(place).lane(() => {})).toBeUndefined();
	});
});
