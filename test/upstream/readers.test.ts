// The pure readers under every cut: HTTP framing, lines, event streams, thinking tags. Nothing here opens a socket.

import { describe, expect, test } from "bun:test";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { createEventStreamReader } from "../../src/upstream/event-stream.ts";
import { createResponseParser } from "../../src/upstream/http-response.ts";
import { createLineReader, MAX_LINE_BYTES } from "../../src/upstream/lines.ts";
import { createThinkSplitter } from "../../src/upstream/think-tags.ts";

/** Cuts the bytes at the given fractions, and clobbers each piece after use: whoever kept a view of it would show. */
function feed(bytes: Buffer, cuts: readonly number[], push: (piece: Buffer) => void): void {
	const at = [...new Set(cuts.map((cut) => Math.floor(cut * bytes.length)))].sort((a, b) => a - b);
	let from = 0;
	for (const to of [...at, bytes.length]) {
		if (to <= from) continue;
		const piece = Buffer.from(bytes.subarray(from, to));
		push(piece);
		piece.fill(0);
		from = to;
	}
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { maxLength: 60 });

function readResponse(bytes: Buffer, at: readonly number[]) {
	const body: Buffer[] = [];
	const log: string[] = [];
	const parser = createResponseParser({
		onHead: (head) => log.push(`head ${head.status} ${head.headers.get("x-test") ?? ""}`),
		onBody: (piece, from, to) => body.push(Buffer.from(piece.subarray(from, to))),
		onEnd: () => log.push("end"),
		onReset: () => log.push("reset"),
		onMalformed: (reason) => log.push(`malformed: ${reason}`),
	});
	feed(bytes, at, parser.push);
	parser.close();
	return { log, body: Buffer.concat(body) };
}

const bodies = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

/** A body in chunks of the given sizes, with extensions and trailers. */
function encodeChunks(body: Buffer, sizes: readonly number[], extension: string, trailer: string): Buffer {
	const out: Buffer[] = [];
	let at = 0;
	for (let i = 0; at < body.length; i++) {
		const piece = body.subarray(at, at + (sizes[i % sizes.length] ?? 1));
		at += piece.length;
		out.push(Buffer.from(`${piece.length.toString(16)}${extension}\r\n`), piece, Buffer.from("\r\n"));
	}
	return Buffer.concat([...out, Buffer.from(`0${extension}\r\n${trailer}\r\n`)]);
}

const chunked = fc.tuple(
	bodies,
	fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
	fc.constantFrom("", ";a=b", ' ; name="v;"'),
	fc.constantFrom("", "x-sum: 1\r\n", "a: b\r\nc: d\r\n"),
);

describe("an HTTP response", () => {
	const head = "HTTP/1.1 200 OK\r\nX-Test: one\r\nx-test: two\r\n";

	test("in chunked coding is the same body, whatever the chunks and the cuts", () => {
		fc.assert(
			fc.property(chunked, cuts, ([body, sizes, extension, trailer], at) => {
				const bytes = Buffer.concat([
					Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`),
					encodeChunks(body, sizes, extension, trailer),
					Buffer.from("HTTP/1.1 500 what follows is not ours"),
				]);
				expect(readResponse(bytes, at)).toEqual({ log: ["head 200 one, two", "end"], body });
			}),
		);
	});

	test("in chunked coding that is cut anywhere is a reset, never an end", () => {
		fc.assert(
			fc.property(chunked, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), cuts, ([body, sizes, extension], where, at) => {
				const whole = encodeChunks(body, sizes, extension, "");
				const bytes = Buffer.concat([
					Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n`),
					whole.subarray(0, Math.floor(where * whole.length)),
				]);
				expect(readResponse(bytes, at).log).toEqual(["head 200 one, two", "reset"]);
			}),
		);
	});

	test("with a length ends there, and not before", () => {
		fc.assert(
			fc.property(bodies, cuts, fc.boolean(), (body, at, isShort) => {
				const length = body.length + (isShort ? 1 : 0);
				const bytes = Buffer.concat([Buffer.from(`${head}content-length: ${length}\r\n\r\n`), body]);
				expect(readResponse(bytes, at)).toEqual({ log: ["head 200 one, two", isShort ? "reset" : "end"], body });
			}),
		);
	});

	test("without framing ends when the connection closes", () => {
		fc.assert(
			fc.property(bodies, cuts, (body, at) => {
				expect(readResponse(Buffer.concat([Buffer.from(`${head}\r\n`), body]), at)).toEqual({ log: ["head 200 one, two", "end"], body });
			}),
		);
	});

	test.each([
		["a chunk without a size", "transfer-encoding: chunked\r\n\r\nzz\r\n"],
		["a negative chunk size", "transfer-encoding: chunked\r\n\r\n-1\r\n"],
		["a chunk longer than its size", "transfer-encoding: chunked\r\n\r\n1\r\nab\r\n"],
		["an unknown coding", "transfer-encoding: gzip, chunked\r\n\r\n"],
		["two lengths", "content-length: 1\r\ncontent-length: 2\r\n\r\n"],
		["a length that is no number", "content-length: 1e3\r\n\r\n"],
		["a folded field", "a: b\r\n c\r\n\r\n"],
		["an endless chunk extension", `transfer-encoding: chunked\r\n\r\n1;${"x".repeat(5000)}`],
	])("with %s is malformed", (_name, rest) => {
		const { log } = readResponse(Buffer.from(`HTTP/1.1 200 OK\r\n${rest}`), []);
		expect(log.at(-1)).toStartWith("malformed");
	});

	test("never throws and never ends twice, whatever comes", () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (noise, at) => {
				const { log } = readResponse(Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), noise]), at);
				expect(log.filter((entry) => !entry.startsWith("head"))).toHaveLength(1);
			}),
		);
	});
});

