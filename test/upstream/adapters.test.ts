// What each adapter asks, what it finds when it looks, and how the local servers are found.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parseUpstream } from "../../src/config/upstreams.ts";
import type { Upstream, UpstreamRequest } from "../../src/ports/upstream.ts";
import { createUpstreams, type LocalPort, probeLocal, type UpstreamSetting } from "../../src/upstream/index.ts";
import { response } from "../support/model-answers.ts";
import { type ModelServer, type RecordedRequest, type Step, startModelServer } from "../support/model-server.ts";
import { collect } from "./collect.ts";

const recorded = (name: string): string => readFileSync(new URL(`../fixtures/upstream/${name}`, import.meta.url), "utf8");

let server: ModelServer;
beforeAll(() => {
	server = startModelServer({ slots: 3, contextLength: 2048, models: ["one", "two"] });
});
afterAll(() => server.stop());
afterEach(() => server.answerWith(undefined));

function create(setting: UpstreamSetting): Upstream {
	const [upstream] = createUpstreams([setting]);
	if (upstream === undefined) throw new Error("no upstream was made");
	return upstream;
}

/** Answers by path; anything else is 404. */
function answerPaths(paths: Readonly<Record<string, readonly Step[]>>): void {
	server.answerWith((request) => paths[request.path] ?? response(404, "text/plain", "404 page not found"));
}

const json = (body: string) => response(200, "application/json", body);

const REQUEST: UpstreamRequest = {
	model: "one",
	messages: [
		{ role: "system", content: "Be brief." },
		{ role: "user", content: "Hi" },
		{ role: "assistant", content: "Hello!" },
		{ role: "user", content: "Zoë?" },
	],
	temperature: 0.2,
	maxTokens: 9,
	sessionId: "6b041a9412dd6be4d314b5e0",
};

async function askedBy(setting: UpstreamSetting, request: UpstreamRequest = REQUEST): Promise<RecordedRequest> {
	await collect(create(setting), request);
	const last = server.requests.at(-1);
	if (last === undefined) throw new Error("nothing was asked");
	return last;
}

describe("the request", () => {
	test("of openai: model, messages, limits, stream with usage; bearer key; one connection", async () => {
		const asked = await askedBy({ kind: "openai", baseUrl: server.baseUrl, key: "sk-1" });
		expect(asked.method).toBe("POST");
		expect(asked.path).toBe("/v1/chat/completions");
		expect(asked.body).toEqual({
			model: "one",
			messages: REQUEST.messages,
			temperature: 0.2,
			max_tokens: 9,
			stream: true,
			stream_options: { include_usage: true },
		});
		expect(Object.fromEntries(asked.headers)).toEqual({
			host: `127.0.0.1:${server.port}`,
			"user-agent": "pocketllm",
			accept: "text/event-stream",
			connection: "close",
			authorization: "Bearer sk-1",
			"content-type": "application/json",
			"content-length": expect.any(String),
		});
	});

	test("of openai leaves out what was not asked for, and takes the pinned model", async () => {
		const asked = await askedBy(
			{ kind: "openai", baseUrl: server.baseUrl, model: "two" },
			{ messages: [{ role: "user", content: "x" }], sessionId: "s" },
		);
		expect(asked.body).toEqual({
			model: "two",
			messages: [{ role: "user", content: "x" }],
			stream: true,
			stream_options: { include_usage: true },
		});
		expect(asked.headers.has("authorization")).toBe(false);
	});

	test("of ollama: limits are options", async () => {
		const asked = await askedBy({ kind: "ollama", baseUrl: server.origin });
		expect(asked.path).toBe("/api/chat");
		expect(asked.body).toEqual({
			model: "one",
			messages: REQUEST.messages,
			stream: true,
			options: { temperature: 0.2, num_predict: 9 },
		});
	});

	test("of model-management: the prompt stands apart, and exactly once", async () => {
		const asked = await askedBy({ kind: "model-management", baseUrl: `${server.origin}/api/v1` });
		expect(asked.path).toBe("/api/v1/inference/chat/stream");
		expect(asked.body).toEqual({
			session_id: REQUEST.sessionId,
			prompt: "Zoë?",
			stream: true,
			temperature: 0.2,
			max_tokens: 9,
			messages: REQUEST.messages.slice(0, -1),
		});
	});

	test("of model-management has a message even when there is no history", async () => {
		const asked = await askedBy(
			{ kind: "model-management", baseUrl: `${server.origin}/api/v1` },
			{ messages: [{ role: "user", content: "Hi" }], sessionId: "s" },
		);
		expect(asked.body).toMatchObject({ prompt: "Hi", messages: [{ role: "system", content: expect.any(String) }] });
	});

	test("of a megabyte arrives whole", async () => {
		const content = "Größe ".repeat(150_000);
		const asked = await askedBy({ kind: "openai", baseUrl: server.baseUrl }, { messages: [{ role: "user", content }], sessionId: "s" });
		expect(asked.prompt).toBe(content);
	});
});

