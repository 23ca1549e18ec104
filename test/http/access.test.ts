// Who may call what: every route has its row, whoever may not call learns nothing, and another person's things are not there.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Elysia } from "elysia";
import { createAccessTable } from "../../src/http/access.ts";
import { createAddressReader } from "../../src/http/address.ts";
import { dialect } from "../../src/http/dialect.ts";
import { createEntry } from "../../src/http/entry.ts";
import { createProxyReader } from "../../src/http/header-login.ts";
import { createMemoryLimiter } from "../../src/limiter/memory.ts";
import { createLog } from "../../src/log.ts";
import { startModelServer } from "../support/model-server.ts";
import { composeApp } from "./app.ts";
import { type Account, type Gateway, startGateway } from "./gateway.ts";

const model = startModelServer();
let gateway: Gateway;
let admin: Account;
let anna: Account;
let bert: Account;
let rows: readonly { readonly method: string; readonly path: string; readonly access: string | undefined }[];
beforeAll(async () => {
	gateway = await startGateway({ settings: { UPSTREAMS: `openai+${model.baseUrl}` } });
	admin = await gateway.claimSetup();
	anna = await gateway.signup("anna@box.local");
	bert = await gateway.signup("bert@box.local");
	const { app, close } = await composeApp();
	rows = app.access.rows();
	await close();
}, 60_000);
afterAll(async () => {
	await gateway.stop();
	model.stop();
}, 30_000);

const UNKNOWN = "0123456789abcdef01234567";
const filled = (path: string) => path.replaceAll(/:\w+/g, UNKNOWN).replace("*", "x");
/** Nothing a route would take: who is not let in must not learn that. */
const NONSENSE = { body: { sessionId: 7, prompt: [], email: {}, content: 0 } };

test("every route has a row in the access table", () => {
	expect(rows.length).toBeGreaterThan(40);
	expect(rows.filter(({ access }) => access === undefined)).toEqual([]);
});

test("a route without a row is closed, for anybody", async () => {
	const log = createLog({ level: "silent", pretty: false, color: false });
	const access = createAccessTable();
	const limiter = createMemoryLimiter({ global: [], login: [], signup: [], chat: [] });
	const app = new Elysia()
		.use(dialect({ access, limiter, log, authenticate: () => Promise.reject(new Error("nobody asks")), isExhausted: () => false }))
		.get("/bare", () => "secret")
		.post("/bare", () => "secret");
	access.fill(app.routes);
	const entry = createEntry({
		handle: app.fetch,
		addresses: createAddressReader([], () => {}),
		readProxy: createProxyReader(undefined),
		allowedOrigins: [],
		log,
		newRequestId: () => "1",
		elapsed: () => 0,
	});
	for (const method of ["GET", "HEAD", "POST"]) {
		const answer = await entry(new Request("http://localhost/bare", { method, headers: { host: "localhost" } }), {
			address: "127.0.0.1",
			keepOpen: () => {},
		});
		expect([method, answer.status]).toEqual([method, 404]);
		expect(await answer.text()).not.toContain("secret");
	}
});

test("only these routes are open to anybody", () => {
	const open = rows
		.filter(({ access, path }) => access === "anonymous" && path.startsWith("/api/v1/"))
		.map(({ method, path }) => `${method} ${path}`);
	expect(open.filter((route) => !/\/(docs|openapi)/.test(route)).sort()).toEqual([
		"POST /api/v1/auth/header",
		"POST /api/v1/auth/login",
		"POST /api/v1/auth/logout",
		"POST /api/v1/auth/password-reset",
		"POST /api/v1/auth/password-reset/confirm",
		"POST /api/v1/auth/refresh",
		"POST /api/v1/auth/setup",
		"POST /api/v1/auth/signup",
	]);
});

test("without a good token every other route is 401, before it says what it needs", async () => {
	const guarded = rows.filter(({ access }) => access !== "anonymous");
	expect(guarded.length).toBeGreaterThan(30);
	for (const { method, path } of guarded) {
		for (const token of [undefined, "garbage"]) {
			for (const target of [`${filled(path)}?limit=x&page=x&after=x`, filled(path).replace(UNKNOWN, "nope")]) {
				const reply = await gateway.root(method, target, { token, ...(method === "GET" ? {} : NONSENSE) });
				expect([method, path, reply.status]).toEqual([method, path, 401]);
				expect(reply.at("errors")).toBeUndefined();
			}
		}
	}
}, 60_000);

test("an administrator's routes are 403 for others, before they say what they need", async () => {
	const guarded = rows.filter(({ access }) => access === "admin");
	expect(guarded.length).toBeGreaterThan(8);
	for (const { method, path } of guarded) {
		const reply = await gateway.root(method, `${filled(path)}?limit=x`, { token: anna.token, ...(method === "GET" ? {} : NONSENSE) });
		expect([method, path, reply.status, reply.at("code")]).toEqual([method, path, 403, "forbidden"]);
		expect(reply.at("errors")).toBeUndefined();
	}
}, 60_000);

test("content-type: application/json with an empty body is never a 400, on any route", async () => {
	const headers = { "content-type": "application/json" };
	for (const { method, path } of rows) {
		// Two of these calls sign out.
		const signsOut = path.endsWith("/auth/logout") || (method === "DELETE" && path.endsWith("/auth/sessions/"));
		const reply = await gateway.root(method, filled(path), { token: signsOut ? "" : admin.token, headers });
		expect([method, path, [400, 415, 500].includes(reply.status)]).toEqual([method, path, false]);
	}
}, 60_000);