describe("lines", () => {
	function readLines(bytes: Buffer, at: readonly number[]): string[] {
		const lines: string[] = [];
		const reader = createLineReader({ onLine: (line) => lines.push(line.toString()), onTooLong: () => lines.push("(too long)") });
		feed(bytes, at, reader.push);
		reader.end();
		return lines;
	}

	test("are the same under every cut and with every line end", () => {
		const line = fc.string({ unit: "grapheme", maxLength: 30 }).map((text) => text.replace(/[\r\n\u{feff}]/gu, "_"));
		const ended = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")), { maxLength: 12 });
		fc.assert(
			fc.property(ended, fc.boolean(), cuts, (lines, hasMark, at) => {
				// A CR line end before an empty line that ends with LF would be one CRLF.
				const safe = lines.map(([text, end], i): [string, string] => [lines[i - 1]?.[1] === "\r" && text === "" ? "_" : text, end]);
				const bytes = Buffer.from((hasMark ? "\u{feff}" : "") + safe.map(([text, end]) => text + end).join(""));
				expect(readLines(bytes, at)).toEqual(safe.map(([text]) => text).concat(hasMark && safe.length === 0 ? [""] : []));
			}),
		);
	});

	test("may have 1 MiB, and not one byte more", () => {
		const whole = Buffer.alloc(MAX_LINE_BYTES, "x");
		for (const at of [[], [0.1, 0.5], [0.999999]]) {
			expect(readLines(Buffer.concat([whole, Buffer.from("\n")]), at)).toEqual([whole.toString()]);
			expect(readLines(Buffer.concat([whole, Buffer.from("x\nnext\n")]), at)).toEqual(["(too long)"]);
		}
	});
});

describe("an event stream", () => {
	function ours(bytes: Buffer, at: readonly number[]): string[] {
		const events: string[] = [];
		const reader = createEventStreamReader({ onData: (data) => events.push(data.toString()), onGarbage: () => {}, onTooLong: () => {} });
		feed(bytes, at, reader.push);
		reader.end();
		return events;
	}

	function reference(text: string): string[] {
		const events: string[] = [];
		const parser = createParser({ onEvent: (event) => events.push(event.data) });
		parser.feed(text);
		return events;
	}

	test("is read as eventsource-parser reads it, under every cut", () => {
		const value = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replace(/[\r\n\u{feff}]/gu, "_"));
		const line = fc.oneof(
			{ weight: 5, arbitrary: value.map((text) => `data: ${text}`) },
			value.map((text) => `data:${text}`),
			fc.constantFrom("data", "data:", ": comment", "event: x", "id: 1", "retry: 5", "what: ever", "whatever", "datum: x", " data: x"),
			{ weight: 4, arbitrary: fc.constant("") },
		);
		fc.assert(
			fc.property(fc.array(line, { maxLength: 25 }), fc.constantFrom("\n", "\r\n", "\r"), cuts, (lines, end, at) => {
				// Closed by a blank line: an event that is not is dropped by the reference, and given by us at the end of a body.
				const text = [...lines, "", ""].join(end);
				expect(ours(Buffer.from(text), at)).toEqual(reference(text));
			}),
			{ numRuns: 500 },
		);
	});

	test("whose last event lacks its blank line gives it at the end of the body", () => {
		expect(ours(Buffer.from("data: a\n\ndata: b"), [0.5])).toEqual(["a", "b"]);
	});
});

describe("thinking tags", () => {
	function split(content: string, at: readonly number[]) {
		let text = "";
		let reasoning = "";
		const splitter = createThinkSplitter({
			onText: (piece) => {
				text += piece;
			},
			onReasoning: (piece) => {
				reasoning += piece;
			},
		});
		const ends = [...at.map((cut) => Math.floor(cut * content.length)), content.length].sort((a, b) => a - b);
		for (const [i, end] of ends.entries()) splitter.push(content.slice(ends[i - 1] ?? 0, end));
		splitter.end();
		return { text, reasoning };
	}

	test.each([
		["Hello", { text: "Hello", reasoning: "" }],
		["<think>a</think>b", { text: "b", reasoning: "a" }],
		["\n <think>\na\n</think>\n\nb", { text: "b", reasoning: "a\n" }],
		["<think></think>b", { text: "b", reasoning: "" }],
		["<think>a < b </thin c</think>d", { text: "d", reasoning: "a < b </thin c" }],
		["<think>never closed </thi", { text: "", reasoning: "never closed </thi" }],
		["<thin", { text: "<thin", reasoning: "" }],
		["  <thinking>x", { text: "  <thinking>x", reasoning: "" }],
		["The tag <think>x</think> is text", { text: "The tag <think>x</think> is text", reasoning: "" }],
		["<think>a</think>b<think>c</think>", { text: "b<think>c</think>", reasoning: "a" }],
		["", { text: "", reasoning: "" }],
		["   ", { text: "   ", reasoning: "" }],
	])("in %p are told apart under every cut", (content, expected) => {
		expect(split(content, [])).toEqual(expected);
		expect(
			split(
				content,
				Array.from(content, (_, i) => i / content.length),
			),
		).toEqual(expected);
		fc.assert(
			fc.property(cuts, (at) => expect(split(content, at)).toEqual(expected)),
			{ numRuns: 50 },
		);
	});
});
