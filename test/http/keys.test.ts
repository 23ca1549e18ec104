// Personal keys over HTTP: what they are good for, what they never are, and how they end.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { hashSecret } from "../../src/auth/secrets.ts";
import type { Id } from "../../src/domain/id.ts";
import type { AccessRow } from "../../src/http/access.ts";
import type { Store } from "../../src/ports/store.ts";
import { startModelServer } from "../support/model-server.ts";
import { eventually } from "../support/server.ts";
import { everythingStored, withStoreOf } from "../support/storage.ts";
import { composeApp } from "./app.ts";
import { type Account, type Gateway, startGateway } from "./gateway.ts";

const UNKNOWN = "0123456789abcdef01234567";
const DAY_MS = 86_400_000;

const model = startModelServer();
let gateway: Gateway;
let admin: Account;
let rows: readonly AccessRow[];
beforeAll(async () => {
	gateway = await startGateway({ settings: { UPSTREAMS: `openai+${model.baseUrl}`, RATE_LIMIT_GLOBAL: "off", RATE_LIMIT_SIGNUP: "off" } });
	admin = await gateway.claimSetup();
	const { app, close } = await composeApp();
	rows = app.access.rows();
	await close();
}, 60_000);
afterAll(async () => {
	await gateway.stop();
	await model.stop();
}, 30_000);

let people = 0;
const somebody = (): Promise<Account> => gateway.signup(`person${people++}@box.local`);
const make = (token: string, body: object = { name: "script" }) => gateway.call("POST", "/auth/keys", { token, body });
const keyOf = async (token: string, ...scopes: string[]) => (await make(token, { name: "script", scopes })).textAt("key");
const statusWith = async (token: string) => (await gateway.call("GET", "/auth/me", { token })).status;

test("a key is shown once, when it is made; afterwards its beginning, its scopes and its end", async () => {
	const anna = await somebody();
	const before = Date.now();
	const made = await make(anna.token, { name: "  my backup  ", scopes: ["read"], expiresInDays: 7 });
	expect(made.status).toBe(201);
	const key = made.textAt("key");
	expect(key).toMatch(/^pk_[\w-]{43}$/);
	expect(made.json).toEqual({
		id: expect.stringMatching(/^[0-9a-f]{24}$/),
		name: "my backup",
		prefix: key.slice(0, 9),
		scopes: ["read"],
		createdAt: expect.any(String),
		expiresAt: expect.any(String),
		lastUsedAt: null,
		key,
	});
	const end = Date.parse(made.textAt("expiresAt"));
	expect(end).toBeGreaterThanOrEqual(before + 7 * DAY_MS);
	expect(end).toBeLessThanOrEqual(Date.now() + 7 * DAY_MS);
	const listed = await gateway.call("GET", "/auth/keys", { token: anna.token });
	const { key: _, ...shown } = Object(made.json);
	expect(listed.json).toEqual({ keys: [shown] });
	expect(listed.text).not.toContain(key);
});

test("without a word a key may read and chat for 90 days; with expiresInDays null it has no end", async () => {
	const anna = await somebody();
	const made = await make(anna.token);
	expect(made.at("scopes")).toEqual(["chat", "read"]);
	const days = (Date.parse(made.textAt("expiresAt")) - Date.now()) / DAY_MS;
	expect(days).toBeGreaterThan(89.9);
	expect(days).toBeLessThanOrEqual(90);
	expect((await make(anna.token, { name: "for ever", expiresInDays: null })).at("expiresAt")).toBeNull();
});

test("the store holds its hash and nothing that it could be made from", async () => {
	const { token } = await somebody();
	const key = await keyOf(token, "read");
	await gateway.call("GET", "/auth/me", { token: key });
	const stored = await everythingStored(gateway.dataDir);
	expect(stored).toContain(new Bun.CryptoHasher("sha256").update(key).digest("hex"));
	expect(stored).not.toContain(key.slice(9));
});