describe("a look at the server", () => {
	test("openai: models with their context, slots from /props", async () => {
		expect(await create({ kind: "openai", baseUrl: server.baseUrl }).inspect()).toEqual({
			models: [
				{ id: "one", contextLength: 2048 },
				{ id: "two", contextLength: 2048 },
			],
			slots: 3,
		});
	});

	test("openai: llama.cpp as recorded, vLLM's max_model_len, and no /props", async () => {
		answerPaths({ "/v1/models": json(recorded("llamacpp-models.json")) });
		expect(await create({ kind: "openai", baseUrl: server.baseUrl }).inspect()).toEqual({ models: [{ id: "2", contextLength: 2048 }] });
		answerPaths({ "/v1/models": json('{"object":"list","data":[{"id":"a","max_model_len":8192},{"id":""},7,null]}') });
		expect(await create({ kind: "openai", baseUrl: server.baseUrl }).inspect()).toEqual({ models: [{ id: "a", contextLength: 8192 }] });
	});

	test("ollama: tags, with what is in memory", async () => {
		answerPaths({ "/api/tags": json(recorded("ollama-tags.json")), "/api/ps": json(recorded("ollama-ps.json")) });
		const ollama = create({ kind: "ollama", baseUrl: server.origin });
		expect(await ollama.inspect()).toEqual({ models: [{ id: "smollm2:latest", loaded: true, contextLength: 2048 }] });
		answerPaths({ "/api/tags": json(recorded("ollama-tags.json")), "/api/ps": json('{"models":[]}') });
		expect(await ollama.inspect()).toEqual({ models: [{ id: "smollm2:latest", loaded: false }] });
		answerPaths({ "/api/tags": json(recorded("ollama-tags.json")) });
		expect(await ollama.inspect()).toEqual({ models: [{ id: "smollm2:latest" }] });
	});

	test("model-management: any answer means that it is there", async () => {
		answerPaths({ "/": response(500, "application/json", recorded("modelmanagement-health.json")) });
		const baseUrl = `${server.origin}/api/v1`;
		expect(await create({ kind: "model-management", baseUrl }).inspect()).toEqual({ models: [{ id: "default" }] });
		expect(await create({ kind: "model-management", baseUrl, model: "m" }).inspect()).toEqual({ models: [{ id: "m" }] });
	});

	test.each([
		["upstream_auth", response(401, "text/plain", "no")],
		["upstream_error", response(500, "text/plain", "no")],
		["upstream_error", response(404, "text/plain", "no")],
		["upstream_protocol", response(200, "text/html", "<html>")],
		["upstream_protocol", response(307, "text/plain", "", ["location: /x"])],
		["upstream_protocol", [{ end: "reset" }] satisfies Step[]],
	])("that fails rejects as %s", async (code, steps) => {
		server.answerWith(steps);
		for (const kind of ["openai", "ollama"] as const) {
			await expect(create({ kind, baseUrl: server.baseUrl }).inspect()).rejects.toMatchObject({ name: "PocketError", code });
		}
	});

	test("at a server that is not there rejects as upstream_unreachable", async () => {
		const gone = startModelServer();
		gone.stop();
		for (const kind of ["openai", "ollama", "model-management"] as const) {
			await expect(create({ kind, baseUrl: gone.baseUrl }).inspect()).rejects.toMatchObject({ code: "upstream_unreachable" });
		}
	});

	test("at a server that is silent rejects as upstream_timeout after 5 s", async () => {
		server.answerWith([{ end: "hang" }]);
		const started = performance.now();
		const look = create({ kind: "openai", baseUrl: server.baseUrl }).inspect();
		await expect(look).rejects.toMatchObject({ code: "upstream_timeout" });
		expect(performance.now() - started).toBeLessThan(8000);
	}, 15_000);
});

