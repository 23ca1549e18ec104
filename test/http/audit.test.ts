// The audit trail: what is noted, from where, what never is, and who may read it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { run } from "../support/binary.ts";
import { eventually } from "../support/server.ts";
import { commandSettings } from "../support/storage.ts";
import { type Account, type Gateway, PASSWORD, type Reply, startGateway } from "./gateway.ts";

let gateway: Gateway;
let admin: Account;
beforeAll(async () => {
	gateway = await startGateway({ settings: { TRUSTED_PROXIES: "127.0.0.1", RESET_LINKS_IN_LOG: "yes", REFRESH_GRACE: "0" } });
	admin = await gateway.claimSetup();
}, 60_000);
afterAll(() => gateway.stop(), 30_000);

type Entry = { readonly action: string; readonly email: string | null; readonly byEmail: string | null; readonly detail: string | null };

const read = (query = "", token = admin.token): Promise<Reply> => gateway.call("GET", `/admin/audit${query}`, { token });
/** Entries of a person, oldest first, as `action by detail`; once there are so many: they are noted in the background. */
async function trailOf(email: string, count: number): Promise<string[]> {
	let entries: readonly Entry[] = [];
	await eventually(`${count} entries of ${email}`, async () => {
		const reply = await read(`?user=${encodeURIComponent(email)}&limit=100`);
		entries = JSON.parse(reply.text).entries;
		return entries.length >= count;
	});
	return entries.toReversed().map(({ action, email: about, byEmail, detail }) => {
		const by = byEmail === about ? "self" : (byEmail ?? "nobody");
		return `${action} ${by}${detail === null ? "" : ` (${detail})`}`;
	});
}

let people = 0;
const newEmail = () => `person${people++}@box.local`;
const login = (email: string, password: string, headers: Record<string, string> = {}) =>
	gateway.call("POST", "/auth/login", { body: { email, password }, headers });

test("what a person does to their own account, in its order", async () => {
	const email = newEmail();
	const { token, refreshToken } = await gateway.signup(email);
	await login(email, "wrong-password");
	const second = await gateway.login(email);
	await gateway.call("PATCH", "/users/profile", { token, body: { name: "Anna" } });
	const made = await gateway.call("POST", "/auth/keys", { token, body: { name: "script" } });
	await gateway.call("DELETE", `/auth/keys/${made.textAt("id")}`, { token });
	await gateway.call("POST", "/users/change-password", { token, body: { currentPassword: "wrong", newPassword: "a-New-ladder-88" } });
	await gateway.call("POST", "/users/change-password", { token, body: { currentPassword: PASSWORD, newPassword: "a-New-ladder-88" } });
	await gateway.call("POST", "/auth/refresh", { body: { refreshToken } });
	await Bun.sleep(10);
	await gateway.call("POST", "/auth/refresh", { body: { refreshToken } });
	const third = await gateway.login(email, "a-New-ladder-88");
	await gateway.call("POST", "/auth/logout", { token: third.token });
	expect(await trailOf(email, 11)).toEqual([
		"signup self",
		"login_failed nobody (wrong password)",
		"login self",
		"user_changed self (profile)",
		`key_made self (${made.textAt("prefix")})`,
		`key_revoked self (${made.textAt("prefix")})`,
		"login_failed self (wrong current password)",
		"password_changed self",
		"refresh_reused nobody",
		"login self",
		"logout self",
	]);
	expect((await gateway.call("GET", "/auth/me", { token: second.token })).status).toBe(401);
});

test("what others do to it, with who they are; and what stays when it is gone", async () => {
	const email = newEmail();
	const body = { email, password: PASSWORD };
	const made = await gateway.call("POST", "/users/", { token: admin.token, body });
	const id = made.textAt("id");
	await gateway.call("POST", `/admin/users/${id}/toggle-admin`, { token: admin.token });
	await gateway.call("POST", `/admin/users/${id}/toggle-admin`, { token: admin.token });
	await gateway.call("POST", "/auth/password-reset", { body: { email } });
	expect(await trailOf(email, 4)).toEqual([
		"user_created admin@example.com",
		"user_promoted admin@example.com",
		"user_demoted admin@example.com",
		"reset_link_made nobody (asked for, and written to the log)",
	]);
	const deleted = await gateway.call("DELETE", `/admin/users/${id}`, { token: admin.token });
	expect(deleted.status).toBe(204);
	await eventually("the deletion is noted", async () => (await read(`?user=${id}&action=user_deleted`)).at("entries.0.userId") === id);
	const last = await read(`?user=${id}&limit=1`);
	expect([last.at("entries.0.email"), last.at("entries.0.byEmail")]).toEqual([null, "admin@example.com"]);
	expect((await read(`?user=${email}`)).at("code")).toBe("user_not_found");
	expect((await read()).text).not.toContain(email);
});