test("bodies that are wrong are refused by member, and nothing is made", async () => {
	const { token } = await somebody();
	const wrong: readonly (readonly [object, string])[] = [
		[{}, "body.name"],
		[{ name: "" }, "body.name"],
		[{ name: " \t " }, "body.name"],
		[{ name: "x".repeat(101) }, "body.name"],
		[{ name: "x", scopes: [] }, "body.scopes"],
		[{ name: "x", scopes: ["admin"] }, "body.scopes"],
		[{ name: "x", scopes: "read" }, "body.scopes"],
		[{ name: "x", scopes: ["read", "chat", "read"] }, "body.scopes"],
		[{ name: "x", expiresInDays: 0 }, "body.expiresInDays"],
		[{ name: "x", expiresInDays: 1.5 }, "body.expiresInDays"],
		[{ name: "x", expiresInDays: 3651 }, "body.expiresInDays"],
		[{ name: "x", expiresInDays: "a week" }, "body.expiresInDays"],
	];
	for (const [body, path] of wrong) {
		const reply = await make(token, body);
		expect([body, reply.status, reply.at("errors.0.path")]).toEqual([body, 422, expect.stringContaining(path)]);
	}
	expect((await gateway.call("GET", "/auth/keys", { token })).json).toEqual({ keys: [] });
	const own = await make(token, { name: "x", id: UNKNOWN, userId: admin.id, hash: "x", prefix: "pk_mine00" });
	expect([own.status, own.at("id") === UNKNOWN, own.at("prefix") === "pk_mine00"]).toEqual([201, false, false]);
});

test("the 51st key is refused until one is revoked", async () => {
	const { token } = await somebody();
	for (let n = 0; n < 50; n += 1) expect((await make(token)).status).toBe(201);
	const over = await make(token);
	expect([over.status, over.at("code")]).toEqual([409, "too_many_keys"]);
	const id = (await gateway.call("GET", "/auth/keys", { token })).textAt("keys.0.id");
	await gateway.call("DELETE", `/auth/keys/${id}`, { token });
	expect((await make(token)).status).toBe(201);
	expect((await gateway.call("DELETE", "/auth/keys", { token })).json).toEqual({ revoked: 50 });
});

describe("what a key may call is what the access table says, for every route", () => {
	const filled = (path: string) => path.replaceAll(/:\w+/g, UNKNOWN).replace("*", "x");
	let person: Account;
	const keys: Record<string, string> = {};
	beforeAll(async () => {
		person = await somebody();
		for (const scope of ["read", "chat"]) keys[scope] = await keyOf(person.token, scope);
		keys.admin = await keyOf(admin.token, "read", "chat");
	}, 30_000);

	test("routes for people who have signed in: by scope, and 403 with a sentence otherwise", async () => {
		const guarded = rows.filter(({ access }) => access === "user");
		expect(guarded.length).toBeGreaterThan(25);
		for (const { method, path, keys: wanted } of guarded) {
			for (const scope of ["read", "chat"] as const) {
				const reply = await gateway.root(method, filled(path), { token: keys[scope], ...(method === "GET" ? {} : { body: {} }) });
				const isRefused = reply.at("code") === "key_not_permitted";
				expect([method, path, scope, isRefused]).toEqual([method, path, scope, !wanted.includes(scope)]);
				if (!isRefused) continue;
				expect(reply.status).toBe(403);
				expect(reply.textAt("detail")).toMatch(wanted.length === 0 ? /^A personal key cannot do this/ : /scope/);
			}
		}
	}, 60_000);

	test("an administrator's routes: never, not even by an administrator's key, and before they say what they need", async () => {
		const guarded = rows.filter(({ access }) => access === "admin");
		expect(guarded.length).toBeGreaterThan(8);
		for (const { method, path } of guarded) {
			for (const key of [keys.admin, keys.chat]) {
				const reply = await gateway.root(method, `${filled(path)}?limit=x`, {
					token: key,
					...(method === "GET" ? {} : { body: { email: 1 } }),
				});
				expect([method, path, reply.status, reply.at("code")]).toEqual([method, path, 403, "key_not_permitted"]);
			}
		}
	}, 60_000);

	test("accounts: no key reads or changes keys, passwords or profiles, refreshes, or signs anybody out", async () => {
		const { token, email, refreshToken } = await somebody();
		const key = await keyOf(token, "read", "chat");
		const refused: readonly (readonly [string, string, object?])[] = [
			["GET", "/auth/keys"],
			["POST", "/auth/keys", { name: "another" }],
			["DELETE", "/auth/keys"],
			["DELETE", `/auth/keys/${UNKNOWN}`],
			["PATCH", "/users/profile", { name: "Eve" }],
			["PUT", "/users/profile", { name: "Eve" }],
			["POST", "/users/change-password", { currentPassword: "a-Tall-ladder-77", newPassword: "a-New-ladder-88" }],
			["POST", "/auth/refresh"],
		];
		for (const [method, path, body] of refused) {
			const reply = await gateway.call(method, path, { token: key, body });
			expect([method, path, reply.status, reply.at("code")]).toEqual([method, path, 403, "key_not_permitted"]);
		}
		expect((await gateway.call("POST", "/auth/logout", { token: key })).status).toBe(204);
		expect([await statusWith(key), await statusWith(token)]).toEqual([200, 200]);
		expect((await gateway.call("POST", "/auth/refresh", { body: { refreshToken } })).status).toBe(200);
		expect((await gateway.login(email)).email).toBe(email);
	});
});

