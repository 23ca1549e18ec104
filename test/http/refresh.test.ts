// Refresh tokens: single use, one family for each login, and an end that nothing moves.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { disable } from "../support/storage.ts";
import { type Account, type Gateway, startGateway } from "./gateway.ts";

let gateway: Gateway;
let short: Gateway;
beforeAll(async () => {
	[gateway, short] = await Promise.all([
		startGateway(),
		startGateway({ settings: { REFRESH_GRACE: "200ms", REFRESH_IDLE_TTL: "1500ms", REFRESH_TOKEN_TTL: "4s" } }),
	]);
}, 60_000);
afterAll(async () => {
	await Promise.all([gateway.stop(), short.stop()]);
}, 30_000);

let people = 0;
const somebody = (server = gateway): Promise<Account> => server.signup(`person${people++}@box.local`);
const refresh = (refreshToken: string, server = gateway) => server.call("POST", "/auth/refresh", { body: { refreshToken } });
const me = async (token: string, server = gateway) => (await server.call("GET", "/auth/me", { token })).status;

async function expectEnded(account: { token: string; refreshToken: string }, server = gateway): Promise<void> {
	const refused = await refresh(account.refreshToken, server);
	expect([refused.status, refused.at("code")]).toEqual([401, "invalid_refresh_token"]);
	expect(await me(account.token, server)).toBe(401);
}

test("a refresh token gives a new pair, as a login does", async () => {
	const anna = await somebody();
	const reply = await refresh(anna.refreshToken);
	expect(reply.status).toBe(200);
	expect(reply.at("expiresIn")).toBe(3600);
	expect(reply.at("user.id")).toBe(anna.id);
	expect(reply.textAt("refreshToken")).not.toBe(anna.refreshToken);
	expect(reply.textAt("refreshToken")).toMatch(/^[\w-]{43}$/);
	expect(reply.textAt("token")).not.toBe(anna.token);
	expect(await me(reply.textAt("token"))).toBe(200);
	expect(await me(anna.token)).toBe(200);
});

test("within the grace its direct parent gives the same child again", async () => {
	const anna = await somebody();
	const [first, second] = [await refresh(anna.refreshToken), await refresh(anna.refreshToken)];
	expect(second.status).toBe(200);
	expect(second.textAt("refreshToken")).toBe(first.textAt("refreshToken"));
	expect((await refresh(first.textAt("refreshToken"))).status).toBe(200);
});

test("any older one ends the whole family, also within the grace", async () => {
	const anna = await somebody();
	const child = (await refresh(anna.refreshToken)).textAt("refreshToken");
	const grandchild = await refresh(child);
	expect((await refresh(anna.refreshToken)).status).toBe(401);
	await expectEnded({ token: anna.token, refreshToken: child });
	await expectEnded({ token: grandchild.textAt("token"), refreshToken: grandchild.textAt("refreshToken") });
});

test("after the grace the parent ends the whole family", async () => {
	const anna = await somebody(short);
	const child = await refresh(anna.refreshToken, short);
	await Bun.sleep(400);
	expect((await refresh(anna.refreshToken, short)).status).toBe(401);
	await expectEnded({ token: child.textAt("token"), refreshToken: child.textAt("refreshToken") }, short);
	await expectEnded(anna, short);
});

test("another login of the same person goes on", async () => {
	const anna = await somebody();
	const other = await gateway.login(anna.email);
	const child = (await refresh(anna.refreshToken)).textAt("refreshToken");
	await refresh(child);
	expect((await refresh(anna.refreshToken)).status).toBe(401);
	expect(await me(other.token)).toBe(200);
	expect((await refresh(other.refreshToken)).status).toBe(200);
});

test("twenty uses at once leave one living family", async () => {
	const anna = await somebody();
	const replies = await Promise.all(Array.from({ length: 20 }, () => refresh(anna.refreshToken)));
	expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
	const children = new Set(replies.map((reply) => reply.textAt("refreshToken")));
	expect(children.size).toBe(1);
	const [child = ""] = children;
	expect((await refresh(child)).status).toBe(200);
});

