// What administrators do with people over HTTP, and that it counts at once.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { hashSecret } from "../../src/auth/secrets.ts";
import { startModelServer } from "../support/model-server.ts";
import { withStoreOf } from "../support/storage.ts";
import { type Account, type Gateway, PASSWORD, QUICK_HASHES, type Reply, startGateway } from "./gateway.ts";

setDefaultTimeout(30_000);

const model = startModelServer();
let gateway: Gateway;
let admin: Account;
beforeAll(async () => {
	gateway = await startGateway({ settings: { ...QUICK_HASHES, UPSTREAMS: `openai+${model.baseUrl}`, PUBLIC_URL: "https://chat.example" } });
	admin = await gateway.claimSetup();
}, 60_000);
afterAll(async () => {
	await gateway.stop();
	model.stop();
}, 30_000);

let people = 0;
const somebody = (): Promise<Account> => gateway.signup(`somebody${people++}@box.local`);
const asAdmin = (method: string, path: string, body?: object): Promise<Reply> =>
	gateway.call(method, `/admin${path}`, { token: admin.token, body });
const statusWith = async (token: string) => (await gateway.call("GET", "/auth/me", { token })).status;
const login = (email: string, password: string) => gateway.call("POST", "/auth/login", { body: { email, password } });

describe("disabling", () => {
	test("refuses access and refresh tokens and a new login at once; enabling lets in again, with a new login only", async () => {
		const anna = await somebody();
		const disabled = await asAdmin("PATCH", `/users/${anna.id}`, { disabled: true });
		expect([disabled.status, disabled.at("disabled"), disabled.at("email")]).toEqual([200, true, anna.email]);
		expect(await statusWith(anna.token)).toBe(401);
		expect((await gateway.call("POST", "/auth/refresh", { body: { refreshToken: anna.refreshToken } })).status).toBe(401);
		const refused = await login(anna.email, PASSWORD);
		expect([refused.status, refused.at("code")]).toEqual([403, "account_disabled"]);
		expect((await login(anna.email, "wrong-password")).status).toBe(401);
		expect((await asAdmin("PATCH", `/users/${anna.id}`, { disabled: false })).at("disabled")).toBe(false);
		expect(await statusWith(anna.token)).toBe(401);
		expect((await login(anna.email, PASSWORD)).status).toBe(200);
	});

	test("gives nothing and takes nothing when nothing is named, or what is so already", async () => {
		const anna = await somebody();
		const before = await asAdmin("GET", `/users/${anna.id}`);
		for (const body of [{}, { disabled: false, is_admin: false }, { email: "other@box.local", password: "x", is_admin: undefined }]) {
			expect((await asAdmin("PATCH", `/users/${anna.id}`, body)).json).toEqual(before.json);
		}
		for (const body of [{ disabled: "yes" }, { is_admin: 1 }, { disabled: null }]) {
			expect([body, (await asAdmin("PATCH", `/users/${anna.id}`, body)).status]).toEqual([body, 422]);
		}
		expect(await statusWith(anna.token)).toBe(200);
	});
});

test("rights are given and taken at once", async () => {
	const anna = await somebody();
	expect((await asAdmin("PATCH", `/users/${anna.id}`, { is_admin: true })).at("is_admin")).toBe(true);
	expect((await gateway.call("GET", "/admin/metrics", { token: anna.token })).status).toBe(200);
	expect((await asAdmin("PATCH", `/users/${anna.id}`, { is_admin: false })).at("is_admin")).toBe(false);
	expect((await gateway.call("GET", "/admin/metrics", { token: anna.token })).status).toBe(403);
});

test("nothing of this can be done to oneself, in whatever case the id is written; nobody becomes the last", async () => {
	for (const id of [admin.id, admin.id.toUpperCase()]) {
		for (const [method, path, body, code] of [
			["PATCH", "", { disabled: true }, "own_account"],
			["PATCH", "", { is_admin: false }, "own_admin_status"],
			["DELETE", "", undefined, "own_account"],
			["POST", "/reset-link", undefined, "own_account"],
			["POST", "/reset-password", undefined, "own_account"],
		] as const) {
			const reply = await asAdmin(method, `/users/${id}${path}`, body);
			expect([method, path, reply.status, reply.at("code")]).toEqual([method, path, 400, code]);
		}
	}
	const last = await gateway.call("DELETE", "/users/me", { token: admin.token, body: { password: PASSWORD } });
	expect([last.status, last.at("code")]).toEqual([409, "last_admin"]);
	expect(await statusWith(admin.token)).toBe(200);
});