test("from where: the caller's address and what the client calls itself, fit for a terminal", async () => {
	const email = newEmail();
	await gateway.signup(email);
	await login(email, "wrong-password", { "x-forwarded-for": "2001:db8::77", "user-agent": `evil\u00a0${"x".repeat(500)}` });
	await trailOf(email, 2);
	const entry = await read(`?user=${email}&action=login_failed`);
	expect(entry.at("entries.0.address")).toBe("2001:db8::77");
	expect(String(entry.at("entries.0.device")).length).toBe(200);
});

test("an address of nobody is not kept, nor is a password; but one sees whether two were the same", async () => {
	const typed = ["my-Secret-password-1", "my-Secret-password-1", "nobody@box.local"];
	const since = new Date().toISOString();
	for (const email of typed) await login(email, "another-Secret-password-2");
	const failed = async () => (await read(`?action=login_failed&since=${since}`)).json;
	const details = async (): Promise<string[]> => Object(await failed()).entries.map((entry: Entry) => entry.detail);
	await eventually("three failures are noted", async () => (await details()).length === 3);
	const [third, second, first] = await details();
	expect(first).toMatch(/^no such account, typed as [0-9a-f]{8}$/);
	expect([second === first, third === first]).toEqual([true, false]);
	const everything = JSON.stringify(await failed()) + gateway.output();
	for (const text of [...typed, "another-Secret-password-2"]) expect(everything.toLowerCase()).not.toContain(text.toLowerCase());
});

test("no secret is in the trail: neither password, token, key nor link", async () => {
	const email = newEmail();
	const account = await gateway.signup(email);
	const key = (await gateway.call("POST", "/auth/keys", { token: account.token, body: { name: "x" } })).textAt("key");
	await gateway.call("POST", "/auth/setup", { body: { token: "not-the-setup-token", email: "x@y.z", password: PASSWORD } });
	await trailOf(email, 2);
	await eventually("the wrong setup token is noted", async () => (await read()).text.includes("a setup token that is not valid"));
	const { text } = await read("?limit=100");
	for (const secret of [PASSWORD, account.token, account.refreshToken, key, "not-the-setup-token"]) expect(text).not.toContain(secret);
});

describe("reading", () => {
	test("is for administrators, and not by a key", async () => {
		const { token } = await gateway.signup(newEmail());
		expect([(await read("", token)).status, (await read("", "")).status]).toEqual([403, 401]);
		const key = (await gateway.call("POST", "/auth/keys", { token: admin.token, body: { name: "x" } })).textAt("key");
		expect((await read("", key)).at("code")).toBe("key_not_permitted");
	});

	test("pages meet every entry once, and each query that is wrong is told by its member", async () => {
		const all: string[] = [];
		for (let before = ""; ; ) {
			const page = await read(`?limit=7${before === "" ? "" : `&before=${before.toUpperCase()}`}`);
			const ids: string[] = JSON.parse(page.text).entries.map((entry: { id: string }) => entry.id);
			all.push(...ids);
			expect(ids.length).toBeLessThanOrEqual(7);
			if (page.at("next") === null) break;
			before = page.textAt("next");
		}
		expect(all.length).toBeGreaterThan(20);
		expect(new Set(all).size).toBe(all.length);
		for (const query of ["action=nonsense", "since=yesterday", "since=2026-99-99", "limit=0", "limit=101", "user="]) {
			expect([query, (await read(`?${query}`)).status]).toEqual([query, 422]);
		}
		expect((await read("?before=nope")).at("code")).toBe("invalid_id");
		expect((await read("?user=nobody@box.local")).status).toBe(404);
	});

	test("in a shell, beside the server: a table in the order of time, filters, JSON, and what a command did itself", async () => {
		const audit = (...args: string[]) => run(["audit", ...args], { env: commandSettings(gateway.dataDir) });
		const email = newEmail();
		await gateway.signup(email);
		await trailOf(email, 1);
		await run(["keys", "create", email, "--name", "x"], { env: commandSettings(gateway.dataDir) });
		const table = await audit("--user", email);
		expect(table.status).toBe(0);
		expect(table.stdout.split("\n").map((line) => line.replace(/^\S+ \S+ UTC +/, ""))).toEqual([
			expect.stringMatching(/^TIME +WHAT +WHO +BY +FROM$/),
			expect.stringMatching(new RegExp(`^signup +${email} +127\\.0\\.0\\.1$`)),
			expect.stringMatching(new RegExp(`^key_made +${email} +this machine +pk_`)),
			"",
		]);
		const json: Entry[] = JSON.parse((await audit("--action", "key_made", "--since", "1h", "--limit", "1", "--json")).stdout);
		expect(json).toMatchObject([{ action: "key_made", email, address: null }]);
		for (const [args, status] of [
			[["--action", "nonsense"], 2],
			[["--since", "soon"], 2],
			[["--limit", "0"], 2],
			[["--user", "nobody@box.local"], 4],
		] as const) {
			expect([args, (await audit(...args)).status]).toEqual([args, status]);
		}
	}, 60_000);
});
