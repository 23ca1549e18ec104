// Recorded answers of real model servers, cut in every way, give the same parts.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Upstream } from "../../src/ports/upstream.ts";
import { createUpstreams, type ServerSetting } from "../../src/upstream/index.ts";
import { chunk, lastChunk, response, streamHead } from "../support/model-answers.ts";
import { type ModelServer, type Step, startModelServer } from "../support/model-server.ts";
import { collect } from "./collect.ts";

const recorded = (name: string): Buffer => readFileSync(new URL(`../fixtures/upstream/${name}`, import.meta.url));

/** The frames of a recording, read in the plainest way: our own readers take no part in it. */
function framesOf(name: string): Record<string, unknown>[] {
	return recorded(name)
		.toString()
		.split("\n")
		.map((line) => line.replace(/^data: /, ""))
		.filter((line) => line !== "" && line !== "[DONE]")
		.map((line) => JSON.parse(line));
}

type Choice = { choices?: { delta?: { content?: string | null } }[] };
const openAiText = (name: string): string =>
	framesOf(name)
		.map((frame: Choice) => frame.choices?.[0]?.delta?.content ?? "")
		.join("");
const tokenText = (name: string): string =>
	framesOf(name)
		.map((frame: { token?: string }) => frame.token ?? "")
		.join("");

type Recording = {
	readonly file: string;
	readonly kind: ServerSetting["kind"];
	readonly type: string;
	readonly text: string;
	readonly last: Record<string, unknown>;
};

const RECORDINGS: readonly Recording[] = [
	{
		file: "llamacpp-stream-usage.sse",
		kind: "openai",
		type: "text/event-stream",
		text: openAiText("llamacpp-stream-usage.sse"),
		last: { type: "finish", reason: "length", usage: { promptTokens: 25, completionTokens: 16 } },
	},
	{
		file: "llamacpp-stream-no-usage.sse",
		kind: "openai",
		type: "text/event-stream",
		text: openAiText("llamacpp-stream-no-usage.sse"),
		last: { type: "finish", reason: "length" },
	},
	{
		file: "llamacpp-stream-length.sse",
		kind: "openai",
		type: "text/event-stream; charset=utf-8",
		text: "La femme",
		last: { type: "finish", reason: "length", usage: { promptTokens: 25, completionTokens: 3 } },
	},
	{
		file: "llamacpp-plain.json",
		kind: "openai",
		type: "application/json; charset=utf-8",
		text: "La femme de France, le Grand Croix, est le premier cité",
		last: { type: "finish", reason: "length", usage: { promptTokens: 25, completionTokens: 16 } },
	},
	{
		file: "ollama-chat-stream.ndjson",
		kind: "ollama",
		type: "application/x-ndjson",
		text: "You're in the best of a wide",
		last: { type: "finish", reason: "length", usage: { promptTokens: 11, completionTokens: 8 } },
	},
	{
		file: "ollama-chat.json",
		kind: "ollama",
		type: "application/json; charset=utf-8",
		text: "Ladies and gentlemen, welcome to",
		last: { type: "finish", reason: "length", usage: { promptTokens: 11, completionTokens: 8 } },
	},
	{
		file: "modelmanagement-stream.sse",
		kind: "model-management",
		type: "text/event-stream; charset=utf-8",
		text: tokenText("modelmanagement-stream.sse"),
		last: { type: "finish", reason: "stop", usage: { promptTokens: 38, completionTokens: 24 } },
	},
	{
		file: "modelmanagement-stream-unicode.sse",
		kind: "model-management",
		type: "text/event-stream; charset=utf-8",
		text: tokenText("modelmanagement-stream-unicode.sse"),
		last: { type: "finish", reason: "stop" },
	},
	{
		file: "modelmanagement-stream-cache-hit.sse",
		kind: "model-management",
		type: "text/event-stream; charset=utf-8",
		text: ' Ah, a colour.\n\nThe answer is: "Ale"',
		last: { type: "finish", reason: "stop" },
	},
	{
		file: "modelmanagement-plain.json",
		kind: "model-management",
		type: "application/json",
		text: " Two plus two is two + two + two.\nUser: What is the answer to this question?\nAssistant",
		last: { type: "finish", reason: "stop", usage: { completionTokens: 18 } },
	},
	...["modelmanagement-error-stream.sse", "modelmanagement-error-mid-stream.sse", "modelmanagement-error-stall.sse"].map(
		(file): Recording => ({
			file,
			kind: "model-management",
			type: "text/event-stream; charset=utf-8",
			text: tokenText(file),
			last: { type: "failure", failure: { code: "upstream_error" } },
		}),
	),
];

