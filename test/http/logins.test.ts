// Where am I signed in: the list of one's logins, and ending them, one or all.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { parseId } from "../../src/domain/id.ts";
import { withStoreOf } from "../support/storage.ts";
import { type Account, type Gateway, PASSWORD, QUICK_HASHES, startGateway } from "./gateway.ts";

setDefaultTimeout(30_000);

const PROXY = "127.0.0.1";
const PHONE =
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile Safari/604.1";

let gateway: Gateway;
beforeAll(async () => {
	gateway = await startGateway({ settings: { ...QUICK_HASHES, TRUSTED_PROXIES: PROXY } });
}, 60_000);
afterAll(() => gateway.stop(), 30_000);

let people = 0;
const somebody = (): Promise<Account> => gateway.signup(`login${people++}@box.local`);

/** Signs in as from a device, at an address. */
async function signIn(email: string, device: string, address: string): Promise<Account> {
	const headers = { "user-agent": device, "x-forwarded-for": address };
	const reply = await gateway.call("POST", "/auth/login", { body: { email, password: PASSWORD }, headers });
	return { id: reply.textAt("user.id"), email, token: reply.textAt("token"), refreshToken: reply.textAt("refreshToken") };
}

type Entry = { id: string; name: string; device: string | null; address: string; lastUsedAt: string; current: boolean };
async function list(token: string, query = ""): Promise<{ sessions: Entry[]; total: number }> {
	const reply = await gateway.call("GET", `/auth/sessions${query}`, { token });
	expect(reply.status).toBe(200);
	return JSON.parse(reply.text);
}
const statusWith = async (token: string) => (await gateway.call("GET", "/auth/me", { token })).status;

