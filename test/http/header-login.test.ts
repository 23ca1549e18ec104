// Signing in by a field of a trusted reverse proxy: who may say it, what it may say, and what comes of it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { run } from "../support/binary.ts";
import { eventually } from "../support/server.ts";
import { disable } from "../support/storage.ts";
import { type Account, type Gateway, PASSWORD, type Reply, startGateway, statusOf } from "./gateway.ts";

const PROXY = { HEADER_LOGIN_NAME: "Remote-Email", HEADER_LOGIN_PROXIES: "127.0.0.1, 10.0.0.0/8" };

let gateway: Gateway;
let admin: Account;
beforeAll(async () => {
	gateway = await startGateway({ settings: { ...PROXY, HEADER_LOGIN_SIGNUP: "yes", SIGNUP_MODE: "closed", RATE_LIMIT_GLOBAL: "off" } });
	admin = await gateway.claimSetup();
}, 60_000);
afterAll(() => gateway.stop(), 30_000);

const enter = (email: string | undefined, server = gateway, headers: Record<string, string> = {}): Promise<Reply> =>
	server.call("POST", "/auth/header", { headers: { ...(email === undefined ? {} : { "remote-email": email }), ...headers } });
const me = (token: string, email?: string) =>
	gateway.call("GET", "/auth/me", { token, headers: email === undefined ? {} : { "remote-email": email } });