describe("another person's things answer as those that do not exist, on every verb", () => {
	let session: string;
	let message: string;
	let generation: string;
	let login: string;
	beforeAll(async () => {
		const { token } = anna;
		session = (await gateway.call("POST", "/chat/sessions", { token, body: { title: "mine" } })).textAt("id");
		const stream = await gateway.call("POST", "/chat/stream", { token, body: { sessionId: session, prompt: "Hello" } });
		generation = /"generationId":"(\w+)"/.exec(stream.text)?.[1] ?? "";
		message = (await gateway.call("GET", `/chat/sessions/${session}/messages`, { token })).textAt("messages.0.id");
		login = (await gateway.call("GET", "/auth/sessions", { token })).textAt("sessions.0.id");
	}, 30_000);

	function idFor(path: string): string {
		if (path.includes("/generations/")) return generation;
		if (path.includes("/chat/messages/")) return message;
		return path.includes("/auth/sessions/") ? login : session;
	}

	const BODIES: Readonly<Record<string, object>> = {
		"/api/v1/chat/sessions/:id": { title: "stolen" },
		"/api/v1/sessions/:id/messages": { role: "user", content: "planted" },
		"/api/v1/chat/messages/:id": { content: "changed" },
	};

	test("by path", async () => {
		const owned = rows.filter(({ access, path }) => access === "user" && path.includes(":id"));
		expect(owned.length).toBeGreaterThan(10);
		for (const { method, path } of owned) {
			const id = idFor(path);
			expect(id).toMatch(/^[0-9a-f]{24}$/);
			const body = method === "GET" || method === "DELETE" ? undefined : (BODIES[path.replace(/\/$/, "")] ?? {});
			for (const person of [bert, admin]) {
				const ask = (with_: string) => gateway.root(method, path.replace(":id", with_), { token: person.token, body });
				const [theirs, none] = [await ask(id), await ask(UNKNOWN)];
				expect([method, path, theirs.status, theirs.at("code")]).toEqual([method, path, 404, none.at("code")]);
				expect(theirs.at("detail")).toBe(none.at("detail"));
				expect((await ask(id.toUpperCase())).status).toBe(404);
			}
		}
	}, 60_000);

	test("by body", async () => {
		for (const path of ["/chat/stream", "/chat/message"]) {
			const ask = (sessionId: string) => gateway.call("POST", path, { token: bert.token, body: { sessionId, prompt: "x" } });
			const [theirs, none] = [await ask(session), await ask(UNKNOWN)];
			expect([path, theirs.status, theirs.at("detail")]).toEqual([path, 404, none.at("detail")]);
		}
	});

	test("by lists", async () => {
		const own = (await gateway.call("POST", "/chat/sessions", { token: bert.token, body: {} })).textAt("id");
		expect((await gateway.call("GET", "/chat/sessions", { token: bert.token })).at("total")).toBe(1);
		const around = await gateway.call("GET", `/chat/sessions/${own}/messages?before=${message}`, { token: bert.token });
		expect([around.status === 200 || around.status === 404, around.text.includes("Hello")]).toEqual([true, false]);
	});

	test("and nothing of it has changed", async () => {
		const { token } = anna;
		expect((await gateway.call("GET", `/chat/sessions/${session}`, { token })).at("title")).toBe("mine");
		expect((await gateway.call("GET", `/chat/sessions/${session}/messages`, { token })).at("total")).toBe(2);
	});
});

describe("an administrator sees the sessions of a person, and nobody else does", () => {
	test("with the id in either case", async () => {
		for (const id of [anna.id, anna.id.toUpperCase()]) {
			const reply = await gateway.call("GET", `/chat/sessions/users/${id}`, { token: admin.token });
			expect([reply.status, reply.at("0.userId")]).toEqual([200, anna.id]);
		}
		expect((await gateway.call("GET", `/chat/sessions/users/${UNKNOWN}`, { token: admin.token })).status).toBe(404);
		expect((await gateway.call("GET", `/chat/sessions/users/${anna.id}`, { token: anna.token })).status).toBe(403);
	});
});

describe("toggle-admin", () => {
	const toggle = (person: Account, id: string) => gateway.call("POST", `/admin/users/${id}/toggle-admin`, { token: person.token });

	test("gives and takes the rights at once, by the store and not by the token", async () => {
		const metrics = async () => (await gateway.call("GET", "/admin/metrics", { token: bert.token })).status;
		expect(await metrics()).toBe(403);
		const given = await toggle(admin, bert.id);
		expect([given.status, given.at("is_admin"), given.at("user.is_admin"), given.at("user.id")]).toEqual([200, true, true, bert.id]);
		expect(await metrics()).toBe(200);
		expect((await toggle(admin, bert.id)).at("is_admin")).toBe(false);
		expect(await metrics()).toBe(403);
	});

	test("never oneself, in whatever case the id is written", async () => {
		for (const id of [admin.id, admin.id.toUpperCase()]) {
			const reply = await toggle(admin, id);
			expect([reply.status, reply.at("code")]).toEqual([400, "own_admin_status"]);
		}
		expect((await gateway.call("GET", "/auth/me", { token: admin.token })).at("user.is_admin")).toBe(true);
	});

	test("two administrators who demote each other at once leave one", async () => {
		await toggle(admin, bert.id);
		await Promise.all([toggle(admin, bert.id), toggle(bert, admin.id)]);
		const users = await Promise.all([admin, bert].map(({ token }) => gateway.call("GET", "/auth/me", { token })));
		expect(users.filter((reply) => reply.at("user.is_admin") === true).length).toBeGreaterThanOrEqual(1);
	});
});
