// CORS: closed until origins are named, then open for exactly those, on every answer there is.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startModelServer } from "../support/model-server.ts";
import { type Call, type Gateway, startGateway } from "./gateway.ts";

const WEB = "https://chat.example";
const model = startModelServer();
let closed: Gateway;
let open: Gateway;
beforeAll(async () => {
	[closed, open] = await Promise.all([
		startGateway(),
		startGateway({
			settings: {
				ALLOWED_ORIGINS: `${WEB}, http://localhost:5173`,
				UPSTREAMS: `openai+${model.baseUrl}`,
				RATE_LIMIT_LOGIN: "3/minute",
			},
		}),
	]);
}, 60_000);
afterAll(async () => {
	await Promise.all([closed.stop(), open.stop()]);
	model.stop();
}, 30_000);

const PREFLIGHT = { "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type" };

describe("without ALLOWED_ORIGINS no answer lets another origin in", () => {
	for (const [what, method, path, call] of [
		["an answer", "GET", "/", {}],
		["an error", "GET", "/api/v1/auth/me", {}],
		["a preflight", "OPTIONS", "/api/v1/auth/login", { headers: PREFLIGHT }],
	] as const) {
		test(what, async () => {
			const reply = await closed.root(method, path, { headers: { ...("headers" in call ? call.headers : {}), origin: WEB } });
			expect([...reply.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
		});
	}
	test("and the operator is told once which setting it is", async () => {
		await closed.root("GET", "/", { headers: { origin: "https://refused.example" } });
		const again = await closed.root("GET", "/", { headers: { origin: "https://refused.example" } });
		const lines = (await closed.outputAfter(again)).split("\n").filter((line) => line.includes("https://refused.example"));
		expect(lines.length).toBe(1);
		expect(lines[0]).toContain("ALLOWED_ORIGINS");
	});
});

describe("with ALLOWED_ORIGINS exactly those are let in", () => {
	for (const origin of [WEB, "http://localhost:5173"]) {
		test(origin, async () => {
			const { headers } = await open.root("GET", "/", { headers: { origin } });
			expect(headers.get("access-control-allow-origin")).toBe(origin);
			expect(headers.get("access-control-allow-credentials")).toBe("true");
			expect(headers.get("vary")).toContain("Origin");
		});
	}
	for (const origin of [
		"https://chat.example.evil",
		"https://evil-chat.example",
		"http://chat.example",
		"https://chat.example:8443",
		"https://CHAT.example",
		"null",
		"*",
	]) {
		test(`not ${origin}`, async () => {
			for (const headers of [{ origin }, { origin, ...PREFLIGHT }]) {
				const reply = await open.root("access-control-request-method" in headers ? "OPTIONS" : "GET", "/api/v1/auth/me", { headers });
				expect(reply.headers.get("access-control-allow-origin")).toBeNull();
				expect(reply.headers.get("vary")).toContain("Origin");
			}
		});
	}
});

describe("every answer carries the fields of an allowed origin", () => {
	const headers = { origin: WEB };
	const expectFields = (reply: { headers: Headers }) => {
		expect(reply.headers.get("access-control-allow-origin")).toBe(WEB);
		expect(reply.headers.get("access-control-allow-credentials")).toBe("true");
		const exposed = reply.headers.get("access-control-expose-headers") ?? "";
		for (const name of ["retry-after", "ratelimit", "ratelimit-policy", "x-request-id"]) expect(exposed).toContain(name);
	};
	for (const [status, method, path, call] of [
		[200, "GET", "/", {}],
		[400, "POST", "/api/v1/auth/login", { raw: "{", headers: { "content-type": "application/json" } }],
		[400, "GET", "/%", {}],
		[401, "GET", "/api/v1/auth/me", {}],
		[401, "GET", "/api/v1/auth/me", { token: "garbage" }],
		[404, "GET", "/api/v1/nope", {}],
		[405, "DELETE", "/api/v1/auth/login", {}],
		[413, "POST", "/api/v1/auth/login", { raw: "x".repeat(17_000), headers: { "content-type": "application/json" } }],
		[415, "POST", "/api/v1/auth/login", { raw: "a=b", headers: { "content-type": "text/plain" } }],
		[422, "POST", "/api/v1/auth/login", { body: {} }],
	] satisfies (readonly [number, string, string, Call])[]) {
		test(`${status} ${method} ${path}`, async () => {
			const reply = await open.root(method, path, { ...call, headers: { ...("headers" in call ? call.headers : {}), ...headers } });
			expect(reply.status).toBe(status);
			expectFields(reply);
		});
	}
	test("204, 500 and a stream", async () => {
		const anna = await open.signup("anna@box.local");
		const { token } = anna;
		const id = (await open.call("POST", "/chat/sessions", { token, body: {} })).textAt("id");
		const stream = await open.call("POST", "/chat/stream", { token, headers, body: { sessionId: id, prompt: "Hello" } });
		expect(stream.headers.get("content-type")).toStartWith("text/event-stream");
		expectFields(stream);
		open.write("UPDATE sessions SET metadata = '{broken' WHERE id = ?", id);
		const failed = await open.call("GET", `/chat/sessions/${id}`, { token, headers });
		expect(failed.status).toBe(500);
		expectFields(failed);
		const gone = await open.call("POST", "/auth/logout", { token, headers });
		expect(gone.status).toBe(204);
		expectFields(gone);
	});
	test("429", async () => {
		for (let i = 0; ; i++) {
			const reply = await open.call("POST", "/auth/login", { headers, body: { email: "x@box.local", password: "x" } });
			expectFields(reply);
			if (reply.status === 429) break;
			expect(i).toBeLessThan(5);
		}
	});
	test("a preflight", async () => {
		for (const path of ["/api/v1/auth/login", "/api/v1/chat/sessions/0123456789abcdef01234567", "/api/v1/nope"]) {
			const reply = await open.root("OPTIONS", path, { headers: { ...headers, ...PREFLIGHT } });
			expect([path, reply.status, reply.text]).toEqual([path, 204, ""]);
			expect(reply.headers.get("access-control-allow-origin")).toBe(WEB);
			for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"])
				expect(reply.headers.get("access-control-allow-methods")?.split(", ")).toContain(method);
			for (const name of ["authorization", "content-type", "last-event-id"])
				expect(reply.headers.get("access-control-allow-headers")?.toLowerCase()).toContain(name);
		}
	});
});
