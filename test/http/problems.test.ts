// Errors on the wire: one shape for every kind of error, the right status for verbs and addresses, and what stands on every answer.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Account, type Call, type Gateway, type Reply, startGateway } from "./gateway.ts";

let gateway: Gateway;
let anna: Account;
let session: string;
beforeAll(async () => {
	gateway = await startGateway();
	anna = await gateway.signup("anna@box.local");
	session = (await gateway.call("POST", "/chat/sessions", { token: anna.token, body: {} })).textAt("id");
}, 60_000);
afterAll(() => gateway.stop(), 30_000);

const UNKNOWN = "0123456789abcdef01234567";

function expectProblem(reply: Reply, status: number, code: string): void {
	expect(reply.status).toBe(status);
	expect(reply.headers.get("content-type")).toBe("application/problem+json");
	expect(reply.at("code")).toBe(code);
	expect(reply.at("status")).toBe(status);
	expect(reply.textAt("detail")).toMatch(/^[\w"].*\.?$/);
	expect(reply.at("message")).toBe(reply.at("detail"));
	expect(reply.textAt("title")).not.toBe("Error");
	expect(reply.textAt("type")).not.toBe("");
	expect(reply.textAt("requestId")).toBe(reply.headers.get("x-request-id") ?? "");
}

describe("every kind of error has the one shape", () => {
	type Kind = readonly [status: number, code: string, method: string, path: string, call?: Call];
	const token = () => ({ token: anna.token });
	const kinds: Readonly<Record<string, () => Kind>> = {
		"no token": () => [401, "unauthenticated", "GET", "/auth/me"],
		"a bad token": () => [401, "invalid_token", "GET", "/auth/me", { token: "garbage" }],
		"wrong credentials": () => [401, "invalid_credentials", "POST", "/auth/login", { body: { email: "a@b.c", password: "no" } }],
		"a bad refresh token": () => [401, "invalid_refresh_token", "POST", "/auth/refresh", { body: { refreshToken: "no" } }],
		"not an administrator": () => [403, "forbidden", "GET", "/admin/metrics", token()],
		"a bad setup token": () => [
			403,
			"invalid_setup_token",
			"POST",
			"/auth/setup",
			{ body: { token: "x", email: "b@b.c", password: "a-Tall-ladder-77" } },
		],
		"a bad reset token": () => [
			403,
			"invalid_reset_token",
			"POST",
			"/auth/password-reset/confirm",
			{ body: { token: "x", newPassword: "a-Tall-ladder-77" } },
		],
		"an unknown address": () => [404, "not_found", "GET", "/nope"],
		"an unknown session": () => [404, "session_not_found", "GET", `/chat/sessions/${UNKNOWN}`, token()],
		"an unknown generation": () => [404, "generation_not_found", "POST", `/chat/generations/${UNKNOWN}/stop`, token()],
		"an unknown model": () => [404, "model_not_found", "GET", "/llm/models/nope", token()],
		"a verb that is not taken": () => [405, "method_not_allowed", "DELETE", "/auth/login"],
		"an address that is taken": () => [
			409,
			"email_taken",
			"POST",
			"/auth/signup",
			{ body: { email: "ANNA@box.local", password: "a-Tall-ladder-77" } },
		],
		"no JSON": () => [400, "bad_json", "POST", "/auth/login", { raw: "{", headers: { "content-type": "application/json" } }],
		"a form": () => [
			415,
			"unsupported_media_type",
			"POST",
			"/auth/login",
			{ raw: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } },
		],
		"a body that is too large": () => [413, "body_too_large", "POST", "/auth/login", { body: { email: "x".repeat(20_000) } }],
		"a missing member": () => [422, "validation_failed", "POST", "/auth/login", { body: {} }],
		"no id": () => [422, "invalid_id", "GET", "/chat/sessions/nope", token()],
		"a weak password": () => [422, "weak_password", "POST", "/auth/signup", { body: { email: "c@b.c", password: "short" } }],
		"no model server that answers": () => [
			502,
			"upstream_unreachable",
			"POST",
			"/chat/message",
			{ ...token(), body: { sessionId: session, prompt: "x" } },
		],
	};
	for (const [what, kind] of Object.entries(kinds)) {
		test(what, async () => {
			const [status, code, method, path, call] = kind();
			expectProblem(await gateway.call(method, path, call), status, code);
		});
	}

	test("an unexpected failure says nothing of its cause, and the log has it under the request's id", async () => {
		const id = (await gateway.call("POST", "/chat/sessions", { token: anna.token, body: {} })).textAt("id");
		gateway.write("UPDATE sessions SET metadata = '{broken' WHERE id = ?", id);
		const reply = await gateway.call("GET", `/chat/sessions/${id}`, { token: anna.token });
		expectProblem(reply, 500, "internal");
		expect(reply.text).not.toMatch(/JSON|broken|sqlite|src\//i);
		const lines = (await gateway.outputAfter(reply)).split("\n");
		const logged = lines.find((line) => line.includes(reply.textAt("requestId")) && line.includes('"error"'));
		expect(logged).toContain("stack");
		gateway.write("DELETE FROM sessions WHERE id = ?", id);
	});
});

test("401 says how to sign in: without an error code when there was no token, with invalid_token when there was one (RFC 6750)", async () => {
	const challenge = async (call: Call) => (await gateway.call("GET", "/auth/me", call)).headers.get("www-authenticate");
	expect(await challenge({})).toBe('Bearer realm="pocketllm"');
	expect(await challenge({ token: "x.y.z" })).toBe('Bearer realm="pocketllm", error="invalid_token"');
	expect(await challenge({ headers: { authorization: "Basic YTpi" } })).toBe('Bearer realm="pocketllm"');
});

describe("a validation message never holds the value", () => {
	const secret = "Sw0rdfish-in-a-field";
	for (const [what, path, body] of [
		["an address", "/auth/signup", { email: `${secret}@@`, password: "a-Tall-ladder-77" }],
		["a password", "/auth/signup", { email: "d@b.c", password: secret.slice(0, 4) }],
		["a password of another type", "/auth/signup", { email: "d@b.c", password: [secret] }],
		["a picture", "/auth/signup", { email: "d@b.c", password: "a-Tall-ladder-77", avatar_url: `javascript:${secret}` }],
		["a name", "/auth/signup", { email: "d@b.c", password: "a-Tall-ladder-77", name: { secret } }],
		["a refresh token", "/auth/refresh", { refreshToken: { secret } }],
		["a password with a lone surrogate", "/auth/login", { email: "d@b.c", password: `${secret}\ud800` }],
		["a password with NUL", "/auth/login", { email: "d@b.c", password: `${secret}\0` }],
	] as const) {
		test(what, async () => {
			const reply = await gateway.call("POST", path, { body });
			expect([422, 401]).toContain(reply.status);
			expect(reply.text).not.toContain(secret.slice(0, 4));
			expect(reply.textAt("errors.0.path")).toMatch(/^body/);
			expect(reply.textAt("errors.0.message")).not.toBe("");
		});
	}
	test("a query", async () => {
		const reply = await gateway.call("GET", `/chat/sessions?sortBy=${secret}`, { token: anna.token });
		expectProblem(reply, 422, "validation_failed");
		expect(reply.text).not.toContain(secret);
		expect(reply.at("errors.0.path")).toBe("query.sortBy");
	});

	for (const [address, path] of [
		["/chat/sessions?limit=0", "query.limit"],
		["/chat/sessions?page=1&limit=101", "query.limit"],
		["/chat/sessions?limit=1&page=0", "query.page"],
		["/chat/sessions?limit=many", "query.limit"],
		["/chat/sessions/000000000000000000000000/messages?offset=-1", "query.offset"],
		["/sessions/000000000000000000000000/messages?limit=0", "query.limit"],
		["/chat/generations/000000000000000000000000/events?after=-1", "query.after"],
	] as const) {
		test(`a number out of bounds is told by its name: ${address}`, async () => {
			const reply = await gateway.call("GET", address, { token: anna.token });
			expectProblem(reply, 422, "validation_failed");
			expect(reply.textAt("errors.0.path")).toBe(path);
			expect(reply.textAt("detail")).toStartWith(`${path} must be a whole number from `);
		});
	}
});

describe("a known address with another verb is 405 and says which it takes", () => {
	for (const [method, path, allow] of [
		["GET", "/api/v1/auth/login", "POST"],
		["POST", "/api/v1/auth/me", "GET, HEAD"],
		["PUT", "/api/v1/chat/sessions/nope", "GET, HEAD, PATCH, DELETE"],
		["DELETE", "/api/v1/chat/sessions", "GET, HEAD, POST"],
		["DELETE", "/api/v1/chat/sessions/", "GET, HEAD, POST"],
		["GET", "/api/v1/chat/stream", "POST"],
		["POST", "/healthz", "GET, HEAD"],
		["OPTIONS", "/api/v1/auth/login", "POST"],
		["PROPFIND", "/", "GET, HEAD"],
	] as const) {
		test(`${method} ${path}`, async () => {
			const reply = await gateway.root(method, path);
			expectProblem(reply, 405, "method_not_allowed");
			expect(reply.headers.get("allow")).toBe(allow);
		});
	}
});

test("an unknown address is 404 for anybody, whatever the verb", async () => {
	for (const token of [undefined, anna.token, "garbage"]) {
		for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
			expectProblem(await gateway.call(method, "/nope", { token }), 404, "not_found");
			expectProblem(await gateway.root(method, "/admin/../../etc", { token }), 404, "not_found");
		}
	}
});

test("both forms of an address answer alike", async () => {
	for (const path of ["/auth/me", "/chat/sessions", `/chat/sessions/${session}`, `/chat/sessions/${session}/messages`, "/llm/models"]) {
		const bare = await gateway.call("GET", path, { token: anna.token });
		const slashed = await gateway.call("GET", `${path}/`, { token: anna.token });
		expect([bare.status, slashed.status]).toEqual([200, 200]);
		expect(slashed.json).toEqual(bare.json);
	}
	expect((await gateway.call("GET", "/chat/sessions/?page=2", { token: anna.token })).at("page")).toBe(2);
	for (const path of ["/auth/login", "/auth/login/"]) {
		expectProblem(await gateway.call("POST", path, { body: { email: "a@b.c", password: "x" } }), 401, "invalid_credentials");
	}
});

test("HEAD answers as GET does, without the content", async () => {
	for (const [path, status] of [
		["/", 200],
		["/healthz", 200],
		["/api/v1/auth/me", 401],
		["/api/v1/nope", 404],
	] as const) {
		const reply = await gateway.root("HEAD", path);
		expect([path, reply.status, reply.text]).toEqual([path, status, ""]);
		expect(reply.headers.get("content-type")).toBe((await gateway.root("GET", path)).headers.get("content-type"));
	}
	const mine = await gateway.call("HEAD", `/chat/sessions/${session}`, { token: anna.token });
	expect([mine.status, mine.text]).toEqual([200, ""]);
	expect((await gateway.call("HEAD", "/auth/login")).status).toBe(405);
});

describe("content-type: application/json with an empty body is never a 400", () => {
	const headers = { "content-type": "application/json" };
	for (const [method, path, status] of [
		["GET", "/auth/me", 200],
		["GET", "/users/profile", 200],
		["GET", "/chat/sessions", 200],
		["GET", "/chat/sessions/SESSION", 200],
		["GET", "/chat/sessions/SESSION/messages", 200],
		["GET", "/chat/sessions/SESSION/generation", 204],
		["GET", "/sessions/SESSION/messages", 200],
		["GET", "/llm/models", 200],
		["POST", "/chat/sessions/SESSION/generate-title", 200],
		["DELETE", "/chat/sessions/SESSION/messages", 204],
		["POST", "/auth/refresh", 200],
		["POST", `/chat/generations/${UNKNOWN}/stop`, 404],
		["POST", `/admin/users/${UNKNOWN}/toggle-admin`, 403],
		["DELETE", "/chat/sessions/SESSION", 204],
		["POST", "/auth/logout", 204],
	] as const) {
		test(`${method} ${path}`, async () => {
			const bert = path === "/auth/logout" ? await gateway.signup("bert@box.local") : anna;
			const mine = (await gateway.call("POST", "/chat/sessions", { token: bert.token, body: {} })).textAt("id");
			const reply = await gateway.call(method, path.replace("SESSION", mine), { token: bert.token, headers });
			expect(reply.status).toBe(status);
		});
	}
	test("where a body is needed it is 422", async () => {
		for (const path of ["/auth/login", "/auth/signup", "/chat/sessions", "/chat/stream", "/chat/message"]) {
			expectProblem(await gateway.call("POST", path, { token: anna.token, headers }), 422, "validation_failed");
		}
		expectProblem(await gateway.call("PATCH", `/chat/sessions/${session}`, { token: anna.token, headers }), 422, "validation_failed");
	});
});

test("every answer has the security fields and a request id of its own", async () => {
	const ids = new Set<string>();
	const replies = [
		await gateway.root("GET", "/"),
		await gateway.root("GET", "/nope"),
		await gateway.root("GET", "/", { headers: { host: "a/b" } }),
		await gateway.call("GET", "/auth/me", { token: anna.token }),
		await gateway.call("GET", "/auth/me"),
		await gateway.call("PUT", "/auth/login"),
		await gateway.call("POST", "/auth/login", { body: {} }),
		await gateway.call("POST", "/auth/logout"),
	];
	for (const { headers } of replies) {
		expect(headers.get("x-content-type-options")).toBe("nosniff");
		expect(headers.get("referrer-policy")).toBe("no-referrer");
		expect(headers.get("cache-control")).toBe("no-store");
		expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
		expect(headers.has("server")).toBe(false);
		expect(headers.has("set-cookie")).toBe(false);
		ids.add(headers.get("x-request-id") ?? "");
	}
	expect(ids.size).toBe(replies.length);
	expect(ids.has("")).toBe(false);
});