describe("a new password", () => {
	test("by a link that the administrator passes on: good once, and the password there stays until then", async () => {
		const anna = await somebody();
		const made = await asAdmin("POST", `/users/${anna.id}/reset-link`);
		expect(made.status).toBe(201);
		const [, token] = /^https:\/\/chat\.example\/reset#([\w-]{43})$/.exec(made.textAt("link")) ?? [];
		expect(Date.parse(made.textAt("expiresAt"))).toBeGreaterThan(Date.now() + 23 * 3_600_000);
		expect(await statusWith(anna.token)).toBe(200);
		const confirm = () => gateway.call("POST", "/auth/password-reset/confirm", { body: { token, newPassword: "a-New-ladder-88" } });
		expect((await confirm()).status).toBe(204);
		expect((await confirm()).at("code")).toBe("invalid_reset_token");
		expect(await statusWith(anna.token)).toBe(401);
		expect([(await login(anna.email, PASSWORD)).status, (await login(anna.email, "a-New-ladder-88")).status]).toEqual([401, 200]);
	});

	test("generated: shown once, and every login ends", async () => {
		const anna = await somebody();
		const reply = await asAdmin("POST", `/users/${anna.id}/reset-password`);
		expect(reply.textAt("password")).toMatch(/^[\w-]{24}$/);
		expect(await statusWith(anna.token)).toBe(401);
		expect((await login(anna.email, reply.textAt("password"))).status).toBe(200);
		expect((await login(anna.email, PASSWORD)).status).toBe(401);
	});
});

test("where somebody is signed in is shown and ended, one by one or all; nobody else's", async () => {
	const [anna, bert] = [await somebody(), await somebody()];
	const phone = await gateway.login(anna.email);
	const listed = await asAdmin("GET", `/users/${anna.id}/logins`);
	expect([listed.at("total"), listed.at("logins.0.name"), listed.at("logins.0.current")]).toEqual([2, "Bun", undefined]);
	const theirs = (await asAdmin("GET", `/users/${bert.id}/logins`)).textAt("logins.0.id");
	expect((await asAdmin("DELETE", `/users/${anna.id}/logins?login=${theirs}`)).at("code")).toBe("login_not_found");
	expect((await asAdmin("DELETE", `/users/${anna.id}/logins?login=x`)).at("code")).toBe("invalid_id");
	expect((await asAdmin("DELETE", `/users/${anna.id}/logins?login=${listed.textAt("logins.0.id")}`)).status).toBe(204);
	expect([await statusWith(anna.token), await statusWith(phone.token)].sort()).toEqual([200, 401]);
	expect((await asAdmin("DELETE", `/users/${anna.id}/logins`)).status).toBe(204);
	expect(await Promise.all([anna, phone, bert].map(({ token }) => statusWith(token)))).toEqual([401, 401, 200]);
});

