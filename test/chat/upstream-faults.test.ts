// Every fault of a model server, as the person in front of the client sees it: the right code, a sentence of ours, what had arrived is
// kept, and nothing of what the model server said, of its URL or its key (G7). What the adapters make of bytes is tested in test/upstream.

import { describe, expect, test } from "bun:test";
import { ERROR_SENTENCES, type ErrorCode } from "../../src/domain/errors.ts";
import { ending, frame, lastChunk, response, streamHead } from "../support/model-answers.ts";
import { type Script, startModelServer } from "../support/model-server.ts";
import { eventually, type Person, startServer } from "../support/server.ts";
import { openWorld, useWorld } from "./world.ts";

const SECRET = "sk-topsecret-4711";
const RAW = "RAW-UPSTREAM-WORDS";
const world = useWorld({
	settings: { FIRST_TOKEN_TIMEOUT: "2s", STREAM_IDLE_TIMEOUT: "1s", HEARTBEAT_INTERVAL: "300ms", LOG_LEVEL: "debug" },
	model: { key: SECRET },
	query: "",
});

type Fault = {
	readonly what: string;
	readonly code: ErrorCode;
	/** Of `/chat/message`. */
	readonly status: number;
	/** A cue for the fake's own answer. */
	readonly cue?: string;
	/** Or steps of our own. */
	readonly script?: Script;
	/** What had arrived before; empty unless told. */
	readonly text?: string;
};

const page = `<!doctype html><title>${RAW}</title><p>http://10.0.0.9:8080/secret</p>`;
const json = (message: string) => JSON.stringify({ error: { message: `${message} http://10.0.0.9:8080 ${SECRET}`, type: "x" } });

const FAULTS: readonly Fault[] = [
	{ what: "takes the request and says nothing", code: "upstream_timeout", status: 504, cue: "[silent]" },
	{ what: "falls silent after 3 tokens", code: "upstream_timeout", status: 504, cue: "[tokens 9] [stall 3]", text: "t0 t1 t2 " },
	{ what: "ends without its end mark", code: "upstream_reset", status: 502, cue: "[tokens 9] [cut 3]", text: "t0 t1 t2 " },
	{ what: "ends without its end mark, having said nothing", code: "upstream_reset", status: 502, cue: "[tokens 9] [cut 0]" },
	{ what: "breaks in the middle of a chunk", code: "upstream_reset", status: 502, cue: "[tokens 9] [reset 3]", text: "t0 t1 t2 " },
	{ what: "sends 4 frames that are no JSON", code: "upstream_protocol", status: 502, cue: "[garbage 4]" },
	{ what: "sends a line without end", code: "upstream_protocol", status: 502, cue: "[long line]" },
	{ what: "sends an HTML page with 200", code: "upstream_protocol", status: 502, script: response(200, "text/html", page) },
	{ what: "sends an HTML page with 502", code: "upstream_error", status: 502, script: response(502, "text/html", page) },
	{ what: "answers 500", code: "upstream_error", status: 502, script: response(500, "application/json", json(RAW)) },
	{ what: "reports an error after 3 tokens", code: "upstream_error", status: 502, cue: "[tokens 9] [error 3]", text: "t0 t1 t2 " },
	{ what: "does not take our key (401)", code: "upstream_auth", status: 502, script: response(401, "application/json", json(RAW)) },
	{ what: "does not let us in (403)", code: "upstream_auth", status: 502, script: response(403, "application/json", json(RAW)) },
	{ what: "refuses the request (400)", code: "upstream_rejected", status: 502, script: response(400, "application/json", json(RAW)) },
	{ what: "is busy (429)", code: "upstream_busy", status: 503, script: response(429, "application/json", json(RAW), ["retry-after: 7"]) },
	{ what: "is busy (503)", code: "upstream_busy", status: 503, script: response(503, "application/json", json(RAW), ["retry-after: 7"]) },
	{
		what: "redirects",
		code: "upstream_protocol",
		status: 502,
		script: response(307, "text/plain", RAW, [`location: http://10.0.0.9:8080/${SECRET}`]),
	},
];

