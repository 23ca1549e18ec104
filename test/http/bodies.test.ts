// What bodies are taken, and what happens to all others: refused with the right status, and a server that lives on.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Account, type Call, type Gateway, startGateway, statusOf } from "./gateway.ts";

let gateway: Gateway;
let anna: Account;
let session: string;
beforeAll(async () => {
	gateway = await startGateway();
	anna = await gateway.signup("anna@box.local");
	session = (await gateway.call("POST", "/chat/sessions", { token: anna.token, body: {} })).textAt("id");
}, 60_000);
afterAll(() => gateway.stop(), 30_000);

const JSON_TYPE = { "content-type": "application/json" };
const CREDENTIALS = '{"email":"anna@box.local","password":"a-Tall-ladder-77"}';
const nested = (depth: number) => `{"email":${"[".repeat(depth)}1${"]".repeat(depth)},"password":"x"}`;

describe("a body of an account route", () => {
	const table: Readonly<Record<string, readonly [status: number, code: string | undefined, call: Call]>> = {
		JSON: [200, undefined, { raw: CREDENTIALS, headers: JSON_TYPE }],
		"JSON with a charset": [200, undefined, { raw: CREDENTIALS, headers: { "content-type": 'Application/JSON; charset="UTF-8"' } }],
		"a form": [
			415,
			"unsupported_media_type",
			{ raw: "email=a&password=b", headers: { "content-type": "application/x-www-form-urlencoded" } },
		],
		"a form of parts": [
			415,
			"unsupported_media_type",
			{ raw: "--x\r\n\r\n--x--", headers: { "content-type": "multipart/form-data; boundary=x" } },
		],
		text: [415, "unsupported_media_type", { raw: CREDENTIALS, headers: { "content-type": "text/plain" } }],
		"text that calls itself JSON": [415, "unsupported_media_type", { raw: CREDENTIALS, headers: { "content-type": "text/json" } }],
		"JSON in another charset": [
			415,
			"unsupported_media_type",
			{ raw: CREDENTIALS, headers: { "content-type": "application/json; charset=utf-16" } },
		],
		gzip: [415, "unsupported_media_type", { raw: Bun.gzipSync(CREDENTIALS), headers: { ...JSON_TYPE, "content-encoding": "gzip" } }],
		"a coding nobody knows": [415, "unsupported_media_type", { raw: CREDENTIALS, headers: { ...JSON_TYPE, "content-encoding": "x" } }],
		"half of JSON": [400, "bad_json", { raw: '{"email":', headers: JSON_TYPE }],
		"two documents": [400, "bad_json", { raw: "{}{}", headers: JSON_TYPE }],
		"bytes that are no UTF-8": [400, "bad_json", { raw: Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), headers: JSON_TYPE }],
		"64 levels and more": [400, "bad_json", { raw: nested(65), headers: JSON_TYPE }],
		"a thousand levels": [400, "bad_json", { raw: nested(7_000), headers: JSON_TYPE }],
		"an array": [422, "validation_failed", { raw: "[1]", headers: JSON_TYPE }],
		"a bare text": [422, "validation_failed", { raw: '"x"', headers: JSON_TYPE }],
		null: [422, "validation_failed", { raw: "null", headers: JSON_TYPE }],
		nothing: [422, "validation_failed", { headers: JSON_TYPE }],
		"a number beyond 64 bits": [422, "validation_failed", { raw: '{"email":"a","password":1e400}', headers: JSON_TYPE }],
		NUL: [422, "validation_failed", { raw: '{"email":"a\\u0000","password":"x"}', headers: JSON_TYPE }],
		"NUL in a name": [422, "validation_failed", { raw: '{"email":"a","password":"x","a\\u0000":1}', headers: JSON_TYPE }],
		"half of a surrogate pair": [422, "validation_failed", { raw: '{"email":"\\ud800","password":"x"}', headers: JSON_TYPE }],
		"a member named __proto__": [
			422,
			"validation_failed",
			{ raw: '{"__proto__":{"isAdmin":true},"email":"a","password":"x"}', headers: JSON_TYPE },
		],
		"16 KiB and a byte": [413, "body_too_large", { raw: `{"a":"${"x".repeat(16 * 1024 - 7)}"}`, headers: JSON_TYPE }],
		"3 MiB": [413, "body_too_large", { raw: `{"a":"${"x".repeat(3 * 1024 * 1024)}"}`, headers: JSON_TYPE }],
	};
	test("of any length beyond is refused by us, before it is sent", async () => {
		const answer = await gateway.bytes(
			`POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999999999999\r\n\r\n`,
		);
		expect(statusOf(answer)).toBe(413);
		expect(answer).toContain('"code":"body_too_large"');
	});
	for (const [what, [status, code, call]] of Object.entries(table)) {
		test(`${what}: ${status}`, async () => {
			const reply = await gateway.call("POST", "/auth/login", call);
			expect([reply.status, reply.at("code")]).toEqual([status, code]);
			expect(reply.text).not.toContain("a-Tall-ladder");
		});
	}
	test("16 KiB are read", async () => {
		const raw = `{"a":"${"x".repeat(16 * 1024 - 8)}"}`;
		expect(raw.length).toBe(16 * 1024);
		expect((await gateway.call("POST", "/auth/login", { raw, headers: JSON_TYPE })).at("code")).toBe("validation_failed");
	});
});

