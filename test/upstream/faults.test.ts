// What a model server can do wrong, and the failure it becomes (the table "Upstream faults" of what we promise).

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Upstream } from "../../src/ports/upstream.ts";
import { createUpstreams, type ServerSetting } from "../../src/upstream/index.ts";
import { readRetryAfter } from "../../src/upstream/refusals.ts";
import { chunk, ending, frame, lastChunk, response, streamHead } from "../support/model-answers.ts";
import { type ModelServer, type Script, startModelServer } from "../support/model-server.ts";
import { ask, collect, until } from "./collect.ts";

let server: ModelServer;
beforeEach(() => {
	server = startModelServer();
});
afterEach(() => server.stop());

function connect(more: Partial<ServerSetting> = {}): Upstream {
	const [upstream] = createUpstreams([{ kind: "openai", baseUrl: server.baseUrl, ...more }]);
	if (upstream === undefined) throw new Error("no upstream was made");
	return upstream;
}

const failure = (code: string, more: Record<string, unknown> = {}) => ({ type: "failure", failure: { code, ...more } });

describe("before the answer", () => {
	test("a refused connection is upstream_unreachable within 2 s, and says nothing of the address", async () => {
		server.stop();
		const got = await collect(connect());
		expect(got.last).toEqual({ type: "failure", failure: { code: "upstream_unreachable", evidence: "ECONNREFUSED" } });
		expect(got.milliseconds).toBeLessThan(2000);
	});

	test.each(["http://nothing.invalid/v1", "http://127.0.0.1:0/v1"])(
		"an address nobody can be at (%s) is upstream_unreachable",
		async (baseUrl) => {
			const got = await collect(connect({ baseUrl }));
			expect(got.parts).toHaveLength(1);
			expect(got.last).toMatchObject(failure("upstream_unreachable"));
		},
	);

	test.each([
		[401, "upstream_auth"],
		[403, "upstream_auth"],
		[429, "upstream_busy"],
		[503, "upstream_busy"],
		[400, "upstream_rejected"],
		[404, "upstream_rejected"],
		[413, "upstream_rejected"],
		[422, "upstream_rejected"],
		[500, "upstream_error"],
		[502, "upstream_error"],
	])("status %i is %s", async (status, code) => {
		const got = await collect(connect(), ask(`[status ${status}]`));
		expect(got.parts).toHaveLength(1);
		expect(got.last).toMatchObject(failure(code));
	});

	test.each([
		["model 'nope' not found, try pulling it first", "model_not_found"],
		["The model `nope` does not exist.", "model_not_found"],
		["This model's maximum context length is 2048 tokens.", "context_too_long"],
	])("the words %p are %s", async (message, code) => {
		server.answerWith(response(404, "application/json", JSON.stringify({ error: { message } })));
		expect((await collect(connect())).last).toMatchObject(failure(code));
	});

	test.each(["429", "503"])("Retry-After of a %s comes along", async (status) => {
		expect((await collect(connect(), ask(`[status ${status}]`))).last).toMatchObject(failure("upstream_busy", { retryAfter: 7 }));
	});

	test("an HTML page, another type, and compressed bytes are upstream_protocol", async () => {
		expect((await collect(connect(), ask("[html]"))).last).toMatchObject(failure("upstream_protocol"));
		server.answerWith(response(200, "image/png", "x"));
		expect((await collect(connect())).last).toMatchObject(failure("upstream_protocol"));
		server.answerWith(response(200, "text/event-stream", "data: [DONE]\n\n", ["content-encoding: gzip"]));
		expect((await collect(connect())).last).toMatchObject(failure("upstream_protocol"));
	});

	test("a JSON body that is no completion is upstream_protocol, an error in it upstream_error", async () => {
		for (const [body, code] of [
			["{}", "upstream_protocol"],
			["[1]", "upstream_protocol"],
			['{"choices":', "upstream_protocol"],
			['{"error":{"message":"x"}}', "upstream_error"],
		] as const) {
			server.answerWith(response(200, "application/json", body));
			expect((await collect(connect())).last).toMatchObject(failure(code));
		}
	});

	test("a redirect is refused and nothing is asked of its target", async () => {
		const got = await collect(connect(), ask("[redirect]"));
		expect(got.last).toMatchObject(failure("upstream_protocol"));
		await Bun.sleep(20);
		expect(server.requests).toHaveLength(1);
		expect(server.connections).toBe(1);
	});

	test("a server that speaks something else than HTTP is upstream_protocol", async () => {
		for (const send of ["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}`]) {
			server.answerWith([{ send }, { end: "hang" }]);
			expect((await collect(connect())).last).toMatchObject(failure("upstream_protocol"));
		}
	});

	test("a connection that closes without a word is upstream_reset", async () => {
		for (const end of ["close", "reset"] as const) {
			server.answerWith([{ end }]);
			expect((await collect(connect())).last).toMatchObject(failure("upstream_reset"));
		}
	});

	test("interim answers are passed over", async () => {
		server.answerWith([
			{ send: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" },
			streamHead(),
			frame({ content: "yes" }),
			...ending("stop", 1, 1),
		]);
		expect((await collect(connect())).text).toBe("yes");
	});

	test("a refusal whose body never ends is told all the same", async () => {
		server.answerWith([{ send: "HTTP/1.1 500 Oh\r\ncontent-length: 100\r\n\r\nhalf of it" }, { end: "hang" }]);
		const got = await collect(connect());
		expect(got.last).toMatchObject(failure("upstream_error", { evidence: "HTTP 500 half of it" }));
	});
});

describe("during the answer", () => {
	test("a stream that ends without its end mark is upstream_reset, and what came stays", async () => {
		const got = await collect(connect(), ask("[cut 3]"));
		expect(got.text).toBe("Hello from the");
		expect(got.last).toMatchObject(failure("upstream_reset"));
	});

	test("a reset in the middle of a chunk is upstream_reset, and what came stays", async () => {
		const got = await collect(connect(), ask("[reset 2]"));
		expect(got.text).toBe("Hello from");
		expect(got.last).toMatchObject(failure("upstream_reset"));
	});

	const cutBodies: Readonly<Record<string, Script>> = {
		"before the last chunk": [streamHead(), frame({ content: "a" }), frame({}, { finish_reason: "stop" }), { end: "close" }],
		"before the length is reached": [
			{ send: 'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\ndata: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n' },
			{ end: "close" },
		],
		"without an end mark, by closing": [
			{ send: 'HTTP/1.1 200 OK\r\n\r\ndata: {"choices":[{"delta":{"content":"a"}}]}\n\n' },
			{ end: "close" },
		],
	};
	for (const [where, script] of Object.entries(cutBodies)) {
		test(`a body cut ${where} is never complete`, async () => {
			server.answerWith(script);
			const got = await collect(connect());
			expect(got.text).toBe("a");
			expect(got.last).toMatchObject(failure("upstream_reset"));
		});
	}

	test("a finish_reason and a clean end of the body is an end, also without [DONE]", async () => {
		server.answerWith([streamHead(), frame({ content: "a" }), frame({}, { finish_reason: "stop" }), lastChunk]);
		expect((await collect(connect())).last).toEqual({ type: "finish", reason: "stop" });
	});

	test("three garbage frames are skipped, the fourth is upstream_protocol", async () => {
		const three = await collect(connect(), ask("[garbage 3]"));
		expect(three.text).toBe("Hello from the fake model.");
		expect(three.last).toMatchObject({ type: "finish" });
		const four = await collect(connect(), ask("[garbage 4]"));
		expect(four.text).toBe("");
		expect(four.last).toMatchObject(failure("upstream_protocol", { evidence: "{this is no JSON" }));
	});

	test("frames without any field of the format are garbage, comments are not", async () => {
		server.answerWith([
			streamHead(),
			...Array.from({ length: 9 }, () => chunk(": still here\n\n")),
			...Array.from({ length: 4 }, () => chunk("what\n\n")),
		]);
		expect((await collect(connect())).last).toMatchObject(failure("upstream_protocol", { evidence: "what" }));
	});

	test("an error within the stream is upstream_error, and its words are evidence only", async () => {
		const got = await collect(connect(), ask("[error 2]"));
		expect(got.text).toBe("Hello from");
		expect(got.last).toEqual({
			type: "failure",
			failure: { code: "upstream_error", evidence: '{"error":{"message":"out of memory","code":500}}' },
		});
	});

	test("a line without end is upstream_protocol at 1 MiB", async () => {
		for (const kind of ["openai", "ollama", "model-management"] as const) {
			server.answerWith([
				{ send: `HTTP/1.1 200 OK\r\ncontent-type: ${kind === "ollama" ? "application/x-ndjson" : "text/event-stream"}\r\n\r\n` },
				{ repeat: () => [{ send: "x".repeat(65_536) }], times: 40 },
				{ end: "hang" },
			]);
			expect((await collect(connect({ kind }))).last).toMatchObject(failure("upstream_protocol"));
		}
	});

	test("a line of just under 1 MiB is whole", async () => {
		const content = "é".repeat(500_000);
		server.answerWith([streamHead(), frame({ content }), chunk("data: [DONE]\n\n")]);
		expect((await collect(connect())).text).toBe(content);
	});

	test("an event of endless data lines is upstream_protocol at 1 MiB", async () => {
		server.answerWith([streamHead(), { repeat: () => [chunk("data: x\n".repeat(20_000))], times: 40 }, { end: "hang" }]);
		expect((await collect(connect())).last).toMatchObject(failure("upstream_protocol"));
	});

	test("after the end mark everything is dropped and the connection closed", async () => {
		const got = await collect(connect(), ask("[twice]"));
		expect(got.text).toBe("Hello from the fake model.");
		expect(got.parts.filter((part) => part.type === "finish")).toHaveLength(1);
		expect(got.last).toEqual({ type: "finish", reason: "stop", usage: { promptTokens: 7, completionTokens: 6 } });
		await until(() => server.requests[0]?.closedAt !== undefined, "the connection is closed");
	});

	test("a byte order mark and any line end change nothing", async () => {
		for (const end of ["\n", "\r\n", "\r"]) {
			const data = JSON.stringify({ choices: [{ delta: { content: "Zoë 🙂" } }] });
			const body = Buffer.from(`\u{feff}data:${data}${end}${end}data: [DONE]${end}${end}`);
			server.answerWith([streamHead(), ...[...body].map((byte) => chunk(Buffer.of(byte))), lastChunk]);
			const got = await collect(connect());
			expect(got.text).toBe("Zoë 🙂");
			expect(got.last).toEqual({ type: "finish", reason: "stop" });
		}
	});

	test("thinking text is reasoning, told by a member or by tags", async () => {
		for (const [cue, reasoning] of [
			["[reasoning]", "Let me think."],
			["[think]", "hmm"],
		] as const) {
			const got = await collect(connect(), ask(cue));
			expect(got.reasoning).toBe(reasoning);
			expect(got.text).toBe("Hello from the fake model.");
		}
		server.answerWith([streamHead(), frame({ reasoning: "so" }), frame({ content: "yes" }), chunk("data: [DONE]\n\n")]);
		expect((await collect(connect())).reasoning).toBe("so");
	});
});

describe("what is kept for the log", () => {
	test("is at most 4 KiB, without the key and without URLs", async () => {
		const said = `Incorrect API key: sk-very-secret, see https://internal.example/keys?k=1 ${"é".repeat(8000)}`;
		server.answerWith(response(401, "text/plain", said));
		const { last } = await collect(connect({ key: "sk-very-secret" }));
		const evidence = last?.type === "failure" ? (last.failure.evidence ?? "") : "";
		expect(evidence).toStartWith("HTTP 401 Incorrect API key: ********, see (URL) é");
		expect(Buffer.byteLength(evidence)).toBeLessThanOrEqual(4096);
		expect(evidence).not.toContain("\u{fffd}");
	});
});

describe("Retry-After", () => {
	const now = Date.parse("2026-01-01T00:00:00Z");
	test.each([
		[undefined, undefined],
		["7", 7],
		["0", 0],
		["86400", 3600],
		["Thu, 01 Jan 2026 00:02:00 GMT", 120],
		["Fri, 02 Jan 2026 00:00:00 GMT", 3600],
		["Wed, 31 Dec 2025 00:00:00 GMT", 0],
		["soon", undefined],
	])("%p is %p seconds", (field, seconds) => {
		expect(readRetryAfter(field, now)).toBe(seconds);
	});
});
