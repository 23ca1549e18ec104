// Accounts: signing up and in, passwords old and new, the first administrator, and the account whose password is published.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createClock } from "../../src/clock.ts";
import { scratch } from "../support/binary.ts";
import { eventually } from "../support/server.ts";
import { withStoreOf } from "../support/storage.ts";
import { type Gateway, PASSWORD, type Reply, startGateway } from "./gateway.ts";

type OldUser = { readonly email: string; readonly full_name: string | null; readonly password_hash: string; readonly is_admin?: boolean };
type OldDatabase = {
	readonly passwords: readonly { readonly email: string; readonly password: string }[];
	readonly collections: { readonly users: readonly OldUser[] };
	readonly olderShapes: { readonly users: readonly { readonly document: OldUser }[] };
};
const old: OldDatabase = JSON.parse(readFileSync(join(import.meta.dir, "../fixtures/captures/mongo-documents.json"), "utf8"));
const passwordOf = (email: string) => old.passwords.find((entry) => entry.email === email)?.password ?? "";

/** A data folder with people of an old database. */
async function folderWith(users: readonly OldUser[]): Promise<string> {
	const dataDir = join(scratch(), "data");
	const clock = createClock();
	await withStoreOf(dataDir, async (store) => {
		for (const { email, full_name, password_hash, is_admin = false } of users) {
			await store.createUser({
				id: clock.newId(),
				email,
				fullName: full_name,
				avatarUrl: null,
				passwordHash: password_hash,
				isAdmin: is_admin,
				disabled: false,
				createdAt: clock.now(),
				updatedAt: clock.now(),
			});
		}
	});
	return dataDir;
}

const login = (gateway: Gateway, email: string, password: string) => gateway.call("POST", "/auth/login", { body: { email, password } });

async function hashOf(gateway: Gateway, email: string): Promise<string> {
	const user = await withStoreOf(gateway.dataDir, (store) => store.findUserByEmail(email));
	return user?.passwordHash ?? "";
}

/** Another hash of the same password, as an old database has it. */
async function setHash(gateway: Gateway, email: string, hash: string): Promise<void> {
	await withStoreOf(gateway.dataDir, async (store) => {
		const user = await store.findUserByEmail(email);
		if (user === undefined) throw new Error("nobody has that address");
		expect(await store.replacePasswordHash(user.id, user.passwordHash, hash)).toBe(true);
	});
}

const answerOf = ({ status, text, headers }: Reply) => {
	const { requestId: _own, ...rest } = JSON.parse(text);
	return { status, rest, challenge: headers.get("www-authenticate") };
};

