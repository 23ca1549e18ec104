// Line 14: what a browser is told with every kind of answer. The table of origins stands in test/http/cors.test.ts.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { type Account, type Call, type Gateway, QUICK_HASHES, type Reply, startGateway } from "../http/gateway.ts";
import { type ApiDocument, rowsOf } from "../reference/schema.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { attack } from "./table.ts";

describe("browsers", () => {
	let model: ModelServer;
	let gateway: Gateway;
	let limited: Gateway;
	let anna: Account;
	let sessionId: string;
	let paths: readonly (readonly [method: string, path: string])[];
	beforeAll(async () => {
		model = startModelServer();
		gateway = await startGateway({ settings: { ...QUICK_HASHES, UPSTREAMS: `openai+${model.baseUrl}` } });
		limited = await startGateway({ settings: { ...QUICK_HASHES, RATE_LIMIT_GLOBAL: "1/minute" } });
		anna = await gateway.signup("anna@box.local");
		sessionId = (await gateway.call("POST", "/chat/sessions", { token: anna.token, body: {} })).textAt("id");
		const document: ApiDocument = JSON.parse((await gateway.call("GET", "/docs/openapi.json")).text);
		paths = rowsOf(document).map(({ method, path }) => [method, path.replace("{id}", "0123456789abcdef01234567")]);
	}, 60_000);
	afterAll(async () => {
		await gateway.stop();
		await limited.stop();
		model.stop();
	}, 30_000);

	function checkFields(where: string, { headers }: Reply): void {
		const policy = headers.get("content-security-policy") ?? "";
		const seen = {
			sniff: headers.get("x-content-type-options"),
			referrer: headers.get("referrer-policy"),
			isFramed: !policy.includes("frame-ancestors 'none'"),
			hasDefault: policy.includes("default-src 'none'"),
			cookie: headers.get("set-cookie"),
			program: headers.get("server") ?? headers.get("x-powered-by"),
			// Only what is the same for everybody may be kept.
			isKept: headers.get("cache-control") !== "no-store" && !/\/(docs|openapi|setup|invite|reset)/.test(where),
		};
		const wanted = {
			sniff: "nosniff",
			referrer: "no-referrer",
			isFramed: false,
			hasDefault: true,
			cookie: null,
			program: null,
			isKept: false,
		};
		expect([where, seen]).toEqual([where, wanted]);
	}

	/** Answers of every kind: [what, the status, who answers, method, path below the root, call]. */
	const kinds = (): readonly (readonly [string, number, Gateway, string, string, Call?])[] => {
		const { token } = anna;
		const json = { "content-type": "application/json" };
		const turn = { sessionId, prompt: "Hello" };
		return [
			["the root", 200, gateway, "GET", "/", { headers: { accept: "application/json" } }],
			["the root for a browser", 200, gateway, "GET", "/", { headers: { accept: "text/html" } }],
			["health", 200, gateway, "GET", "/healthz"],
			["HEAD", 200, gateway, "HEAD", "/healthz"],
			["a page for accounts", 200, gateway, "GET", "/setup"],
			["the reference", 200, gateway, "GET", "/api/v1/docs"],
			["its script", 200, gateway, "GET", "/api/v1/docs/scalar.js"],
			["its document", 200, gateway, "GET", "/api/v1/openapi.json"],
			["JSON", 200, gateway, "GET", "/api/v1/auth/me", { token }],
			["a new thing", 201, gateway, "POST", "/api/v1/chat/sessions", { token, body: {} }],
			["nothing", 204, gateway, "POST", "/api/v1/auth/logout"],
			["a stream", 200, gateway, "POST", "/api/v1/chat/stream", { token, body: turn }],
			["a stream whose model fails", 200, gateway, "POST", "/api/v1/chat/stream", { token, body: { ...turn, prompt: "[status 500]" } }],
			["a model that fails", 502, gateway, "POST", "/api/v1/chat/message", { token, body: { ...turn, prompt: "[status 500]" } }],
			["an export", 200, gateway, "GET", "/api/v1/users/me/export", { token }],
			["bad JSON", 400, gateway, "POST", "/api/v1/auth/login", { raw: "{", headers: json }],
			["a bad Host", 400, gateway, "GET", "/", { headers: { host: "a b" } }],
			["nobody", 401, gateway, "GET", "/api/v1/auth/me"],
			["not for users", 403, gateway, "GET", "/api/v1/admin/metrics", { token }],
			["an unknown address", 404, gateway, "GET", "/nowhere"],
			["an unknown thing", 404, gateway, "GET", "/api/v1/chat/sessions/0123456789abcdef01234567", { token }],
			["another verb", 405, gateway, "DELETE", "/api/v1/auth/login"],
			["too much", 413, gateway, "POST", "/api/v1/auth/login", { raw: "x".repeat(20_000), headers: json }],
			["a form", 415, gateway, "POST", "/api/v1/auth/login", { raw: "a=b", headers: { "content-type": "text/plain" } }],
			["a bad body", 422, gateway, "POST", "/api/v1/auth/login", { body: {} }],
			["over the limit", 429, limited, "GET", "/api/v1/auth/me"],
		];
	};

	attack(14, "every kind of answer: pages, JSON, streams, failures of ours and of models, each status there is", async () => {
		await limited.call("GET", "/auth/me");
		const all = kinds();
		for (const [what, status, who, method, path, call] of all) {
			const reply = await who.root(method, path, call);
			expect([what, reply.status]).toEqual([what, status]);
			checkFields(`${what}: ${method} ${path}`, reply);
		}
		return { inputs: all.length, held: "nosniff, no-referrer, no-store, frame-ancestors 'none'; no cookie, no name of a program" };
	});

	attack(14, "every operation, called from a page of another origin, and asked for in advance by a browser", async () => {
		const origins = [
			"https://evil.example",
			"null",
			gateway.address.replace("127.0.0.1", "localhost"),
			`${gateway.address}.evil.example`,
			"http://127.0.0.1",
		];
		let inputs = 0;
		for (const [method, path] of paths) {
			for (const origin of origins) {
				const preflight = {
					origin,
					"access-control-request-method": method,
					"access-control-request-headers": "authorization",
					"access-control-request-private-network": "true",
				};
				for (const reply of [
					await gateway.root("OPTIONS", path, { headers: preflight }),
					await gateway.root(method, path, { headers: { origin } }),
				]) {
					inputs += 1;
					const allowed = [...reply.headers.keys()].filter((name) => name.startsWith("access-control-"));
					expect([method, path, origin, allowed]).toEqual([method, path, origin, []]);
					expect(reply.status).toBeLessThan(500);
				}
			}
		}
		return { inputs, held: "not one access-control field" };
	});

	attack(14, "a browser's own credentials: cookies, Basic, a token in the address", async () => {
		const { token, refreshToken } = anna;
		const tries: Call[] = [
			{ headers: { cookie: `token=${token}; access_token=${token}; session=${token}; refreshToken=${refreshToken}` } },
			{ headers: { authorization: `Basic ${btoa(`anna@box.local:a-Tall-ladder-77`)}` } },
			{ headers: { "sec-websocket-protocol": `bearer, ${token}` } },
		];
		for (const call of tries) expect((await gateway.call("GET", `/auth/me?token=${token}&access_token=${token}`, call)).status).toBe(401);
		const refreshed = await gateway.call("POST", "/auth/refresh", { headers: { cookie: `refreshToken=${refreshToken}` } });
		expect(refreshed.status).toBe(401);
		return { inputs: tries.length + 1, held: "401: only the Authorization field counts, so no page can act for somebody" };
	});
});