test("a chat key asks, follows and stops; what it made is its owner's", async () => {
	const { token } = await somebody();
	const key = await keyOf(token, "chat");
	const sessionId = (await gateway.call("POST", "/chat/sessions", { token: key, body: { title: "by script" } })).textAt("id");
	const answer = await gateway.call("POST", "/chat/message", { token: key, body: { sessionId, prompt: "Hello" } });
	expect(answer.status).toBe(200);
	expect((await gateway.call("GET", `/chat/sessions/${sessionId}/messages`, { token: key })).status).toBe(403);
	const reader = await keyOf(token, "read");
	expect((await gateway.call("GET", `/chat/sessions/${sessionId}/messages`, { token: reader })).at("total")).toBe(2);
	const stranger = await keyOf((await somebody()).token, "read", "chat");
	expect((await gateway.call("GET", `/chat/sessions/${sessionId}`, { token: stranger })).status).toBe(404);
});

describe("a key ends at once", () => {
	const refusal = async (key: string) => {
		const reply = await gateway.call("GET", "/auth/me", { token: key });
		return [reply.status, reply.at("code")];
	};

	test("when it is revoked, alone or with all others", async () => {
		const { token } = await somebody();
		const [first, second] = [await make(token), await make(token)];
		expect((await gateway.call("DELETE", `/auth/keys/${first.textAt("id").toUpperCase()}`, { token })).status).toBe(204);
		expect(await refusal(first.textAt("key"))).toEqual([401, "invalid_token"]);
		expect(await statusWith(second.textAt("key"))).toBe(200);
		expect((await gateway.call("DELETE", "/auth/keys", { token })).json).toEqual({ revoked: 1 });
		expect(await refusal(second.textAt("key"))).toEqual([401, "invalid_token"]);
		const again = await gateway.call("DELETE", `/auth/keys/${first.textAt("id")}`, { token });
		expect([again.status, again.at("code")]).toEqual([404, "key_not_found"]);
		expect((await gateway.call("DELETE", "/auth/keys/nope", { token })).status).toBe(422);
	});

	test("another person's key answers as one that does not exist", async () => {
		const [anna, bert] = [await somebody(), await somebody()];
		const made = await make(anna.token);
		const [theirs, none] = [made.textAt("id"), UNKNOWN].map((id) => gateway.call("DELETE", `/auth/keys/${id}`, { token: bert.token }));
		expect([(await theirs)?.status, (await theirs)?.at("detail")]).toEqual([404, (await none)?.at("detail")]);
		expect(await statusWith(made.textAt("key"))).toBe(200);
	});

	test("when its time is over", async () => {
		const { token } = await somebody();
		const made = await make(token);
		await withStoreOf(gateway.dataDir, async (store) => {
			const hash = hashSecret(made.textAt("key"));
			const found = await store.findKeyByHash(hash);
			if (found === undefined) throw new Error("it is not stored");
			await store.deleteKey(found.key.id, found.user.id);
			await store.createKey({ ...found.key, expiresAt: Date.now() - 1 }, hash);
		});
		expect(await refusal(made.textAt("key"))).toEqual([401, "invalid_token"]);
	});

	test("with its account, and is back with it", async () => {
		const { token, email } = await somebody();
		const key = await keyOf(token, "read");
		const change = (make: (store: Store, id: Id) => Promise<unknown>) =>
			withStoreOf(gateway.dataDir, async (store) => {
				const user = await store.findUserByEmail(email);
				if (user === undefined) throw new Error("nobody has that address");
				await make(store, user.id);
			});
		await change((store, id) => store.setDisabled(id, true, Date.now()));
		expect(await refusal(key)).toEqual([403, "account_disabled"]);
		await change((store, id) => store.setDisabled(id, false, Date.now()));
		expect(await statusWith(key)).toBe(200);
		await change((store, id) => store.deleteUser(id));
		expect(await refusal(key)).toEqual([401, "invalid_token"]);
	});
});