/** Nothing of the model server may be in what a client gets. */
function expectOurWordsOnly(text: string): void {
	for (const secret of [RAW, SECRET, "10.0.0.9", world.model.origin, String(world.model.port), "as you asked", "out of memory"]) {
		expect(text).not.toContain(secret);
	}
	expect(text).not.toMatch(/\bat \S+:\d+:\d+|\/src\/|\.ts\b|SELECT |http:\/\//);
}

describe("a model server that", () => {
	for (const { what, code, status, cue, script, text = "" } of FAULTS) {
		test(`${what}: ${code} in one error event, ${status} on /chat/message; the prompt is kept, and ${text === "" ? "the answer is `error`" : "the part is `interrupted`"}`, async () => {
			const { person, sessionId } = await world.visitor();
			await pauseIsOver(person);
			world.model.answerWith((request) =>
				request.method !== "POST" ? undefined : typeof script === "function" ? script(request) : script,
			);
			const prompt = cue ?? "hello";
			const stream = await person.stream({ sessionId, prompt });
			expect(stream.status()).toBe(200);
			const error = await stream.until("error");
			expect(await stream.over()).toBe("complete");
			expect(error).toMatchObject({ code, error: ERROR_SENTENCES[code] });
			expect(typeof error.retryable).toBe("boolean");
			expect(stream.events().filter((event) => event.type === "error" || event.type === "end").length).toBe(1);
			expect(stream.text()).toBe(text);
			expectOurWordsOnly(stream.raw());
			const [asked, answer] = await person.messages(sessionId);
			expect(asked).toMatchObject({ role: "user", content: prompt, status: "sent" });
			expect(answer).toMatchObject({ content: text, status: text === "" ? "error" : "interrupted", errorCode: code });
			expect(world.model.chats.at(-1)?.path).toBe("/v1/chat/completions");

			const reply = await person.call("POST", "/chat/message", { sessionId, prompt });
			world.model.answerWith(undefined);
			expect(reply.headers.get("content-type")).toStartWith("application/problem+json");
			expect(reply.body).toMatchObject({ status, code, detail: ERROR_SENTENCES[code] });
			expect(reply.status).toBe(status);
			expectOurWordsOnly(reply.text);
			expect((await person.messages(sessionId)).at(-1)).toMatchObject({ errorCode: code, content: text });
		});
	}

	test("is busy and says for how long: /chat/message passes Retry-After on, at most an hour", async () => {
		for (const [said, passed] of [
			["7", "7"],
			["86400", "3600"],
		] as const) {
			const { person, sessionId } = await world.visitor();
			world.model.answerWith((request) =>
				request.method === "POST" ? response(429, "application/json", json(RAW), [`retry-after: ${said}`]) : undefined,
			);
			const reply = await person.call("POST", "/chat/message", { sessionId, prompt: "hello" });
			world.model.answerWith(undefined);
			expect([reply.status, reply.headers.get("retry-after")]).toEqual([503, passed]);
		}
	});

	test("redirects gets no second request, and nobody else gets the prompt or the key", async () => {
		const trap = startModelServer();
		try {
			const { person, sessionId } = await world.visitor();
			world.model.answerWith((request) =>
				request.method === "POST" ? response(307, "text/plain", "", [`location: ${trap.baseUrl}/chat/completions`]) : undefined,
			);
			const stream = await person.stream({ sessionId, prompt: "secret words" });
			await stream.until("error");
			world.model.answerWith(undefined);
			expect(trap.connections).toBe(0);
		} finally {
			trap.stop();
		}
	});
});

/** A model server that failed is left alone for a moment, but never when it is the only one. */
async function pauseIsOver(person: Person): Promise<void> {
	expect((await person.call("GET", "/llm/models")).status).toBe(200);
}

describe("what is forgiven", () => {
	test("3 frames that are no JSON are skipped", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[garbage 3]" });
		await stream.until("end");
		expect(stream.text()).toBe("Hello from the fake model.");
	});

	test("a whole JSON completion in place of a stream is one token", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[json]" });
		await stream.until("end");
		expect(stream.events().map((event) => event.type)).toEqual(["start", "token", "end"]);
		expect(stream.text()).toBe("Hello from the fake model.");
	});

	test("the end mark twice and tokens after it: one `end`, the rest is dropped", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[twice]" });
		await stream.over();
		expect(stream.events().filter((event) => event.type === "end").length).toBe(1);
		expect(stream.raw()).not.toContain("after the end");
		expect((await person.messages(sessionId)).at(-1)?.content).toBe("Hello from the fake model.");
	});

	test("text cut at every byte arrives as it was written", async () => {
		const { person, sessionId } = await world.visitor();
		const text = "Grüße, 世界 👩‍🚀 — ok";
		const whole = [frame({ content: text }), ...ending("stop", 1, 1)].flatMap((step) => ("send" in step ? [Buffer.from(step.send)] : []));
		const bytes = Buffer.concat(whole);
		world.model.answerWith((request) =>
			request.method === "POST" ? [streamHead(), ...[...bytes].map((byte) => ({ send: Uint8Array.of(byte) })), lastChunk] : undefined,
		);
		const stream = await person.stream({ sessionId, prompt: "hello" });
		await stream.until("end");
		world.model.answerWith(undefined);
		expect(stream.text()).toBe(text);
	});
});