describe("passwords", () => {
	let gateway: Gateway;
	beforeAll(async () => {
		const users = old.collections.users.filter(({ is_admin }) => !is_admin);
		const dave = users.filter(({ email }) => email === "dave@example.com");
		gateway = await startGateway({
			dataDir: await folderWith([...users, ...dave.map((user) => ({ ...user, email: "second@example.com" }))]),
		});
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);

	test("an old bcrypt hash verifies, and is replaced by argon2id at the first good login", async () => {
		const email = "carol@example.com";
		expect(await hashOf(gateway, email)).toStartWith("$2b$12$");
		expect((await login(gateway, email, "wrong")).status).toBe(401);
		expect(await hashOf(gateway, email)).toStartWith("$2b$12$");
		expect((await login(gateway, email, passwordOf(email))).status).toBe(200);
		expect(await hashOf(gateway, email)).toStartWith("$argon2id$v=19$m=65536,t=2,");
		expect((await login(gateway, email, passwordOf(email))).status).toBe(200);
	}, 30_000);

	test("of an old password of 90 bytes the first 72 count, cut inside a character; of the new hash all do", async () => {
		const email = "dave@example.com";
		const password = passwordOf(email);
		expect(Buffer.byteLength(password)).toBe(90);
		// 70 bytes are too few; another end behind the same 72 (of the last character there one byte of two) is good, as it was.
		expect((await login(gateway, "second@example.com", password.slice(0, 37))).status).toBe(401);
		const other = `${password.slice(0, 38)}\u0430 and another end`;
		expect(Buffer.from(other).subarray(0, 72)).toEqual(Buffer.from(password).subarray(0, 72));
		expect((await login(gateway, "second@example.com", other)).status).toBe(200);
		expect((await login(gateway, email, password)).status).toBe(200);
		expect(await hashOf(gateway, email)).toStartWith("$argon2id$");
		expect((await login(gateway, email, `${password.slice(0, -1)}x`)).status).toBe(401);
		expect((await login(gateway, email, password)).status).toBe(200);
	}, 30_000);

	test("with PASSWORD_HASH=bcrypt new and replaced hashes have the old gateway's form; without it again, they become argon2id", async () => {
		const first = await startGateway();
		await first.signup("anna@box.local");
		await first.stop();
		const { dataDir } = first;
		const trial = await startGateway({ dataDir, settings: { PASSWORD_HASH: "bcrypt" } });
		expect(await hashOf(trial, "anna@box.local")).toStartWith("$argon2id$");
		for (const email of ["anna@box.local", "bert@box.local"]) {
			if (email.startsWith("bert")) await trial.signup(email);
			for (let n = 0; n < 2; n += 1) expect((await login(trial, email, PASSWORD)).status).toBe(200);
			expect(await hashOf(trial, email)).toStartWith("$2b$12$");
		}
		await trial.stop();
		const after = await startGateway({ dataDir, settings: { PASSWORD_HASH_PASSES: "3" } });
		expect((await login(after, "anna@box.local", PASSWORD)).status).toBe(200);
		expect(await hashOf(after, "anna@box.local")).toStartWith("$argon2id$v=19$m=65536,t=3,");
		await after.stop();
	}, 60_000);

	test("a wrong password and an unknown address have one and the same answer", async () => {
		await gateway.signup("known@box.local");
		const wrong = await login(gateway, "known@box.local", "wrong-password");
		const unknown = await login(gateway, "unknown@box.local", "wrong-password");
		expect(answerOf(wrong)).toEqual(answerOf(unknown));
		expect(wrong.status).toBe(401);
	});

	test("and take the same work", async () => {
		await gateway.signup("timed@box.local");
		const times: { known: number[]; unknown: number[] } = { known: [], unknown: [] };
		for (let i = 0; i < 9; i++) {
			for (const [who, email] of [
				["known", "timed@box.local"],
				["unknown", "nobody@box.local"],
			] as const) {
				const start = performance.now();
				await login(gateway, email, "wrong-password");
				times[who].push(performance.now() - start);
			}
		}
		const median = (list: number[]) => list.sort((a, b) => a - b)[4] ?? 0;
		const ratio = median(times.unknown) / median(times.known);
		// Wide, since other tests share the machine: without the work it would be a hundredth.
		expect(ratio).toBeGreaterThan(0.5);
		expect(ratio).toBeLessThan(2);
	}, 30_000);

	test("new ones have at least eight characters, counted as people count; common ones are refused", async () => {
		const signup = (password: string) =>
			gateway.call("POST", "/auth/signup", { body: { email: `p${Bun.hash(password)}@box.local`, password } });
		for (const weak of ["1234567", "äöü€ß你😀", "password", "Qwerty123", "x".repeat(1025)]) expect((await signup(weak)).status).toBe(422);
		for (const good of ["12ab34cd", "äöü€ß你😀!", "x".repeat(1024), "        "]) expect((await signup(good)).status).toBe(200);
	}, 30_000);

	test("the same letters typed in another Unicode form are the same password", async () => {
		await gateway.signup("nfc@box.local", "caf\u00e9-au-lait");
		expect((await login(gateway, "nfc@box.local", "cafe\u0301-au-lait")).status).toBe(200);
	});

	test("a change ends every other login of this person, and only those", async () => {
		const email = "changer@box.local";
		const [first, other, bystander] = [await gateway.signup(email), await gateway.login(email), await gateway.signup("by@box.local")];
		const change = (currentPassword: string, newPassword: string) =>
			gateway.call("POST", "/users/change-password", { token: first.token, body: { currentPassword, newPassword } });
		expect((await change("wrong", "a-New-ladder-88")).at("code")).toBe("wrong_password");
		expect((await change(PASSWORD, "short")).at("code")).toBe("weak_password");
		expect((await change(PASSWORD, PASSWORD)).at("code")).toBe("weak_password");
		expect((await gateway.call("GET", "/auth/me", { token: other.token })).status).toBe(200);
		expect((await change(PASSWORD, "a-New-ladder-88")).status).toBe(204);
		expect((await gateway.call("GET", "/auth/me", { token: other.token })).status).toBe(401);
		expect((await gateway.call("POST", "/auth/refresh", { body: { refreshToken: other.refreshToken } })).status).toBe(401);
		expect((await gateway.call("GET", "/auth/me", { token: first.token })).status).toBe(200);
		expect((await gateway.call("POST", "/auth/refresh", { body: { refreshToken: first.refreshToken } })).status).toBe(200);
		expect((await gateway.call("GET", "/auth/me", { token: bystander.token })).status).toBe(200);
		expect((await login(gateway, email, PASSWORD)).status).toBe(401);
		expect((await login(gateway, email, "a-New-ladder-88")).status).toBe(200);
	}, 30_000);

	for (const kind of ["argon2id", "an old bcrypt"] as const) {
		test(`of 12 logins with the former password that race its change none outlives it (${kind} hash)`, async () => {
			const email = `${kind.replace(/ /g, "-")}@box.local`;
			const owner = await gateway.signup(email);
			if (kind !== "argon2id") {
				const old = await Bun.password.hash(PASSWORD, { algorithm: "bcrypt", cost: 5 });
				await setHash(gateway, email, old);
			}
			const change = () => {
				const body = { currentPassword: PASSWORD, newPassword: "a-New-ladder-88" };
				return gateway.call("POST", "/users/change-password", { token: owner.token, body });
			};
			const changing = change();
			// One after the other, so that some are verified against the hash that the change is about to replace.
			const entering: Promise<Reply>[] = [];
			for (let turn = 0; turn < 12; turn++) {
				await Bun.sleep(25);
				entering.push(login(gateway, email, PASSWORD));
			}
			const replies = await Promise.all(entering);
			// A hash that a login replaced meanwhile makes the change say so; nothing is half done then.
			if ((await changing).status !== 204) expect((await change()).status).toBe(204);
			for (const reply of replies) {
				expect([200, 401]).toContain(reply.status);
				if (reply.status !== 200) continue;
				expect((await gateway.call("GET", "/auth/me", { token: reply.textAt("token") })).status).toBe(401);
				const refresh = await gateway.call("POST", "/auth/refresh", { body: { refreshToken: reply.textAt("refreshToken") } });
				expect(refresh.status).toBe(401);
			}
			expect((await login(gateway, email, PASSWORD)).status).toBe(401);
			expect((await login(gateway, email, "a-New-ladder-88")).status).toBe(200);
		}, 60_000);
	}

	test("12 first logins of an old account at the same time all succeed", async () => {
		const email = "many@box.local";
		await gateway.signup(email);
		const old = await Bun.password.hash(PASSWORD, { algorithm: "bcrypt", cost: 5 });
		await setHash(gateway, email, old);
		const replies = await Promise.all(Array.from({ length: 12 }, () => login(gateway, email, PASSWORD)));
		expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
		expect(await hashOf(gateway, email)).toStartWith("$argon2id$");
	}, 60_000);
});

describe("people", () => {
	let gateway: Gateway;
	beforeAll(async () => {
		gateway = await startGateway();
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);

	test("have both spellings of their name and picture everywhere, and no hash anywhere", async () => {
		const body = { email: "Both@Box.local ", password: PASSWORD, name: "Both", avatar_url: "https://example.com/b.png" };
		const signup = await gateway.call("POST", "/auth/signup", { body });
		const token = signup.textAt("token");
		const replies: readonly (readonly [reply: Reply, at: string])[] = [
			[signup, "user."],
			[await login(gateway, "both@box.local", PASSWORD), "user."],
			[await gateway.call("GET", "/auth/me", { token }), "user."],
			[await gateway.call("GET", "/users/profile", { token }), ""],
		];
		for (const [reply, at] of replies) {
			expect(reply.at(`${at}email`)).toBe("both@box.local");
			for (const name of ["name", "full_name"]) expect(reply.at(at + name)).toBe("Both");
			for (const name of ["avatar", "avatar_url"]) expect(reply.at(at + name)).toBe("https://example.com/b.png");
			expect(reply.text).not.toMatch(/hash|argon2|\$2b/i);
		}
	});

	test("without a name are shown by their address", async () => {
		const { token } = await gateway.signup("plain@box.local");
		const profile = await gateway.call("PATCH", "/users/profile", { token, body: { name: "P" } });
		expect([profile.at("name"), profile.at("full_name")]).toEqual(["P", "P"]);
		const bare = await gateway.call("PUT", "/users/profile", { token, body: { name: null } });
		expect([bare.at("name"), bare.at("full_name")]).toEqual(["plain@box.local", "plain@box.local"]);
		const same = await gateway.call("PATCH", "/users/profile", { token, body: {} });
		expect(same.at("updatedAt")).toBe(bare.at("updatedAt"));
	});

	test("twenty who want one address at once: one gets it", async () => {
		const replies = await Promise.all(
			Array.from({ length: 20 }, () => gateway.call("POST", "/auth/signup", { body: { email: "one@box.local", password: PASSWORD } })),
		);
		expect(replies.filter(({ status }) => status === 200).length).toBe(1);
		expect(replies.filter(({ status }) => status === 409).length).toBe(19);
	}, 30_000);
});

test("SIGNUP_MODE=closed: nobody makes an account, an administrator does", async () => {
	const gateway = await startGateway({ settings: { SIGNUP_MODE: "closed" } });
	try {
		const admin = await gateway.claimSetup();
		const body = { email: "new@box.local", password: PASSWORD };
		const refused = await gateway.call("POST", "/auth/signup", { body });
		expect([refused.status, refused.at("code")]).toEqual([403, "signup_closed"]);
		const made = await gateway.call("POST", "/users/", { token: admin.token, body: { ...body, is_admin: true, password_hash: "x" } });
		expect([made.status, made.at("is_admin")]).toEqual([201, false]);
		expect((await login(gateway, body.email, PASSWORD)).status).toBe(200);
	} finally {
		await gateway.stop();
	}
}, 60_000);

describe("the first administrator", () => {
	test("is made with the token that was printed, once; signing up makes none", async () => {
		const gateway = await startGateway();
		try {
			const claim = (token: string, email: string, password = PASSWORD) =>
				gateway.call("POST", "/auth/setup", { body: { token, email, password } });
			const anna = await gateway.signup("anna@box.local");
			expect((await gateway.call("GET", "/admin/metrics", { token: anna.token })).status).toBe(403);
			const token = await gateway.setupToken();
			expect((await claim(`${token}x`, "boss@box.local")).at("code")).toBe("invalid_setup_token");
			expect((await claim(token, "boss@box.local", "short")).at("code")).toBe("weak_password");
			const claims = await Promise.all(Array.from({ length: 10 }, (_, i) => claim(token, `boss${i}@box.local`)));
			const good = claims.filter(({ status }) => status === 200);
			expect(good.length).toBe(1);
			expect(good[0]?.at("user.is_admin")).toBe(true);
			for (const { status } of claims) expect([200, 409]).toContain(status);
			expect((await claim(token, "late@box.local")).at("code")).toBe("setup_done");
			const metrics = await gateway.call("GET", "/admin/metrics", { token: good[0]?.textAt("token") });
			expect([metrics.at("overview.admin_count"), metrics.at("overview.total_users")]).toEqual([1, 2]);
		} finally {
			await gateway.stop();
		}
	}, 60_000);

	test("once there is one, no token is printed", async () => {
		const first = await startGateway();
		await first.claimSetup();
		await first.stop();
		const second = await startGateway({ dataDir: first.dataDir });
		try {
			await eventually("it has looked around", () => second.output().includes("does not answer yet"));
			await Bun.sleep(300);
			expect(second.output()).not.toContain("/setup#");
			const reply = await second.call("POST", "/auth/setup", { body: { token: "x", email: "b@box.local", password: PASSWORD } });
			expect(reply.at("code")).toBe("setup_done");
		} finally {
			await second.stop();
		}
	}, 60_000);
});

describe("the account that the old gateway made with a published password", () => {
	const demo = [...old.collections.users, ...old.olderShapes.users.map(({ document }) => document)].filter(
		({ email }) => email === "demo@pocketllm.com",
	);
	expect(demo.length).toBe(2);
	for (const [index, user] of demo.entries()) {
		test(`is disabled and demoted at the start, even as the last administrator (document ${index + 1})`, async () => {
			const gateway = await startGateway({ dataDir: await folderWith([user]) });
			try {
				await gateway.setupToken();
				expect(gateway.output()).toContain("demo@pocketllm.com");
				const reply = await login(gateway, "demo@pocketllm.com", "demo123");
				expect([reply.status, reply.at("token")]).toEqual([403, undefined]);
				const admin = await gateway.claimSetup();
				const users = await gateway.call("GET", "/admin/users", { token: admin.token });
				expect([users.at("users.1.email"), users.at("users.1.is_admin"), users.at("users.1.disabled")]).toEqual([
					"demo@pocketllm.com",
					false,
					true,
				]);
			} finally {
				await gateway.stop();
			}
		}, 60_000);
	}
	test("with another password it is somebody's, and stays", async () => {
		const passwordHash = await Bun.password.hash("another-Password-9", { algorithm: "bcrypt", cost: 5 });
		const [document] = demo;
		if (document === undefined) throw new Error("there is no such document");
		const gateway = await startGateway({ dataDir: await folderWith([{ ...document, password_hash: passwordHash, is_admin: true }]) });
		try {
			const reply = await login(gateway, "demo@pocketllm.com", "another-Password-9");
			expect([reply.status, reply.at("user.is_admin")]).toEqual([200, true]);
			await eventually("it has looked around", () => gateway.output().includes("does not answer yet"));
			await Bun.sleep(300);
			expect((await gateway.call("GET", "/admin/metrics", { token: reply.textAt("token") })).status).toBe(200);
		} finally {
			await gateway.stop();
		}
	}, 60_000);
});

describe("a forgotten password", () => {
	let gateway: Gateway;
	beforeAll(async () => {
		gateway = await startGateway({ settings: { RESET_LINKS_IN_LOG: "yes", PUBLIC_URL: "https://chat.example" } });
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);
	const ask = (email: string) => gateway.call("POST", "/auth/password-reset", { body: { email } });
	const links = () => [...gateway.output().matchAll(/https:\/\/chat\.example\/reset#([\w-]+)/g)].map(([, token]) => token ?? "");

	test("can be asked for with one and the same answer for any address", async () => {
		await gateway.signup("forgetful@box.local");
		const [known, unknown, nonsense] = [await ask("forgetful@box.local"), await ask("nobody@box.local"), await ask("x")];
		await eventually("the link is in the log", () => links().length > 0);
		await Bun.sleep(100);
		expect([known.status, unknown.status, nonsense.status]).toEqual([202, 202, 202]);
		expect(new Set([known.text, unknown.text, nonsense.text]).size).toBe(1);
		expect(links().length).toBe(1);
	});

	test("is set anew with the newest link, once, and every login ends", async () => {
		const anna = await gateway.login("forgetful@box.local");
		const [older = ""] = links();
		await ask("forgetful@box.local");
		await eventually("the new link is in the log", () => links().length === 2);
		const newest = links().at(-1) ?? "";
		const confirm = (token: string, newPassword = "a-New-ladder-88") =>
			gateway.call("POST", "/auth/password-reset/confirm", { body: { token, newPassword } });
		expect((await confirm(older)).at("code")).toBe("invalid_reset_token");
		expect((await confirm(newest, "short")).at("code")).toBe("weak_password");
		expect((await confirm(newest)).status).toBe(204);
		expect((await confirm(newest)).at("code")).toBe("invalid_reset_token");
		expect((await gateway.call("GET", "/auth/me", { token: anna.token })).status).toBe(401);
		expect((await gateway.call("POST", "/auth/refresh", { body: { refreshToken: anna.refreshToken } })).status).toBe(401);
		expect((await login(gateway, "forgetful@box.local", PASSWORD)).status).toBe(401);
		expect((await login(gateway, "forgetful@box.local", "a-New-ladder-88")).status).toBe(200);
	}, 30_000);
});
