// The encoder of frames: one line and a blank line, whatever the event holds; what an EventSource reads of it is what was written.

import { describe, expect, test } from "bun:test";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import type { GenerationEvent } from "../../src/domain/generation.ts";
import { encodeFrame, encodeFrameWithId, eventStream } from "../../src/http/sse.ts";

const anyEvent: fc.Arbitrary<GenerationEvent> = fc.oneof(
	fc.record({
		type: fc.constantFrom("token" as const, "reasoning" as const),
		content: fc.string({ unit: "binary" }),
		seq: fc.integer({ min: 1, max: 1e6 }),
	}),
	fc.record({
		type: fc.constant("error" as const),
		error: fc.string({ unit: "binary" }),
		code: fc.constant("upstream_reset" as const),
		retryable: fc.boolean(),
	}),
	fc.constant({ type: "ping" as const }),
	fc.record({ type: fc.constant("queued" as const), position: fc.nat(500) }),
);

describe("a frame", () => {
	test("is `data: `, the event as JSON, and a blank line", () => {
		expect(encodeFrame({ type: "ping" })).toBe('data: {"type":"ping"}\n\n');
		expect(encodeFrame({ type: "token", content: 'a\n"b"\r\n', seq: 3 })).toBe(
			'data: {"type":"token","content":"a\\n\\"b\\"\\r\\n","seq":3}\n\n',
		);
	});

	test("of the resume route has its number before tokens and reasoning, and nowhere else", () => {
		expect(encodeFrameWithId({ type: "token", content: "x", seq: 7 })).toBe('id: 7\ndata: {"type":"token","content":"x","seq":7}\n\n');
		expect(encodeFrameWithId({ type: "reasoning", content: "x", seq: 8 })).toStartWith("id: 8\n");
		expect(encodeFrameWithId({ type: "ping" })).toBe('data: {"type":"ping"}\n\n');
	});

	test("of whatever event is one line, and the existing client reads the event out of it", () => {
		fc.assert(
			fc.property(fc.array(anyEvent, { maxLength: 20 }), (events) => {
				const wire = events.map(encodeFrame).join("");
				// As the existing client does it.
				const blocks = wire.split("\n\n").filter((block) => block !== "");
				expect(blocks.length).toBe(events.length);
				for (const [index, block] of blocks.entries()) {
					expect(block).toMatch(/^data: [^\n\r]*$/);
					const event: unknown = JSON.parse(block.slice("data: ".length));
					expect(event).toEqual(events[index]);
				}
			}),
		);
	});

	test("of whatever event is read by a parser of the WHATWG format, with its id", () => {
		fc.assert(
			fc.property(fc.array(anyEvent, { maxLength: 20 }), (events) => {
				const read: { id: string | undefined; event: unknown }[] = [];
				const parser = createParser({ onEvent: ({ id, data }) => read.push({ id, event: JSON.parse(data) }) });
				parser.feed(events.map(encodeFrameWithId).join(""));
				expect(read).toEqual(
					events.map((event) => ({ id: event.type === "token" || event.type === "reasoning" ? String(event.seq) : undefined, event })),
				);
			}),
		);
	});
});

describe("an event stream", () => {
	/** A server of one route, on a free port. */
	async function serving(respond: (request: Request) => Response, use: (url: string) => Promise<void>): Promise<void> {
		const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: respond });
		try {
			await use(`http://127.0.0.1:${server.port}/`);
		} finally {
			await server.stop(true);
		}
	}

	test("writes what it is given and ends cleanly; its reader is not reported as gone", async () => {
		let gone = 0;
		const respond = ({ signal }: Request) =>
			eventStream({
				signal,
				start: (sink) => {
					sink.write("data: 1\n\n");
					setTimeout(() => {
						sink.write("data: 2\n\n");
						sink.end();
						sink.write("data: too late\n\n");
						sink.end();
					}, 20);
				},
				onGone: () => {
					gone += 1;
				},
			});
		await serving(respond, async (url) => {
			const response = await fetch(url);
			expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
			expect(response.headers.get("cache-control")).toBe("no-store");
			expect(response.headers.get("x-accel-buffering")).toBe("no");
			expect(await response.text()).toBe("data: 1\n\ndata: 2\n\n");
		});
		expect(gone).toBe(0);
	});

	test("reports once that its reader has gone; what is written then goes nowhere", async () => {
		const left = Promise.withResolvers<void>();
		let gone = 0;
		let sink: { write: (frame: string) => void } | undefined;
		const respond = ({ signal }: Request) =>
			eventStream({
				signal,
				start: (given) => {
					sink = given;
					given.write("data: 1\n\n");
				},
				onGone: () => {
					gone += 1;
					left.resolve();
				},
			});
		await serving(respond, async (url) => {
			const leaving = new AbortController();
			const response = await fetch(url, { signal: leaving.signal });
			const reader = response.body?.getReader();
			await reader?.read();
			leaving.abort();
			await left.promise;
			sink?.write("data: nobody reads this\n\n");
		});
		expect(gone).toBe(1);
	});

	test("for a request that was given up already begins nothing", () => {
		const aborted = new AbortController();
		aborted.abort();
		let gone = 0;
		eventStream({
			signal: aborted.signal,
			start: () => {
				throw new Error("must not start");
			},
			onGone: () => {
				gone += 1;
			},
		});
		expect(gone).toBe(1);
	});
});