describe("a model server that cannot be reached", () => {
	test("upstream_unreachable within 2 s; the prompt is kept, the answer is `error`", async () => {
		const gone = startModelServer();
		gone.stop();
		const server = await startServer({ settings: { UPSTREAMS: `openai+http://:${SECRET}@127.0.0.1:${gone.port}/v1?model=fake` } });
		try {
			const person = await server.signup();
			const sessionId = await person.createSession();
			const startedAt = performance.now();
			const stream = await person.stream({ sessionId, prompt: "hello" });
			expect(await stream.until("error")).toEqual({
				type: "error",
				code: "upstream_unreachable",
				error: ERROR_SENTENCES.upstream_unreachable,
				retryable: true,
			});
			expect(performance.now() - startedAt).toBeLessThan(2500);
			expect(stream.raw()).not.toContain(String(gone.port));
			expect(await person.messages(sessionId)).toMatchObject([
				{ content: "hello", status: "sent" },
				{ content: "", status: "error", errorCode: "upstream_unreachable" },
			]);
			const reply = await person.call("POST", "/chat/message", { sessionId, prompt: "hello" });
			expect([reply.status, reply.body.code]).toEqual([502, "upstream_unreachable"]);
			expect(server.output()).not.toContain(SECRET);
		} finally {
			await server.stop();
		}
	});

	test("is used again as soon as it is back, without a restart", async () => {
		const gone = startModelServer();
		gone.stop();
		const server = await startServer({ settings: { UPSTREAMS: `openai+http://127.0.0.1:${gone.port}/v1` } });
		try {
			const person = await server.signup();
			const sessionId = await person.createSession();
			await (await person.stream({ sessionId, prompt: "hello" })).until("error");
			const back = startModelServer({ port: gone.port });
			try {
				await eventually(
					"an answer comes",
					async () => (await person.call("POST", "/chat/message", { sessionId, prompt: "hello" })).status === 200,
				);
			} finally {
				back.stop();
			}
		} finally {
			await server.stop();
		}
	});

	test("is replaced by another one that serves the same model, before the first token and without a word to the client", async () => {
		const [first, second] = [startModelServer(), startModelServer({ tokens: ["from ", "the ", "second"] })];
		const server = await startServer({ settings: { UPSTREAMS: `openai+${first.baseUrl},openai+${second.baseUrl}` } });
		try {
			const person = await server.signup();
			const sessionId = await person.createSession();
			first.answerWith((request) => (request.method === "POST" ? response(503, "application/json", json(RAW)) : undefined));
			const stream = await person.stream({ sessionId, prompt: "hello" });
			await stream.until("end");
			expect(stream.text()).toBe("from the second");
			expect(first.chats.length).toBe(1);
			expect(second.chats.length).toBe(1);
			expect((await person.messages(sessionId)).length).toBe(2);
			// After the first token nothing is tried again: the client has it already.
			first.answerWith(undefined);
			await Bun.sleep(1100);
			const broken = await person.stream({ sessionId, prompt: "[tokens 9] [reset 3]" });
			expect((await broken.until("error")).code).toBe("upstream_reset");
			expect(first.chats.length + second.chats.length).toBe(3);
		} finally {
			await server.stop();
			first.stop();
			second.stop();
		}
	});
});

describe("no model server at all", () => {
	test("a clear problem before anything is stored: 503 no_upstream, which says what to do", async () => {
		await using none = await openWorld({ settings: { UPSTREAMS: "" } });
		const { person, sessionId } = await none.visitor();
		for (const path of ["/chat/stream", "/chat/message"]) {
			const reply = await person.call("POST", path, { sessionId, prompt: "hello" });
			// On a machine with a model server of its own, that one is found.
			if (none.server.output().includes("Found ")) return expect(reply.body.code).not.toBe("no_upstream");
			expect([reply.status, reply.body.code, reply.body.detail]).toEqual([503, "no_upstream", ERROR_SENTENCES.no_upstream]);
		}
		expect(await person.messages(sessionId)).toEqual([]);
		expect(ERROR_SENTENCES.no_upstream).toContain("UPSTREAMS");
	});

	test("a model that no server offers: 404 model_not_found, and nothing is stored", async () => {
		const { person, sessionId } = await world.visitor();
		const reply = await person.call("POST", "/chat/stream", { sessionId, prompt: "hello", model: "no-such-model" });
		expect([reply.status, reply.body.code]).toEqual([404, "model_not_found"]);
		expect(await person.messages(sessionId)).toEqual([]);
	});
});

test("the operator's log at the debug level holds what the model server said, but never the key; people's log has no prompt", async () => {
	const { person, sessionId } = await world.visitor();
	world.model.answerWith((request) => (request.method === "POST" ? response(500, "application/json", json(RAW)) : undefined));
	await (await person.stream({ sessionId, prompt: "my private words" })).until("error");
	world.model.answerWith(undefined);
	await eventually("the log has it", () => world.server.output().includes(RAW));
	expect(world.server.output()).not.toContain(SECRET);
	expect(world.server.output()).not.toContain("my private words");
	expect(world.server.output()).not.toContain(person.token);
});