describe("a trusted proxy's word", () => {
	test("opens an ordinary login: tokens that work without the field, refresh, are listed, and end", async () => {
		const entered = await enter("admin@example.com");
		expect([entered.status, entered.at("user.id"), entered.at("expiresIn")]).toEqual([200, admin.id, 3600]);
		const [token, refreshToken] = [entered.textAt("token"), entered.textAt("refreshToken")];
		expect((await me(token)).status).toBe(200);
		const refreshed = await gateway.call("POST", "/auth/refresh", { body: { refreshToken } });
		expect(refreshed.status).toBe(200);
		expect((await gateway.call("GET", "/auth/sessions", { token })).status).toBe(200);
		expect((await gateway.call("POST", "/auth/logout", { token })).status).toBe(204);
		expect((await me(token)).status).toBe(401);
	});

	test("names people in any case, with blanks around it", async () => {
		for (const email of ["ADMIN@Example.COM", "  admin@example.com\t"]) expect((await enter(email)).at("user.id")).toBe(admin.id);
	});

	test("makes an account at first sight, once also for many at the same time; an ordinary one, whatever else is sent", async () => {
		const headers = { "remote-groups": "admins", "x-is-admin": "true", "remote-user": "root" };
		const entered = await Promise.all(Array.from({ length: 10 }, () => enter("New@Box.local", gateway, headers)));
		expect(entered.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
		expect(new Set(entered.map((reply) => reply.textAt("user.id"))).size).toBe(1);
		expect(entered[0]?.at("user")).toMatchObject({ email: "new@box.local", is_admin: false });
		// Nobody knows its password.
		for (const password of [PASSWORD, "new@box.local", " "]) {
			expect((await gateway.call("POST", "/auth/login", { body: { email: "new@box.local", password } })).status).toBe(401);
		}
		const metrics = await gateway.call("GET", "/admin/metrics", { token: entered[0]?.textAt("token") });
		expect(metrics.at("code")).toBe("forbidden");
	});

	test("does not let a disabled account in, nor its former tokens", async () => {
		const entered = await enter("off@box.local");
		await disable(gateway.dataDir, entered.textAt("user.id"));
		expect((await enter("off@box.local")).at("code")).toBe("account_disabled");
		expect((await me(entered.textAt("token"))).status).toBe(403);
	});

	test("is noted in the audit trail", async () => {
		const { token } = admin;
		await enter("noted@box.local");
		const actions = async () => {
			const { text } = await gateway.call("GET", "/admin/audit?user=noted@box.local", { token });
			const entries: { action: string }[] = JSON.parse(text).entries;
			return entries.map(({ action }) => action).sort();
		};
		await eventually("it is noted", async () => (await actions()).length === 2);
		expect(await actions()).toEqual(["header_login", "signup"]);
	});
});

describe("another person's token under the proxy's word", () => {
	test("is refused: whoever signs in at the proxy after somebody else does not see their conversations", async () => {
		const [anna, bert] = [await enter("anna@box.local"), await enter("bert@box.local")];
		expect((await me(anna.textAt("token"), "Anna@box.local")).status).toBe(200);
		const reply = await me(anna.textAt("token"), "bert@box.local");
		expect([reply.status, reply.at("code")]).toEqual([401, "invalid_token"]);
		expect(reply.text).not.toContain("anna");
		expect((await me(anna.textAt("token"), "garbage")).status).toBe(401);
		const refresh = (refreshToken: string, email: string) =>
			gateway.call("POST", "/auth/refresh", { body: { refreshToken }, headers: { "remote-email": email } });
		expect((await refresh(anna.textAt("refreshToken"), "bert@box.local")).at("code")).toBe("invalid_refresh_token");
		// It was not spent by that.
		expect((await refresh(anna.textAt("refreshToken"), "anna@box.local")).status).toBe(200);
		expect((await me(bert.textAt("token"), "bert@box.local")).status).toBe(200);
	});

	test("so is another person's key", async () => {
		const { token } = { token: (await enter("carl@box.local")).textAt("token") };
		const key = (await gateway.call("POST", "/auth/keys", { token, body: { name: "x" } })).textAt("key");
		expect([(await me(key)).status, (await me(key, "carl@box.local")).status, (await me(key, "dora@box.local")).status]).toEqual([
			200, 200, 401,
		]);
	});
});

describe("refused, and nothing is made:", () => {
	const count = async () => (await gateway.call("GET", "/admin/users?limit=1", { token: admin.token })).at("total");

	test("values that are not one e-mail address", async () => {
		const before = await count();
		const odd = [
			"root",
			"a@b@c",
			"anna@box.local, bert@box.local",
			"anna@box.local,",
			"anna@box.local;bert@box.local",
			"<anna@box.local>",
			"Anna <anna@box.local>",
			"anna@box.local (comment)",
			"anna @box.local",
			`${"x".repeat(300)}@box.local`,
			"@box.local",
			"anna@",
			"ann\u00e4@box.local",
			"=?utf-8?q?anna?=",
			"%61nna@box.local,",
		];
		for (const email of odd) {
			const reply = await enter(email);
			expect([email, reply.status, reply.at("code")]).toEqual([email, 403, "header_login_refused"]);
		}
		expect(await count()).toBe(before);
	});

	test("the field twice, in any order, also when both say the same", async () => {
		for (const [first, second] of [
			["anna@box.local", "bert@box.local"],
			["anna@box.local", "anna@box.local"],
			["", "anna@box.local,"],
		]) {
			const bytes = await gateway.bytes(
				`POST /api/v1/auth/header HTTP/1.1\r\nHost: x\r\nRemote-Email: ${first}\r\nREMOTE-EMAIL: ${second}\r\nContent-Length: 0\r\n\r\n`,
			);
			expect([first, second, statusOf(bytes)]).toEqual([first, second, 403]);
		}
	});

	test("no field, or an empty one, is 401; another field is none", async () => {
		for (const headers of [
			{},
			{ "remote-email": "" },
			{ "remote-email": "  " },
			{ "remote-user": "anna@box.local" },
			{ remote_email: "anna@box.local" },
		]) {
			const reply = await gateway.call("POST", "/auth/header", { headers });
			expect([headers, reply.status, reply.at("code")]).toEqual([headers, 401, "unauthenticated"]);
		}
	});

	test("the field alone opens no other route", async () => {
		for (const path of ["/auth/me", "/chat/sessions", "/admin/users"]) {
			expect((await gateway.call("GET", path, { headers: { "remote-email": "admin@example.com" } })).status).toBe(401);
		}
	});
});

describe("another peer than the proxies", () => {
	let other: Gateway;
	beforeAll(async () => {
		other = await startGateway({
			settings: { ...PROXY, HEADER_LOGIN_PROXIES: "10.0.0.1", TRUSTED_PROXIES: "127.0.0.1", HEADER_LOGIN_SIGNUP: "yes" },
		});
	}, 60_000);
	afterAll(() => other.stop(), 30_000);

	test("is refused, whatever it writes into X-Forwarded-For, also through a proxy that is trusted for addresses", async () => {
		const anna = await other.signup("anna@box.local");
		for (const forwarded of [undefined, "10.0.0.1", "127.0.0.1, 10.0.0.1", "10.0.0.1, 127.0.0.1"]) {
			const reply = await enter("anna@box.local", other, forwarded === undefined ? {} : { "x-forwarded-for": forwarded });
			expect([forwarded, reply.status, reply.at("code")]).toEqual([forwarded, 403, "header_login_refused"]);
		}
		// Its field means nothing, so it takes nothing away either.
		const headers = { "remote-email": "bert@box.local" };
		expect((await other.call("GET", "/auth/me", { token: anna.token, headers })).status).toBe(200);
		const last = await other.call("GET", "/auth/me", { token: anna.token, headers });
		expect((await other.outputAfter(last)).split("HEADER_LOGIN_PROXIES and means nothing").length).toBe(2);
	});
});

test("without HEADER_LOGIN_SIGNUP somebody without an account is refused, also under open signup", async () => {
	const server = await startGateway({ settings: PROXY });
	try {
		const reply = await enter("anna@box.local", server);
		expect([reply.status, reply.at("code")]).toEqual([403, "signup_closed"]);
		await server.signup("anna@box.local");
		expect((await enter("anna@box.local", server)).status).toBe(200);
	} finally {
		await server.stop();
	}
}, 60_000);

test("unless configured there is no header login, and the field means nothing", async () => {
	const server = await startGateway();
	try {
		const anna = await server.signup("anna@box.local");
		const headers = { "remote-email": "bert@box.local", "x-user-id": "1", "remote-user": "root" };
		expect((await server.call("POST", "/auth/header", { headers })).at("code")).toBe("not_found");
		expect((await server.call("GET", "/auth/me", { token: anna.token, headers })).at("user.id")).toBe(anna.id);
		expect((await server.call("GET", "/auth/me", { headers })).status).toBe(401);
	} finally {
		await server.stop();
	}
}, 60_000);

test("the server refuses to start with a part of it, or with what cannot be meant: status 3, with the setting's name", async () => {
	const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
		[{ HEADER_LOGIN_NAME: "Remote-Email" }, /HEADER_LOGIN_NAME needs HEADER_LOGIN_PROXIES/],
		[{ HEADER_LOGIN_PROXIES: "10.0.0.1" }, /HEADER_LOGIN_PROXIES needs HEADER_LOGIN_NAME/],
		[{ HEADER_LOGIN_SIGNUP: "yes" }, /HEADER_LOGIN_SIGNUP needs/],
		[{ ...PROXY, HEADER_LOGIN_NAME: "Remote Email" }, /HEADER_LOGIN_NAME .* must be the name of a header field/],
		[{ ...PROXY, HEADER_LOGIN_NAME: "Authorization" }, /HEADER_LOGIN_NAME .* a meaning of its own/],
		[{ ...PROXY, HEADER_LOGIN_NAME: "X-Forwarded-For" }, /HEADER_LOGIN_NAME .* a meaning of its own/],
		[{ ...PROXY, HEADER_LOGIN_PROXIES: "0.0.0.0/0" }, /HEADER_LOGIN_PROXIES .* anybody/],
		[{ ...PROXY, HEADER_LOGIN_PROXIES: "10.0.0.1, ::/00" }, /HEADER_LOGIN_PROXIES .* anybody/],
		[{ ...PROXY, HEADER_LOGIN_PROXIES: "proxy.local" }, /HEADER_LOGIN_PROXIES .* addresses and networks/],
	];
	for (const [env, sentence] of wrong) {
		const { status, stderr } = await run(["config"], { env });
		expect([env, status]).toEqual([env, 3]);
		expect(stderr).toMatch(sentence);
	}
}, 60_000);