test("its last use is noted to the minute, not on every request", async () => {
	const { token } = await somebody();
	const made = await make(token);
	const [key, id] = [made.textAt("key"), made.textAt("id")];
	const lastUse = async () => (await gateway.call("GET", "/auth/keys", { token })).at("keys.0.lastUsedAt");
	const before = Date.now();
	await statusWith(key);
	await eventually("the use is noted", async () => (await lastUse()) !== null);
	const first = await lastUse();
	expect(Date.parse(String(first))).toBeGreaterThanOrEqual(before);
	await Bun.sleep(5);
	for (let n = 0; n < 20; n += 1) await statusWith(key);
	await Bun.sleep(100);
	expect(await lastUse()).toBe(first);
	expect(id).toMatch(/^[0-9a-f]{24}$/);
});

test("limits count the account, by whichever of its keys and logins it calls", async () => {
	const limited = await startGateway({ settings: { RATE_LIMIT_GLOBAL: "12/minute" } });
	try {
		const anna = await limited.signup("anna@box.local");
		const tokens = [anna.token];
		for (let n = 0; n < 2; n += 1) {
			tokens.push((await limited.call("POST", "/auth/keys", { token: anna.token, body: { name: "x" } })).textAt("key"));
		}
		const statuses = [];
		for (let n = 0; n < 12; n += 1) statuses.push((await limited.call("GET", "/auth/me", { token: tokens[n % 3] })).status);
		// Two were spent on the keys.
		expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429, 429]);
	} finally {
		await limited.stop();
	}
}, 60_000);

test("what is made up, cut, changed or too long is 401, and the answer repeats nothing of it", async () => {
	const { token } = await somebody();
	const key = await keyOf(token, "read");
	const wrong = [
		"pk_",
		"pk_x",
		key.slice(0, -1),
		`${key}x`,
		key.toUpperCase(),
		key.replace("pk_", "PK_"),
		`pk_${"x".repeat(5000)}`,
		`${key}.${key}`,
	];
	for (const text of wrong) {
		const reply = await gateway.call("GET", "/auth/me", { token: text });
		expect([text.slice(0, 60), reply.status, reply.at("code")]).toEqual([text.slice(0, 60), 401, "invalid_token"]);
		expect(reply.text).not.toContain(key.slice(3));
	}
});