function pieces(bytes: Buffer, size: number): Buffer[] {
	return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** The ways in which a body can arrive. */
const WAYS: Readonly<Record<string, (body: Buffer, type: string) => Step[]>> = {
	"one chunk": (body, type) => [streamHead(type), chunk(body), lastChunk],
	"chunks of one byte": (body, type) => [streamHead(type), ...pieces(body, 1).map(chunk), lastChunk],
	"chunks of three bytes": (body, type) => [streamHead(type), ...pieces(body, 3).map(chunk), lastChunk],
	"reads that cut chunks and their sizes": (body, type) => {
		const whole = Buffer.concat(
			[...pieces(body, 50).map(chunk), lastChunk].map((step) => ("send" in step ? Buffer.from(step.send) : Buffer.alloc(0))),
		);
		return [streamHead(type), ...pieces(whole, 211).flatMap((send): Step[] => [{ send }, { wait: 1 }])];
	},
	"a length": (body, type) => [
		{ send: `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n` },
		{ send: body },
	],
	"until the connection closes": (body, type) => [
		{ send: `HTTP/1.0 200 OK\r\ncontent-type: ${type}\r\n\r\n` },
		{ send: body },
		{ end: "close" },
	],
};

let server: ModelServer;
beforeAll(() => {
	server = startModelServer();
});
afterAll(() => server.stop());

function upstreamOf(kind: ServerSetting["kind"]): Upstream {
	const [upstream] = createUpstreams([{ kind, baseUrl: server.baseUrl }]);
	if (upstream === undefined) throw new Error("no upstream was made");
	return upstream;
}

for (const { file, kind, type, text, last } of RECORDINGS) {
	describe(file, () => {
		for (const [way, steps] of Object.entries(WAYS)) {
			test(`gives its text and its end, arriving as ${way}`, async () => {
				server.answerWith(steps(recorded(file), type));
				const got = await collect(upstreamOf(kind));
				expect(got.text).toBe(text);
				expect(got.reasoning).toBe("");
				expect(got.last).toMatchObject(last);
				expect(got.parts.filter((part) => part.type === "finish" || part.type === "failure")).toHaveLength(1);
			});
		}

		test("never ends well when the connection breaks before its end", async () => {
			const body = recorded(file);
			const cut = body.subarray(0, Math.floor(body.length / 2));
			server.answerWith([streamHead(type), chunk(cut), { wait: 5 }, { end: "reset" }]);
			const got = await collect(upstreamOf(kind));
			expect(got.last).toMatchObject({ type: "failure", failure: { code: "upstream_reset" } });
		});
	});
}

type Refusal = readonly [file: string, kind: ServerSetting["kind"], status: number, code: string];
const REFUSALS: readonly Refusal[] = [
	["llamacpp-error-context-stream.json", "openai", 400, "context_too_long"],
	["llamacpp-error-context-plain.json", "openai", 400, "context_too_long"],
	["llamacpp-error-no-messages.json", "openai", 400, "upstream_rejected"],
	["llamacpp-error-bad-json.json", "openai", 400, "upstream_rejected"],
	["llamacpp-error-bad-role.json", "openai", 400, "upstream_rejected"],
	["llamacpp-error-not-found.json", "openai", 404, "upstream_rejected"],
	["ollama-chat-unknown-model.txt", "ollama", 404, "model_not_found"],
	["ollama-chat-bad-json.txt", "ollama", 400, "upstream_rejected"],
	["modelmanagement-error-plain.json", "model-management", 503, "upstream_busy"],
	["modelmanagement-error-empty-prompt.json", "model-management", 422, "upstream_rejected"],
	["modelmanagement-error-temperature.json", "model-management", 422, "upstream_rejected"],
	["modelmanagement-error-rate-limit.json", "model-management", 500, "upstream_busy"],
];

for (const [file, kind, status, code] of REFUSALS) {
	test(`${file} (${status}) is ${code}`, async () => {
		server.answerWith(response(status, "application/json", recorded(file).toString()));
		const got = await collect(upstreamOf(kind));
		expect(got.parts).toHaveLength(1);
		expect(got.last).toMatchObject({ type: "failure", failure: { code } });
	});
}