describe("deleting", () => {
	async function withHistory(): Promise<{ account: Account; session: string }> {
		const account = await somebody();
		const { token } = account;
		const session = (await gateway.call("POST", "/chat/sessions", { token, body: {} })).textAt("id");
		await gateway.call("POST", "/chat/message", { token, body: { sessionId: session, prompt: "Hello" } });
		return { account, session };
	}
	const counts = async () => {
		const metrics = await asAdmin("GET", "/metrics");
		return ["total_users", "total_sessions", "total_messages"].map((name) => Number(metrics.at(`overview.${name}`)));
	};

	test("by an administrator takes the account with everything; every token is refused, and the address is free", async () => {
		const before = await counts();
		const { account, session } = await withHistory();
		expect((await counts()).map((count, index) => count - (before[index] ?? 0))).toEqual([1, 1, 2]);
		expect((await asAdmin("DELETE", `/users/${account.id}`)).status).toBe(204);
		expect(await counts()).toEqual(before);
		expect(await statusWith(account.token)).toBe(401);
		expect((await gateway.call("GET", `/chat/sessions/${session}`, { token: account.token })).status).toBe(401);
		for (const reply of [
			await asAdmin("DELETE", `/users/${account.id}`),
			await asAdmin("GET", `/users/${account.id}`),
			await gateway.call("GET", `/users/${account.id}`, { token: admin.token }),
			await gateway.call("GET", `/chat/sessions/users/${account.id}`, { token: admin.token }),
		]) {
			expect([reply.status, reply.at("code")]).toEqual([404, "user_not_found"]);
		}
		expect((await login(account.email, PASSWORD)).status).toBe(401);
		expect((await gateway.signup(account.email)).id).not.toBe(account.id);
	});

	test("by oneself needs the password", async () => {
		const before = await counts();
		const { account } = await withHistory();
		const { token } = account;
		const remove = (body?: object) => gateway.call("DELETE", "/users/me", { token, body });
		expect((await remove()).status).toBe(422);
		expect((await remove({ password: "wrong-password" })).at("code")).toBe("wrong_password");
		expect(await statusWith(token)).toBe(200);
		expect((await remove({ password: PASSWORD })).status).toBe(204);
		expect(await statusWith(token)).toBe(401);
		expect(await counts()).toEqual(before);
	});

	test("while an answer runs and another waits: both end at once, the model server is told, and nothing of them is stored", async () => {
		const { account } = await withHistory();
		const { token } = account;
		const follow = async (prompt: string) => {
			const sessionId = (await gateway.call("POST", "/chat/sessions", { token, body: {} })).textAt("id");
			return fetch(`${gateway.address}/api/v1/chat/stream`, {
				method: "POST",
				headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
				body: JSON.stringify({ sessionId, prompt }),
			});
		};
		const streams = [await follow("[endless] [every 20] one"), await follow("[endless] [every 20] two"), await follow("[endless] three")];
		const texts = streams.map((stream) => stream.text());
		await Bun.sleep(300);
		const asked = performance.now();
		expect((await asAdmin("DELETE", `/users/${account.id}`)).status).toBe(204);
		for (const text of await Promise.all(texts)) expect(text).toContain('"code":"signed_out"');
		expect(performance.now() - asked).toBeLessThan(1500);
		expect(model.chats.filter(({ prompt, closedAt }) => prompt.startsWith("[endless]") && closedAt === undefined)).toEqual([]);
		const generations = await asAdmin("GET", "/generations");
		expect(generations.at("generations")).toEqual([]);
		const messages = await asAdmin("GET", "/messages?limit=100");
		expect(messages.text).not.toContain(account.id);
	}, 20_000);
});

