// Lines 1 and 2: nobody becomes an administrator by what they send, and of any number of first claims one counts.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { join } from "node:path";
import { asyncProperty, assert as check, constantFrom, uniqueArray } from "fast-check";
import { createSetupGate } from "../../src/auth/setup.ts";
import { type Account, type Gateway, PASSWORD, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { run } from "../support/binary.ts";
import { commandSettings, withStoreOf } from "../support/storage.ts";
import { attack } from "./table.ts";

/** As stored, read beside the server. */
const usersOf = ({ dataDir }: Gateway) => withStoreOf(dataDir, async (store) => (await store.findUsers({ skip: 0, limit: 1000 })).items);

/** What somebody might hope to be taken over. */
const PLANTED: readonly (readonly [string, unknown])[] = [
	["is_admin", true],
	["isAdmin", true],
	["admin", 1],
	["role", "admin"],
	["roles", ["admin"]],
	["scopes", ["admin"]],
	["id", "0123456789abcdef01234567"],
	["_id", { $oid: "0123456789abcdef01234567" }],
	["user_id", "0123456789abcdef01234567"],
	["token_version", 9],
	["password_hash", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"],
	["passwordHash", "x"],
	["disabled", true],
	["created_at", 0],
	["first_admin", true],
	["invitation_id", "0123456789abcdef01234567"],
	["$set", { is_admin: true }],
	["constructor", { prototype: { is_admin: true } }],
	["toString", "x"],
];

describe("rights", () => {
	let gateway: Gateway;
	let admin: Account;
	let anna: Account;
	beforeAll(async () => {
		gateway = await startGateway({ settings: QUICK_HASHES });
		admin = await gateway.claimSetup();
		anna = await gateway.signup("anna@box.local");
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);

	/** Bodies of every route that makes or changes an account without being about rights. */
	let people = 0;
	const doors: Readonly<Record<string, (planted: object) => Promise<number>>> = {
		"POST /auth/signup": async (planted) =>
			(await gateway.call("POST", "/auth/signup", { body: { ...planted, email: `m${people++}@box.local`, password: PASSWORD } })).status,
		"POST /users": async (planted) =>
			(
				await gateway.call("POST", "/users/", {
					token: admin.token,
					body: { ...planted, email: `m${people++}@box.local`, password: PASSWORD },
				})
			).status,
		"PATCH /users/profile": async (planted) =>
			(await gateway.call("PATCH", "/users/profile", { token: anna.token, body: { ...planted, name: "Anna" } })).status,
		"PUT /users/profile": async (planted) => (await gateway.call("PUT", "/users/profile", { token: anna.token, body: planted })).status,
		"POST /auth/refresh": async (planted) => (await gateway.call("POST", "/auth/refresh", { token: anna.token, body: planted })).status,
		"POST /chat/sessions": async (planted) => (await gateway.call("POST", "/chat/sessions", { token: anna.token, body: planted })).status,
	};

	attack(1, "members for rights, ids, hashes and MongoDB operators, alone and mixed, in every body about an account", async () => {
		let inputs = 0;
		for (const [door, send] of Object.entries(doors)) {
			// Signing up hashes a password each time; the others are cheap.
			const runs = door === "POST /auth/signup" || door === "POST /users" ? 8 : 40;
			await check(
				asyncProperty(uniqueArray(constantFrom(...PLANTED), { minLength: 1, selector: ([name]) => name }), async (planted) => {
					inputs += 1;
					const status = await send(Object.fromEntries(planted));
					// A planted member that means something there can only be wrong.
					expect([200, 201, 422]).toContain(status);
				}),
				{ numRuns: runs, endOnFailure: true },
			);
		}
		const rows = await usersOf(gateway);
		expect(rows.filter(({ isAdmin }) => isAdmin).map(({ id }) => String(id))).toEqual([admin.id]);
		expect(rows.filter(({ disabled }) => disabled)).toEqual([]);
		expect(rows.filter(({ id }) => id.startsWith("0123456789"))).toEqual([]);
		for (const { passwordHash } of rows) expect(passwordHash).toStartWith("$argon2id$v=19$m=7168,t=1,");
		expect((await gateway.call("GET", "/admin/metrics", { token: anna.token })).status).toBe(403);
		return { inputs, held: `${rows.length} accounts, one administrator as before, no id or hash of anybody's choice` };
	});

	attack(1, "somebody who is no administrator, or was one, on every administration route", async () => {
		const former = await gateway.signup("former@box.local");
		const rights = (is_admin: boolean) => gateway.call("PATCH", `/admin/users/${former.id}`, { token: admin.token, body: { is_admin } });
		await rights(true);
		const calls: readonly (readonly [string, string, object?])[] = [
			["GET", `/admin/users/${admin.id}`],
			["PATCH", `/admin/users/${former.id}`, { is_admin: true }],
			["PATCH", `/admin/users/${admin.id}`, { disabled: true }],
			["DELETE", `/admin/users/${admin.id}`],
			["POST", `/admin/users/${admin.id}/reset-link`],
			["POST", `/admin/users/${admin.id}/reset-password`],
			["GET", `/admin/users/${admin.id}/logins`],
			["DELETE", `/admin/users/${admin.id}/logins`],
			["GET", `/admin/users/${admin.id}/export`],
			["POST", "/admin/invitations", {}],
			["GET", "/admin/invitations"],
			["POST", `/admin/users/${former.id}/toggle-admin`],
		];
		expect((await gateway.call("GET", "/admin/invitations", { token: former.token })).status).toBe(200);
		await rights(false);
		for (const token of [former.token, anna.token]) {
			for (const [method, path, body] of calls) {
				const reply = await gateway.call(method, path, { token, body });
				expect([method, path, reply.status, reply.at("code")]).toEqual([method, path, 403, "forbidden"]);
			}
		}
		expect((await gateway.call("GET", "/auth/me", { token: admin.token })).at("user.is_admin")).toBe(true);
		return { inputs: calls.length * 2, held: "403 for each, at once after the rights were taken; nothing was changed" };
	});
});

describe("the first administrator", () => {
	attack(1, "50 first claims with the printed token at once, beside 2 × 25 from two more processes on the database", async () => {
		const gateway = await startGateway({ settings: QUICK_HASHES });
		try {
			const token = await gateway.setupToken();
			const children = Array.from({ length: 2 }, () =>
				Bun.spawn([process.execPath, join(import.meta.dir, "children/claim.ts"), gateway.dataDir, "25"], {
					stdin: "pipe",
					stdout: "pipe",
					stderr: "inherit",
				}),
			);
			const outputs = children.map(({ stdout }) => linesOf(stdout));
			for (const lines of outputs) expect((await lines.next()).value).toBe("ready");
			const claim = (number: number) =>
				gateway.call("POST", "/auth/setup", { body: { token, email: `boss${number}@box.local`, password: PASSWORD } });
			for (const { stdin } of children) {
				stdin.write("go\n");
				stdin.end();
			}
			const replies = await Promise.all(Array.from({ length: 50 }, (_, number) => claim(number)));
			const direct = await Promise.all(
				outputs.map(async (lines): Promise<{ done: number; codes: string[] }> => JSON.parse((await lines.next()).value ?? "")),
			);
			const byHttp = replies.filter(({ status }) => status === 200).length;
			const done = byHttp + direct.reduce((sum, child) => sum + child.done, 0);
			expect(done).toBe(1);
			for (const { status } of replies) expect([200, 409, 503]).toContain(status);
			for (const { codes } of direct) expect(codes).toEqual(["setup_done"]);
			expect((await usersOf(gateway)).filter(({ isAdmin }) => isAdmin)).toHaveLength(1);
			return { inputs: 100, held: "one of the hundred became it; every other one was refused and made no account with rights" };
		} finally {
			await gateway.stop();
		}
	});

	attack(2, "setup tokens that are not the one in force: altered, cut, of a former start, after half an hour", async () => {
		const gateway = await startGateway({ settings: QUICK_HASHES });
		let inputs = 0;
		try {
			const former = await gateway.setupToken();
			await gateway.stop();
			const again = await startGateway({ dataDir: gateway.dataDir, settings: QUICK_HASHES });
			try {
				const token = await again.setupToken();
				const wrong = [
					former,
					...Array.from({ length: 42 }, (_, place) => token.slice(0, place) + (token[place] === "A" ? "B" : "A") + token.slice(place + 1)),
					...Array.from({ length: 42 }, (_, length) => token.slice(0, length + 1)),
					`${token}A`,
					"null",
					"undefined",
				].filter((text) => text !== token);
				for (const text of wrong) {
					const body = { token: text, email: "boss@box.local", password: PASSWORD };
					const reply = await again.call("POST", "/auth/setup", { body });
					expect([text, reply.status, reply.at("code")]).toEqual([text, 403, "invalid_setup_token"]);
					inputs += 1;
				}
				expect(await usersOf(again)).toEqual([]);
				expect((await again.claimSetup()).token).not.toBe("");
			} finally {
				await again.stop();
			}
		} finally {
			await gateway.stop();
		}
		// The clock of the process, which nobody sets from outside.
		let elapsed = 0;
		const gate = createSetupGate({
			now: () => 0,
			elapsed: () => elapsed,
			newId: () => {
				throw new Error("no id is needed");
			},
		});
		const token = gate.open();
		elapsed = 30 * 60_000 - 1;
		expect(gate.accepts(token)).toBe(true);
		elapsed += 1;
		expect(gate.accepts(token)).toBe(false);
		return { inputs: inputs + 1, held: "403 for each, no account; the right one still works, and ends after 30 minutes" };
	});

	attack(2, "signing up in each mode, without an invitation, with a wrong, a used and a good one", async () => {
		const expected = {
			open: [200, 403, 403, 200],
			invite: [403, 403, 403, 200],
			closed: [403, 403, 403, 403],
		} as const;
		let inputs = 0;
		for (const [mode, statuses] of Object.entries(expected)) {
			const gateway = await startGateway({ settings: { ...QUICK_HASHES, SIGNUP_MODE: mode } });
			try {
				await gateway.claimSetup();
				// Made on the shell while it was open to that.
				const invite = async () => {
					const env = { ...commandSettings(gateway.dataDir), SIGNUP_MODE: "invite" };
					return (await run(["users", "invite"], { env })).stdout.trim().split("#")[1] ?? "";
				};
				const [used, good] = [await invite(), await invite()];
				const signup = (name: string, token?: string) =>
					gateway.call("POST", "/auth/signup", {
						body: { email: `${name}@box.local`, password: PASSWORD, is_admin: true, ...(token === undefined ? {} : { invite: token }) },
					});
				await signup("guest", used);
				const replies = [
					await signup("none"),
					await signup("wrong", `${good.slice(0, -2)}xx`),
					await signup("used", used),
					await signup("good", good),
				];
				if (mode === "closed") {
					expect(replies[2]?.status).toBe(403);
					expect(replies.map((reply) => reply.at("code"))).toEqual(Array.from({ length: 4 }, () => "signup_closed"));
				}
				expect([mode, ...replies.map(({ status }) => status)]).toEqual([mode, ...statuses]);
				expect((await usersOf(gateway)).filter(({ isAdmin }) => isAdmin)).toHaveLength(1);
				inputs += replies.length;
			} finally {
				await gateway.stop();
			}
		}
		return { inputs, held: "as the mode says, and ordinary accounts only" };
	});
});

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, string> {
	const decoder = new TextDecoder();
	let rest = "";
	for await (const chunk of stream) {
		const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
		rest = lines.pop() ?? "";
		yield* lines;
	}
	return rest;
}