describe("the list", () => {
	test("shows each device by name and address, the last used first, and which one asks; nothing secret", async () => {
		const anna = await somebody();
		await Bun.sleep(5);
		const phone = await signIn(anna.email, PHONE, "192.0.2.7");
		const { sessions, total } = await list(phone.token);
		expect(total).toBe(2);
		expect(sessions[0]).toMatchObject({ name: "Safari on iPhone", device: PHONE, address: "192.0.2.7", current: true });
		expect(sessions[1]).toMatchObject({ name: "Bun", address: "127.0.0.1", current: false });
		expect(Object.keys(sessions[0] ?? {}).sort()).toEqual([
			"address",
			"createdAt",
			"current",
			"device",
			"expiresAt",
			"id",
			"lastUsedAt",
			"name",
		]);
		expect((await list(anna.token)).sessions.map(({ current }) => current)).toEqual([false, true]);
	});

	test("what a device says of itself is kept short and without control characters", async () => {
		const anna = await somebody();
		const { token } = await signIn(anna.email, `\u001b[31mred\u009b ${"x".repeat(5000)}`.replace(/[^\x20-\xff]/g, ""), "192.0.2.8");
		const device = (await list(token)).sessions.find(({ current }) => current)?.device ?? "";
		expect(device.length).toBeLessThanOrEqual(200);
		expect(device).toMatch(/^\[31mred x+$/);
	});

	test("a refresh moves a login to the top, with the address that it came from", async () => {
		const anna = await somebody();
		const phone = await signIn(anna.email, PHONE, "192.0.2.7");
		await Bun.sleep(5);
		const later = await signIn(anna.email, "curl/8.14.1", "192.0.2.9");
		expect((await list(later.token)).sessions[0]?.name).toBe("curl");
		await Bun.sleep(5);
		const headers = { "x-forwarded-for": "198.51.100.4" };
		await gateway.call("POST", "/auth/refresh", { body: { refreshToken: phone.refreshToken }, headers });
		expect((await list(later.token)).sessions[0]).toMatchObject({ name: "Safari on iPhone", address: "198.51.100.4" });
	});

	test("is one's own, and paged", async () => {
		const [anna, bert] = [await somebody(), await somebody()];
		for (let count = 0; count < 3; count += 1) await gateway.login(anna.email);
		expect((await list(bert.token)).total).toBe(1);
		const all = await list(anna.token);
		const second = await list(anna.token, "?skip=1&limit=2");
		expect([second.total, second.sessions.map(({ id }) => id)]).toEqual([4, all.sessions.slice(1, 3).map(({ id }) => id)]);
		expect((await gateway.call("GET", "/auth/sessions?limit=101", { token: anna.token })).status).toBe(422);
	});
});

describe("ending", () => {
	test("one login: its tokens are refused at once, it leaves the list, and the others go on", async () => {
		const anna = await somebody();
		const phone = await signIn(anna.email, PHONE, "192.0.2.7");
		const id = (await list(anna.token)).sessions.find(({ current }) => !current)?.id;
		expect((await gateway.call("DELETE", `/auth/sessions/${id?.toUpperCase()}`, { token: anna.token })).status).toBe(204);
		expect([await statusWith(phone.token), await statusWith(anna.token)]).toEqual([401, 200]);
		expect((await gateway.call("POST", "/auth/refresh", { body: { refreshToken: phone.refreshToken } })).status).toBe(401);
		expect((await list(anna.token)).total).toBe(1);
		const again = await gateway.call("DELETE", `/auth/sessions/${id}`, { token: anna.token });
		expect([again.status, again.at("code")]).toEqual([404, "login_not_found"]);
	});

	test("another person's login is not there, not even for an administrator", async () => {
		const admin = await gateway.claimSetup();
		const [anna, bert] = [await somebody(), await somebody()];
		const id = (await list(anna.token)).sessions[0]?.id;
		for (const { token } of [bert, admin]) {
			const reply = await gateway.call("DELETE", `/auth/sessions/${id}`, { token });
			expect([reply.status, reply.at("code")]).toEqual([404, "login_not_found"]);
		}
		expect(await statusWith(anna.token)).toBe(200);
	});

	test("all others, and all", async () => {
		const anna = await somebody();
		const others = [await gateway.login(anna.email), await gateway.login(anna.email)];
		expect((await gateway.call("DELETE", "/auth/sessions?except=current", { token: anna.token })).status).toBe(204);
		expect(await Promise.all([anna, ...others].map(({ token }) => statusWith(token)))).toEqual([200, 401, 401]);
		expect((await gateway.call("DELETE", "/auth/sessions?except=me", { token: anna.token })).status).toBe(422);
		const last = await gateway.login(anna.email);
		expect((await gateway.call("DELETE", "/auth/sessions", { token: anna.token })).status).toBe(204);
		expect(await Promise.all([anna, last].map(({ token }) => statusWith(token)))).toEqual([401, 401]);
	});
});

test("the use of an access token is noted once a minute, with its address", async () => {
	const anna = await somebody();
	const other = await gateway.login(anna.email);
	const before = (await list(other.token)).sessions.find(({ current }) => !current);
	const id = parseId(before?.id ?? "");
	if (id === undefined) throw new Error("no other login is listed");
	await withStoreOf(gateway.dataDir, (store) => store.touchLogin(id, null, Date.now() - 120_000));
	const headers = { "x-forwarded-for": "203.0.113.5" };
	await Promise.all(Array.from({ length: 5 }, () => gateway.call("GET", "/auth/me", { token: anna.token, headers })));
	await Bun.sleep(200);
	const after = (await list(other.token)).sessions.find(({ id }) => id === before?.id);
	expect(after?.address).toBe("203.0.113.5");
	expect(Date.parse(after?.lastUsedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(before?.lastUsedAt ?? ""));
	await gateway.call("GET", "/auth/me", { token: anna.token, headers: { "x-forwarded-for": "203.0.113.6" } });
	await Bun.sleep(200);
	expect((await list(other.token)).sessions.find(({ id }) => id === before?.id)?.address).toBe("203.0.113.5");
});
