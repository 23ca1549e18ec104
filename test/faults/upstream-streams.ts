// Model servers that begin an answer and then do something odd with it. Part of the table "Upstream faults".

import { expect } from "bun:test";
import { median } from "../bench/statistics.ts";
import { openWorld, useWorld } from "../chat/world.ts";
import { chunk, ending, frame, lastChunk, streamHead } from "../support/model-answers.ts";
import type { Step } from "../support/model-server.ts";
import { watchMemory } from "./memory.ts";
import { countOf, expectAnswer, expectClosed, expectFailure, type Misbehaviour, provoke, time } from "./provoke.ts";
import type { Trial } from "./table.ts";

const IDLE_MS = 2000;
const MIB = 1024 * 1024;
const HELLO = "Hello from the fake model.";

const world = useWorld({ settings: { STREAM_IDLE_TIMEOUT: `${IDLE_MS}ms`, HEARTBEAT_INTERVAL: "250ms" } });

const stalls: readonly Trial[] = [
	{
		injected: "3 tokens, then silence",
		run: async () => {
			const seen = await provoke(world, { prompt: "[tokens 9] [stall 3]" });
			expectFailure(seen, "upstream_timeout", "t0 t1 t2 ");
			expect(seen.tookMs).toBeGreaterThan(IDLE_MS - 200);
			await expectClosed(seen.requests);
			return `upstream_timeout after ${time(seen.tookMs)} (deadline set to ${time(IDLE_MS)}), ${countOf(seen.stream, "ping")} pings; "${seen.answer.content}" stored as \`${seen.answer.status}\``;
		},
	},
];

const breaks: readonly Trial[] = [
	["[tokens 9] [cut 3]", "ends its body properly after 3 tokens, without its end mark"],
	["[tokens 9] [reset 3]", "breaks off in the middle of a chunk after 3 tokens"],
].map(([prompt = "", injected = ""]) => ({
	injected,
	run: async () => {
		const seen = await provoke(world, { prompt });
		expectFailure(seen, "upstream_reset", "t0 t1 t2 ");
		return `upstream_reset; "${seen.answer.content}" stored as \`${seen.answer.status}\`, no \`end\``;
	},
}));

const garbage: readonly Trial[] = [
	{
		injected: "3 frames that are no JSON before the answer",
		run: async () => {
			expectAnswer(await provoke(world, { prompt: "[garbage 3]" }), HELLO);
			return "skipped; the answer is whole";
		},
	},
	{
		injected: "a 4th one",
		run: async () => {
			expectFailure(await provoke(world, { prompt: "[garbage 4]" }), "upstream_protocol");
			return "upstream_protocol";
		},
	},
];

/** 64 MiB on one line, if they were taken. */
const LINE_BYTES = 64 * MIB;

const endlessLine: readonly Trial[] = [
	{ what: "a field of a frame", head: 'data: {"choices":[{"index":0,"delta":{"content":"' },
	{ what: "a comment", head: ": " },
].map(({ what, head }) => ({
	injected: `${what} of ${LINE_BYTES / MIB} MiB without a line end, after "begun "`,
	run: async () => {
		await using fresh = await openWorld();
		const piece = "x".repeat(65_536);
		const script: Step[] = [
			streamHead(),
			frame({ content: "begun " }),
			{ send: `${LINE_BYTES.toString(16)}\r\n${head}` },
			{ repeat: () => [{ send: piece }], times: LINE_BYTES / piece.length },
			{ end: "hang" },
		];
		// Neither a new account (a password hash takes 64 MiB for a moment) nor code that runs for the first time is to be measured.
		const by = await fresh.visitor();
		for (let round = 0; round < 5; round += 1) await provoke(fresh, { prompt: "[tokens 200]", by });
		const grown: number[] = [];
		for (let round = 0; round < 5; round += 1) {
			await using memory = watchMemory(fresh.server.pid);
			const seen = await provoke(fresh, { script, by });
			grown.push(memory.grownMiB());
			expectFailure(seen, "upstream_protocol", "begun ");
			await expectClosed(seen.requests);
		}
		expect(median(grown)).toBeLessThanOrEqual(4);
		return `upstream_protocol; memory grew by ${grown.map((each) => each.toFixed(1)).join(", ")} MiB in five rounds`;
	},
}));

const TEXT = 'Grüße, 世界 👩‍🚀\n— “ok” \\ " \u{2028}|\t|';

