// Line 4: which passwords are taken, how they are kept, and that old ones are kept better after the next login.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createClock } from "../../src/clock.ts";
import { type Gateway, PASSWORD, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { scratch } from "../support/binary.ts";
import { everythingStored, withStoreOf } from "../support/storage.ts";
import { attack } from "./table.ts";

const hashOf = ({ dataDir }: Gateway, email: string) =>
	withStoreOf(dataDir, async (store) => (await store.findUserByEmail(email))?.passwordHash ?? "");

describe("passwords", () => {
	let gateway: Gateway;
	let admin: { readonly token: string };
	beforeAll(async () => {
		gateway = await startGateway({ settings: QUICK_HASHES });
		admin = await gateway.claimSetup();
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);

	let people = 0;
	const signup = (password: string) => gateway.call("POST", "/auth/signup", { body: { email: `pw${people++}@box.local`, password } });

	attack(4, "passwords that are too short, too long or among the common ones, in any case, at every door that sets one", async () => {
		const source: unknown = JSON.parse(
			readFileSync(join(import.meta.dir, "../../node_modules/@zxcvbn-ts/language-common/src/passwords.json"), "utf8"),
		);
		if (!Array.isArray(source)) throw new Error("it is a list");
		const common = source.map(String).filter((word) => word.length >= 8);
		// From the whole length of the list, the first ones and the last.
		const sample = common
			.filter((_, index) => index < 20 || index % 600 === 0)
			.map((word, index) => (index % 3 === 0 ? word.toUpperCase() : word));
		const wrong = [...sample, "1234567", "äöü€ß你😀", "e\u0301".repeat(7), "x".repeat(1025), "😀".repeat(1025)];
		const anna = await gateway.signup("anna@box.local");
		const link = (await gateway.call("POST", `/admin/users/${anna.id}/reset-link`, { token: admin.token })).textAt("link");
		const invitation = (await gateway.call("POST", "/admin/invitations", { token: admin.token })).textAt("link").split("#")[1];
		const doors: Readonly<Record<string, (password: string) => Promise<number>>> = {
			signup: async (password) => (await signup(password)).status,
			invitation: async (password) =>
				(await gateway.call("POST", "/auth/signup", { body: { email: "guest@box.local", password, invite: invitation } })).status,
			"by an administrator": async (password) =>
				(await gateway.call("POST", "/users/", { token: admin.token, body: { email: "made@box.local", password } })).status,
			change: async (newPassword) =>
				(await gateway.call("POST", "/users/change-password", { token: anna.token, body: { currentPassword: PASSWORD, newPassword } }))
					.status,
			reset: async (newPassword) =>
				(await gateway.call("POST", "/auth/password-reset/confirm", { body: { token: link.split("#")[1], newPassword } })).status,
		};
		for (const [door, send] of Object.entries(doors)) {
			for (const password of wrong) expect([door, password.slice(0, 20), await send(password)]).toEqual([door, password.slice(0, 20), 422]);
		}
		// The link and the invitation are still good, and the password is the old one.
		expect((await gateway.login(anna.email)).id).toBe(anna.id);
		expect(await doors.invitation?.("a-Good-ladder-99")).toBe(200);
		expect(await doors.reset?.("a-Good-ladder-99")).toBe(204);
		return {
			inputs: wrong.length * Object.keys(doors).length,
			held: `422 at all ${Object.keys(doors).length} doors; links and passwords stayed`,
		};
	});

	attack(4, "long and foreign ones, accepted whole: every character counts, and two ways to type a letter are one", async () => {
		const good = [
			"x".repeat(1024),
			"😀".repeat(1024),
			"пароль-пароль",
			"密码密码密码密码",
			"caf\u00e9-au-lait",
			"        ",
			`${"a".repeat(72)}-after bcrypt's end`,
		];
		let inputs = 0;
		for (const password of good) {
			const email = `long${inputs}@box.local`;
			expect((await gateway.call("POST", "/auth/signup", { body: { email, password } })).status).toBe(200);
			const login = async (typed: string) => (await gateway.call("POST", "/auth/login", { body: { email, password: typed } })).status;
			const characters = [...password];
			const others = [
				characters.slice(0, -1).join(""),
				`${characters.slice(0, -1).join("")}y`,
				`${characters.slice(0, 72).join("")}y`,
				`${password} `,
			];
			for (const other of others.filter((text) => text !== "" && [...text].length <= 1024))
				expect([password.slice(0, 9), await login(other)]).toEqual([password.slice(0, 9), 401]);
			expect(await login(password.normalize("NFD"))).toBe(200);
			inputs += 1 + others.length;
		}
		return { inputs, held: "the whole password and nothing else; NFD signs in as NFC does" };
	});

	attack(4, "kept as argon2id in PHC form with a salt of its own, and nowhere else", async () => {
		const emails = ["twin1@box.local", "twin2@box.local"];
		for (const email of emails) await gateway.signup(email, "the-Same-ladder-55");
		const hashes = await Promise.all(emails.map((email) => hashOf(gateway, email)));
		for (const hash of hashes) expect(hash).toMatch(/^\$argon2id\$v=19\$m=7168,t=1,p=1\$[A-Za-z0-9+/]{22,}\$[A-Za-z0-9+/]{43}$/);
		expect(new Set(hashes).size).toBe(2);
		const stored = await everythingStored(gateway.dataDir);
		for (const hash of hashes) expect(stored).toContain(hash);
		expect(stored).not.toContain("the-Same-ladder-55");
		expect(gateway.output()).not.toContain("the-Same-ladder-55");
		return { inputs: 2, held: "two hashes of one password, neither the database nor the log holds it" };
	});
});

describe("old passwords", () => {
	attack(
		4,
		"bcrypt of the old gateway, weaker argon2id and broken hashes: the right password signs in and is kept better, nothing else does",
		async () => {
			const dataDir = join(scratch(), "data");
			const clock = createClock();
			const kept: Readonly<Record<string, string>> = {
				"bcrypt@box.local": await Bun.password.hash(PASSWORD, { algorithm: "bcrypt", cost: 5 }),
				"weak@box.local": await Bun.password.hash(PASSWORD, { algorithm: "argon2id", memoryCost: 1024, timeCost: 1 }),
				"cut@box.local": "$argon2id$v=19$m=65536,t=2,p=1$c2Fs",
				"plain@box.local": PASSWORD,
				"empty@box.local": "",
			};
			await withStoreOf(dataDir, async (store) => {
				for (const [email, passwordHash] of Object.entries(kept)) {
					const now = clock.now();
					const user = { id: clock.newId(), email, fullName: null, avatarUrl: null, passwordHash, isAdmin: false, disabled: false };
					await store.createUser({ ...user, createdAt: now, updatedAt: now });
				}
			});
			const gateway = await startGateway({ dataDir, settings: QUICK_HASHES });
			try {
				const login = async (email: string, password: string) =>
					(await gateway.call("POST", "/auth/login", { body: { email, password } })).status;
				for (const email of Object.keys(kept)) {
					for (const wrong of ["wrong-password", kept[email] || "x"].filter((text) => text !== PASSWORD))
						expect([email, await login(email, wrong)]).toEqual([email, 401]);
					expect(await hashOf(gateway, email)).toBe(kept[email] ?? "");
					const isUsable = email.startsWith("bcrypt") || email.startsWith("weak");
					expect([email, await login(email, PASSWORD)]).toEqual([email, isUsable ? 200 : 401]);
					if (isUsable) expect(await hashOf(gateway, email)).toStartWith("$argon2id$v=19$m=7168,t=1,");
					else expect(await hashOf(gateway, email)).toBe(kept[email] ?? "");
				}
				return { inputs: 14, held: "two were replaced at the good login; three broken ones let nobody in" };
			} finally {
				await gateway.stop();
			}
		},
	);
});