describe("signing up with an invitation", () => {
	let guarded: Gateway;
	let host: Account;
	beforeAll(async () => {
		guarded = await startGateway({ settings: { ...QUICK_HASHES, SIGNUP_MODE: "invite", PUBLIC_URL: "https://chat.example" } });
		host = await guarded.claimSetup();
	}, 60_000);
	afterAll(() => guarded.stop(), 30_000);
	const invite = async (body?: object) => {
		const reply = await guarded.call("POST", "/admin/invitations", { token: host.token, body });
		expect(reply.status).toBe(201);
		const [, token = ""] = /^https:\/\/chat\.example\/invite#([\w-]{43})$/.exec(reply.textAt("link")) ?? [];
		return { id: reply.textAt("id"), token, expiresAt: Date.parse(reply.textAt("expiresAt")), note: reply.at("note") };
	};
	const signup = (email: string, invitation?: unknown, password = PASSWORD) =>
		guarded.call("POST", "/auth/signup", { body: { email, password, ...(invitation === undefined ? {} : { invite: invitation }) } });

	test("makes one account, an ordinary one", async () => {
		const { token, note, expiresAt } = await invite({ note: "for Grace", expiresInDays: 2 });
		expect([note, Math.round((expiresAt - Date.now()) / 86_400_000)]).toEqual(["for Grace", 2]);
		const reply = await signup("grace@box.local", token);
		expect([reply.status, reply.at("user.is_admin")]).toEqual([200, false]);
		expect((await signup("late@box.local", token)).at("code")).toBe("invalid_invitation");
	});

	test("a refused address or password leaves it for another try", async () => {
		const { token } = await invite();
		expect((await signup(host.email, token)).at("code")).toBe("email_taken");
		expect((await signup("ida@box.local", token, "short")).at("code")).toBe("weak_password");
		expect((await signup("ida@box.local", token)).status).toBe(200);
	});

	test("without one, or with a wrong one, nobody learns whether an address has an account", async () => {
		for (const email of [host.email, "nobody@box.local"]) {
			expect([(await signup(email)).at("code"), (await signup(email, null)).at("code")]).toEqual([
				"invitation_required",
				"invitation_required",
			]);
			expect((await signup(email, "x".repeat(43))).at("code")).toBe("invalid_invitation");
		}
		for (const nonsense of ["", 7, {}, "x".repeat(513)]) expect((await signup("n@box.local", nonsense)).status).toBe(422);
	});

	test("they are listed without their links, newest first, and revoked", async () => {
		const [first, second] = [await invite({ note: " one " }), await invite({ note: null })];
		const list = await guarded.call("GET", "/admin/invitations?limit=2", { token: host.token });
		expect([list.at("invitations.0.id"), list.at("invitations.1.id"), list.at("invitations.1.note")]).toEqual(
			[first, second]
				.map(({ id }) => id)
				.reverse()
				.concat("one"),
		);
		expect(list.at("invitations.0.createdBy")).toBe(host.id);
		expect(list.text).not.toContain(first.token);
		const revoke = (id: string) => guarded.call("DELETE", `/admin/invitations/${id}`, { token: host.token });
		expect([(await revoke(first.id)).status, (await revoke(first.id)).at("code"), (await revoke("x")).at("code")]).toEqual([
			204,
			"invitation_not_found",
			"invalid_id",
		]);
		expect((await signup("rev@box.local", first.token)).at("code")).toBe("invalid_invitation");
		for (const expiresInDays of [0, 91, 1.5, "soon"]) {
			const reply = await guarded.call("POST", "/admin/invitations", { token: host.token, body: { expiresInDays } });
			expect([expiresInDays, reply.status]).toEqual([expiresInDays, 422]);
		}
	});

	test("one that has ended is good for nothing", async () => {
		const { token } = await invite();
		await withStoreOf(guarded.dataDir, async (store) => {
			const [hash, now] = [hashSecret(token), Date.now()];
			const made = await store.findInvitation(hash, now);
			if (made === undefined) throw new Error("it is not stored");
			await store.deleteInvitation(made.id);
			await store.createInvitation({ ...made, expiresAt: now - 1 }, hash);
		});
		expect((await signup("ended@box.local", token)).at("code")).toBe("invalid_invitation");
	});

	test("where nobody may sign up none is made; where anybody may, one that is given must be good, and is spent", async () => {
		const closed = await startGateway({ settings: { ...QUICK_HASHES, SIGNUP_MODE: "closed" } });
		try {
			const { token } = await closed.claimSetup();
			const refused = await closed.call("POST", "/admin/invitations", { token });
			expect([refused.status, refused.at("code")]).toEqual([403, "signup_closed"]);
			expect(refused.textAt("detail")).toContain("SIGNUP_MODE");
			const reply = await closed.call("POST", "/auth/signup", { body: { email: "a@box.local", password: PASSWORD, invite: "x" } });
			expect(reply.at("code")).toBe("signup_closed");
		} finally {
			await closed.stop();
		}
		const made = (await asAdmin("POST", "/invitations")).textAt("link").split("#")[1];
		const open = (email: string, invitation: unknown) =>
			gateway.call("POST", "/auth/signup", { body: { email, password: PASSWORD, invite: invitation } });
		expect((await open("open1@box.local", "wrong")).at("code")).toBe("invalid_invitation");
		expect((await open("open1@box.local", made)).status).toBe(200);
		expect((await open("open2@box.local", made)).at("code")).toBe("invalid_invitation");
		expect((await open("open2@box.local", undefined)).status).toBe(200);
	}, 60_000);
});
