// Host fields and request targets that no HTTP client sends: none reaches a handler by a way around the guard.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Account, type Gateway, startGateway, statusOf } from "./gateway.ts";

let gateway: Gateway;
let admin: Account;
beforeAll(async () => {
	gateway = await startGateway();
	admin = await gateway.claimSetup();
}, 60_000);
afterAll(() => gateway.stop(), 30_000);

const get = (target: string, host: string, more = "") =>
	gateway.bytes(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`);

describe("a malformed Host is 400 before any path is read", () => {
	for (const host of [
		"",
		"a/b",
		"a/api/v1/auth/login",
		"a?b",
		"a#b",
		"a@b",
		"a b",
		"a,b",
		"a\\b",
		"%00",
		"[::1",
		"[::::]",
		"1.2.3.999",
		"localhost:99999",
		"127.0.0.1:80:80",
		"localhost:x",
		"h\u00f6st",
	]) {
		test(JSON.stringify(host), async () => {
			for (const target of ["/healthz", "/api/v1/admin/users", "/api/v1/auth/me"]) {
				const answer = await get(target, host, `Authorization: Bearer ${admin.token}\r\n`);
				expect([target, statusOf(answer)]).toEqual([target, 400]);
				expect(answer).not.toContain("admin@example.com");
			}
		});
	}
	test("none at all", async () => {
		for (const version of ["1.0", "1.1"]) {
			expect(statusOf(await gateway.bytes(`GET /healthz HTTP/${version}\r\n\r\n`))).toBe(400);
		}
	});
	test("two of them", async () => {
		expect(statusOf(await gateway.bytes("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"))).toBe(400);
	});
});

describe("any other Host is served, and guarded alike", () => {
	for (const host of ["x", "nas", "nas:9000", "a..b", "localhost", "[::1]:80", "192.168.0.7", "A-B_c.example"]) {
		test(host, async () => {
			expect(statusOf(await get("/healthz", host))).toBe(200);
			expect(statusOf(await get("/api/v1/admin/users", host))).toBe(401);
			expect(statusOf(await get("/api/v1/admin/users", host, `Authorization: Bearer ${admin.token}\r\n`))).toBe(200);
			const login = `POST /api/v1/auth/login HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`;
			expect(statusOf(await gateway.bytes(login))).toBe(422);
		});
	}
});

test("no way of writing the address gets past the guard", async () => {
	for (const target of [
		"http://x/api/v1/admin/users",
		"http://evil.example/api/v1/admin/users",
		"http://a/healthz/../api/v1/admin/users",
		"//api/v1/admin/users",
		"/api/v1//admin/users",
		"/api/v1/./admin/users",
		"/healthz/../api/v1/admin/users",
		"/api/v1/%61dmin/users",
		"/api/v1/admin%2fusers",
		"/api/v1/admin/users/",
		"/api/v1/admin/users?x=/healthz",
		"/api/v1/admin/users;x",
		"/API/V1/ADMIN/USERS",
		"/api/v1/admin/users%00",
		"/api/v1/admin/users#/healthz",
	]) {
		const answer = await get(target, "localhost");
		expect([target, [400, 401, 404].includes(statusOf(answer))]).toEqual([target, true]);
		expect(answer).not.toContain("admin@example.com");
	}
});

test("a percent sign that is no escape, or a fragment, is 400", async () => {
	for (const target of ["/%", "/healthz#/x", "/%E0%A4%A", "/api/v1/chat/sessions/%FF", "/api/v1/llm/models/%", "/api/v1/users/%zz"]) {
		expect([target, statusOf(await get(target, "localhost", `Authorization: Bearer ${admin.token}\r\n`))]).toEqual([target, 400]);
	}
	expect(statusOf(await get("/api/v1/chat/sessions?page=%E0%A4%A", "localhost", `Authorization: Bearer ${admin.token}\r\n`))).toBe(422);
});

test("a header of more than 16 KiB is 431, and one below is read", async () => {
	expect(statusOf(await get("/healthz", "localhost", `X-Big: ${"x".repeat(17_000)}\r\n`))).toBe(431);
	expect(statusOf(await get("/healthz", "localhost", `X-Big: ${"x".repeat(15_000)}\r\n`))).toBe(200);
});

test("fields of proxies that claim who is calling mean nothing", async () => {
	const claims = `X-User-Id: ${admin.id}\r\nRemote-User: admin@example.com\r\nX-Forwarded-User: admin@example.com\r\nX-Original-URL: /healthz\r\nX-Rewrite-URL: /healthz\r\nX-HTTP-Method-Override: GET\r\n`;
	expect(statusOf(await get("/api/v1/admin/users", "localhost", claims))).toBe(401);
	expect(statusOf(await get(`/api/v1/auth/me?access_token=${admin.token}&token=${admin.token}`, "localhost"))).toBe(401);
	expect(statusOf(await get("/api/v1/auth/me", "localhost", `Cookie: token=${admin.token}\r\n`))).toBe(401);
});