describe("the settings", () => {
	test("as the configuration reads them become upstreams with names that are unique", () => {
		const settings = ["openai+http://a:1/v1", "ollama+http://b:2", "openai+https://:KEY@c/v1?slots=2&model=m"].map(parseUpstream);
		expect(
			createUpstreams([...settings, { kind: "demo" }]).map(({ name, kind, pinnedModel, configuredSlots }) => [
				name,
				kind,
				pinnedModel,
				configuredSlots,
			]),
		).toEqual([
			["openai", "openai", undefined, undefined],
			["ollama", "ollama", undefined, undefined],
			["openai-2", "openai", "m", 2],
			["demo", "demo", undefined, undefined],
		]);
	});

	test.each(["file:///etc/passwd", "ftp://host/", "gopher://host", "nonsense"])("with the address %p are refused", (baseUrl) => {
		expect(() => createUpstreams([{ kind: "openai", baseUrl }])).toThrow("http or https");
	});

	test("with a key that would break out of its header are refused, and the key is not shown", () => {
		const key = "k\r\nx-evil: 1";
		expect(() => createUpstreams([{ kind: "openai", baseUrl: server.baseUrl, key }])).toThrow(
			/^A model server's key must be printable ASCII/,
		);
	});
});

describe("the demo model", () => {
	const demo = create({ kind: "demo" });

	test("offers itself, says what it is, and repeats a little of the prompt", async () => {
		expect(await demo.inspect()).toEqual({ models: [{ id: "demo", loaded: true }] });
		const got = await collect(demo, { messages: [{ role: "user", content: "one two three" }], sessionId: "s", maxTokens: 12 });
		expect(got.text).toBe("Hello! You wrote: “one two three”. I am the demo model that");
		expect(got.last).toEqual({ type: "finish", reason: "length", usage: { promptTokens: 3, completionTokens: 12 } });
	});

	test("falls silent when it is cancelled", async () => {
		let parts = 0;
		const call = demo.stream({ messages: [{ role: "user", content: "x" }], sessionId: "s" }, () => parts++);
		await Bun.sleep(120);
		call.cancel();
		const before = parts;
		expect(before).toBeGreaterThan(0);
		await Bun.sleep(120);
		expect(parts).toBe(before);
	});
});

describe("the look at the usual ports", () => {
	const others: ModelServer[] = [];
	afterAll(() => {
		for (const other of others) other.stop();
	});

	function serve(label: LocalPort["label"], paths: Readonly<Record<string, string>>): LocalPort {
		const other = startModelServer();
		other.answerWith((request) => {
			const body = paths[request.path];
			return body === undefined ? response(404, "text/html", "<html>") : json(body);
		});
		others.push(other);
		return { port: other.port, label };
	}

	const list = (owner: string) => `{"object":"list","data":[{"id":"m","owned_by":"${owner}"}]}`;

	test("knows servers by their answers, not by their ports", async () => {
		const ollama = serve("llama.cpp", {
			"/api/version": recorded("ollama-version.json"),
			"/api/tags": recorded("ollama-tags.json"),
			"/v1/models": list("library"),
		});
		const llama = serve("vLLM", { "/v1/models": recorded("llamacpp-models.json") });
		const vllm = serve("llama.cpp", { "/v1/models": list("vllm") });
		const studio = serve("LM Studio", { "/v1/models": list("organization_owner"), "/api/version": '{"error":"Unexpected endpoint"}' });
		const something = serve("llama.cpp", { "/v1/models": '{"models":[]}', "/api/version": '{"version":"2.1"}' });
		const nothing = startModelServer();
		nothing.stop();
		const ports = [ollama, llama, vllm, studio, something, { port: nothing.port, label: "vLLM" as const }];
		expect(await probeLocal({ ports })).toEqual([
			{ kind: "ollama", baseUrl: `http://127.0.0.1:${ollama.port}`, label: "Ollama" },
			{ kind: "openai", baseUrl: `http://127.0.0.1:${llama.port}/v1`, label: "llama.cpp" },
			{ kind: "openai", baseUrl: `http://127.0.0.1:${vllm.port}/v1`, label: "vLLM" },
			{ kind: "openai", baseUrl: `http://127.0.0.1:${studio.port}/v1`, label: "LM Studio" },
		]);
	});

	test("does not wait for a port that takes the connection and is silent", async () => {
		const silent = startModelServer();
		others.push(silent);
		silent.answerWith([{ end: "hang" }]);
		const started = performance.now();
		expect(await probeLocal({ ports: [{ port: silent.port, label: "vLLM" }] })).toEqual([]);
		// The promise is one second; the rest is for a busy machine.
		expect(performance.now() - started).toBeLessThan(2500);
	});
});