test("a login that is not refreshed for long enough ends, its access token too", async () => {
	const anna = await somebody(short);
	await Bun.sleep(1800);
	const refused = await refresh(anna.refreshToken, short);
	expect([refused.status, refused.at("code")]).toEqual([401, "invalid_refresh_token"]);
});

test("nothing goes beyond the login's end, however it is refreshed", async () => {
	const anna = await somebody(short);
	let newest = { token: anna.token, refreshToken: anna.refreshToken };
	for (let i = 0; i < 3; i++) {
		await Bun.sleep(700);
		const reply = await refresh(newest.refreshToken, short);
		expect(reply.at("expiresIn")).toBeLessThanOrEqual(4);
		const renewed = await short.call("POST", "/auth/refresh", { token: reply.textAt("token") });
		expect(renewed.status).toBe(200);
		expect(renewed.at("expiresIn")).toBeLessThanOrEqual(4 - Math.floor((i + 1) * 0.7));
		newest = { token: renewed.textAt("token"), refreshToken: reply.textAt("refreshToken") };
	}
	await Bun.sleep(2500);
	await expectEnded(newest, short);
	expect((await short.call("POST", "/auth/refresh", { token: newest.token })).status).toBe(401);
}, 20_000);

describe("with a bearer token", () => {
	test("a fresh access token of the same login, and no refresh token", async () => {
		const anna = await somebody();
		const reply = await gateway.call("POST", "/auth/refresh", { token: anna.token });
		expect([reply.status, reply.at("user.id"), reply.at("refreshToken")]).toEqual([200, anna.id, undefined]);
		await gateway.call("POST", "/auth/logout", { token: anna.token });
		expect(await me(reply.textAt("token"))).toBe(401);
	});

	test("none, a bad one, or a refresh token in its place is 401", async () => {
		const anna = await somebody();
		for (const [token, code] of [
			[undefined, "unauthenticated"],
			["garbage", "invalid_token"],
			[anna.refreshToken, "invalid_token"],
		] as const) {
			const reply = await gateway.call("POST", "/auth/refresh", { token });
			expect([reply.status, reply.at("code")]).toEqual([401, code]);
		}
		expect((await refresh(anna.token)).status).toBe(401);
		expect(await me(anna.refreshToken)).toBe(401);
	});

	test("one that has ended does not stand in a refresh token's way", async () => {
		const anna = await somebody();
		const reply = await gateway.call("POST", "/auth/refresh", { token: "ended.long.ago", body: { refreshToken: anna.refreshToken } });
		expect(reply.status).toBe(200);
	});
});

describe("logout", () => {
	test("ends this login's access and refresh tokens at once, and no other login", async () => {
		const anna = await somebody();
		const other = await gateway.login(anna.email);
		const child = await refresh(anna.refreshToken);
		const reply = await gateway.call("POST", "/auth/logout", { token: anna.token });
		expect([reply.status, reply.text]).toEqual([204, ""]);
		await expectEnded(anna);
		await expectEnded({ token: child.textAt("token"), refreshToken: child.textAt("refreshToken") });
		expect(await me(other.token)).toBe(200);
	});

	test("with a refresh token alone ends its login as well", async () => {
		const anna = await somebody();
		expect((await gateway.call("POST", "/auth/logout", { body: { refreshToken: anna.refreshToken } })).status).toBe(204);
		await expectEnded(anna);
	});

	test("is 204 for anybody with anything", async () => {
		for (const call of [{}, { token: "garbage" }, { body: {} }, { body: { refreshToken: "x" } }, { body: { refreshToken: 7 } }])
			expect((await gateway.call("POST", "/auth/logout", call)).status).toBe(204);
	});
});

test("the tokens of a disabled account are refused at once", async () => {
	const anna = await somebody();
	await disable(gateway.dataDir, anna.id);
	expect((await gateway.call("GET", "/chat/sessions", { token: anna.token })).at("code")).toBe("account_disabled");
	expect((await refresh(anna.refreshToken)).at("code")).toBe("account_disabled");
	expect((await gateway.call("POST", "/auth/refresh", { token: anna.token })).at("code")).toBe("account_disabled");
	const login = await gateway.call("POST", "/auth/login", { body: { email: anna.email, password: "a-Tall-ladder-77" } });
	expect(login.at("code")).toBe("account_disabled");
});