const cutBytes: readonly Trial[] = [
	["LF", "\n"],
	["CRLF", "\r\n"],
	["CR", "\r"],
].map(([name = "", lineEnd = ""]) => ({
	injected: `a byte order mark, lines ended by ${name}, every byte in a chunk and a packet of its own`,
	run: async () => {
		const words = [...TEXT].map((content) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}`);
		const body = Buffer.from(`\u{feff}${[...words, "data: [DONE]"].map((line) => line + lineEnd + lineEnd).join("")}`);
		const script = [streamHead(), ...[...body].map((byte) => chunk(Uint8Array.of(byte))), lastChunk];
		const seen = await provoke(world, { script });
		expectAnswer(seen, TEXT);
		return `${body.length} chunks; the same ${Buffer.byteLength(TEXT)} bytes of text to the reader and in the store`;
	},
}));

/** A token's frame as a chunk of the body, for plain text. */
function chunkText(content: string): string {
	const data = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
	return `${data.length.toString(16)}\r\n${data}\r\n`;
}

const pace: readonly Trial[] = [
	{
		injected: "a token, then 1 byte/s, with a total deadline of 5 s",
		run: async () => {
			await using slow = await openWorld({ settings: { GENERATION_TIMEOUT: "5s", HEARTBEAT_INTERVAL: "500ms" } });
			const rest = Buffer.from(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "never whole" } }] })}\n\n`);
			const head = { send: "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" };
			const first = { send: `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "begun " } }] })}\n\n` };
			const bytes = [...rest].flatMap((byte) => [{ wait: 1000 }, { send: Uint8Array.of(byte) }]);
			const seen = await provoke(slow, { script: [head, first, ...bytes] });
			expectFailure(seen, "limit_reached", "begun ");
			expect(seen.tookMs).toBeGreaterThan(4800);
			expect(countOf(seen.stream, "ping")).toBeGreaterThanOrEqual(4);
			await expectClosed(seen.requests);
			return `${countOf(seen.stream, "ping")} pings, limit_reached after ${time(seen.tookMs)}, \`${seen.answer.status}\` with its part`;
		},
	},
	{
		injected: "30,000 tokens at up to 10,000 chunks/s",
		run: async () => {
			const count = 30_000;
			// Ten chunks in one packet: a timer of a millisecond is the finest there is.
			const batch = (round: number): Step => ({
				send: Array.from({ length: 10 }, (_, index) => chunkText(`w${round * 10 + index} `)).join(""),
			});
			const script: Step[] = [
				streamHead(),
				{ repeat: (round) => [batch(round), { wait: 1 }], times: count / 10 },
				...ending("stop", 1, count),
				lastChunk,
			];
			const seen = await provoke(world, { script });
			expectAnswer(seen, Array.from({ length: count }, (_, index) => `w${index} `).join(""));
			const numbers = seen.stream.events().flatMap(({ type, seq }) => (type === "token" ? [seq] : []));
			expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1));
			return `${numbers.length} token events in order in ${time(seen.tookMs)} (${Math.round(count / (seen.tookMs / 1000))} a second); text identical`;
		},
	},
	{
		injected: "an endless answer, 1 KiB a token, against the standard cap of 1 MiB",
		run: async () => {
			const word = "0123456789abcdef".repeat(64);
			const seen = await provoke(world, { script: [streamHead(), { repeat: () => [frame({ content: word })] }] });
			expectFailure(seen, "limit_reached", seen.stream.text());
			const size = seen.answer.content.length;
			expect(size).toBeGreaterThan(MIB - word.length);
			expect(size).toBeLessThanOrEqual(MIB + word.length);
			await expectClosed(seen.requests);
			return `limit_reached, ${size} bytes stored as \`${seen.answer.status}\`, the connection closed`;
		},
	},
	{
		injected: "an endless answer at 50 tokens/s, with a total deadline of 3 s",
		run: async () => {
			await using short = await openWorld({ settings: { GENERATION_TIMEOUT: "3s" } });
			const seen = await provoke(short, { prompt: "[endless] [every 20]" });
			expectFailure(seen, "limit_reached", seen.stream.text());
			await expectClosed(seen.requests);
			return `limit_reached after ${time(seen.tookMs)} with ${countOf(seen.stream, "token")} tokens stored`;
		},
	},
];

const afterTheEnd: readonly Trial[] = [
	{
		injected: "the end mark, then a token and the end mark again",
		run: async () => {
			const seen = await provoke(world, { prompt: "[twice]" });
			expectAnswer(seen, HELLO);
			expect(seen.stream.raw()).not.toContain("after the end");
			await expectClosed(seen.requests);
			return "one `end`, the rest dropped, the connection closed";
		},
	},
	{
		injected: "the end mark, then tokens without end",
		run: async () => {
			const script = [streamHead(), frame({ content: HELLO }), ...ending("stop", 1, 1), { repeat: () => [frame({ content: "more" })] }];
			const seen = await provoke(world, { script });
			expectAnswer(seen, HELLO);
			await expectClosed(seen.requests);
			return `one \`end\` after ${time(seen.tookMs)}, the connection closed`;
		},
	},
];

/** The same thought in each form that model servers have for it. */
const THOUGHTS: readonly { readonly form: string; readonly misbehaviour: Misbehaviour; readonly thought: string }[] = [
	{ form: "reasoning_content", misbehaviour: { prompt: "[reasoning]" }, thought: "Let me think." },
	{ form: "<think> and </think>, cut across frames", misbehaviour: { prompt: "[think]" }, thought: "hmm" },
	{
		form: "reasoning",
		misbehaviour: { script: [streamHead(), frame({ reasoning: "so" }), frame({ content: HELLO }), ...ending("stop", 1, 1), lastChunk] },
		thought: "so",
	},
];

const thinking: readonly Trial[] = THOUGHTS.map(({ form, misbehaviour, thought }) => ({
	injected: `thinking as ${form}`,
	run: async () => {
		const seen = await provoke(world, misbehaviour);
		expectAnswer(seen, HELLO);
		const told = seen.stream.events().flatMap(({ type, content }) => (type === "reasoning" ? [content] : []));
		expect(told.join("")).toBe(thought);
		expect(seen.answer.reasoning).toBe(thought);
		return `${told.length} \`reasoning\` events; "${thought}" stored apart from the answer`;
	},
}));

export const UPSTREAM_STREAMS = { stalls, breaks, garbage, endlessLine, cutBytes, pace, afterTheEnd, thinking };