describe("a body without a length", () => {
	const chunked = (path: string, chunks: number, token = "") =>
		gateway.bytes(
			`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${token === "" ? "" : `Authorization: Bearer ${token}\r\n`}Transfer-Encoding: chunked\r\n\r\n${`1000\r\n${" ".repeat(4096)}\r\n`.repeat(chunks)}2\r\n{}\r\n0\r\n\r\n`,
		);
	test("is counted while it arrives", async () => {
		expect(statusOf(await chunked("/api/v1/auth/login", 2))).toBe(422);
		expect(statusOf(await chunked("/api/v1/auth/login", 5))).toBe(413);
		expect(statusOf(await chunked("/api/v1/auth/login", 2000))).toBe(413);
	});
	test("and that answer is a problem too", async () => {
		const answer = await chunked("/api/v1/auth/login", 40);
		expect(answer.toLowerCase()).toContain("content-type: application/problem+json");
		expect(answer).toContain('"code":"body_too_large"');
	});
	test("of a chat is taken up to 1 MiB, from signed-in callers alone", async () => {
		expect(statusOf(await chunked("/api/v1/chat/stream", 200, anna.token))).toBe(422);
		expect(statusOf(await chunked("/api/v1/chat/stream", 300, anna.token))).toBe(413);
		expect(statusOf(await chunked("/api/v1/chat/stream", 200))).toBe(401);
	});
});

test("chat routes take 1 MiB from a signed-in caller, and 413 beyond", async () => {
	const send = (size: number) =>
		gateway.call("POST", `/sessions/${session}/messages`, { token: anna.token, body: { role: "user", content: "x".repeat(size) } });
	expect((await send(900_000)).status).toBe(201);
	expect((await send(1024 * 1024)).status).toBe(413);
	await gateway.call("DELETE", `/chat/sessions/${session}/messages`, { token: anna.token });
});

test("unknown members change nothing and are not stored", async () => {
	const body = {
		email: "mallory@box.local",
		password: "a-Tall-ladder-77",
		name: "M",
		is_admin: true,
		isAdmin: true,
		role: "admin",
		id: "0123456789abcdef01234567",
		user_id: "0123456789abcdef01234567",
		token_version: 9,
		password_hash: "x",
		passwordHash: "x",
		disabled: true,
		constructor: { prototype: { is_admin: true } },
		toString: "x",
	};
	const signup = await gateway.call("POST", "/auth/signup", { body });
	expect(signup.status).toBe(200);
	expect(signup.at("user.is_admin")).toBe(false);
	expect(signup.at("user.id")).not.toBe(body.id);
	const token = signup.textAt("token");
	const { email: _email, password: _password, name: _name, ...rest } = body;
	expect((await gateway.call("PATCH", "/users/profile", { token, body: rest })).at("is_admin")).toBe(false);
	expect((await gateway.call("GET", "/admin/metrics", { token })).status).toBe(403);
	expect((await gateway.login("mallory@box.local")).id).toBe(signup.textAt("user.id"));
});

test("metadata is an object, and is given back as it was", async () => {
	const create = (metadata: unknown) => gateway.call("POST", "/chat/sessions", { token: anna.token, body: { metadata } });
	for (const metadata of ["x", [1], 5, true]) expect([metadata, (await create(metadata)).status]).toEqual([metadata, 422]);
	const metadata = { constructor: "c", toString: 1, nested: { deep: [1, { a: null }] }, "": "empty" };
	expect((await create(metadata)).at("metadata")).toEqual(metadata);
});

test("the other end of the table: numbers of the chat", async () => {
	const turn = (more: object) =>
		gateway.call("POST", "/chat/message", { token: anna.token, body: { sessionId: session, prompt: "x", ...more } });
	for (const more of [
		{ temperature: -0.1 },
		{ temperature: 2.1 },
		{ temperature: "1" },
		{ max_tokens: 0 },
		{ max_tokens: 1.5 },
		{ prompt: 5 },
		{ prompt: ["x"] },
		{ prompt: null },
		{ messageId: "" },
		{ messageId: "x".repeat(201) },
		{ messageId: 7 },
		{ sessionId: null },
		{ sessionId: "nope" },
	]) {
		const reply = await turn(more);
		expect([JSON.stringify(more).slice(0, 40), reply.status]).toEqual([JSON.stringify(more).slice(0, 40), 422]);
	}
	expect((await gateway.call("POST", `/sessions/${session}/messages`, { token: anna.token, body: { content: "no role" } })).status).toBe(
		422,
	);
});

test("after all of this the server lives", async () => {
	expect((await gateway.root("GET", "/healthz")).status).toBe(200);
	expect((await gateway.login("anna@box.local")).id).toBe(anna.id);
});
