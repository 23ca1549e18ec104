// Line 6: what is taken for an access token, where, and for how long after an account has changed.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { createHmac } from "node:crypto";
import { type Account, type Gateway, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { eventually } from "../support/server.ts";
import { attack } from "./table.ts";

const SECRET = "a key for tests of access tokens of 44 bytes";

const decode = (token: string, part: number): Record<string, unknown> =>
	JSON.parse(Buffer.from(token.split(".")[part] ?? "", "base64url").toString());
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const HASHES: Readonly<Record<string, string>> = { HS256: "sha256", HS384: "sha384", HS512: "sha512" };

describe("access tokens", () => {
	let gateway: Gateway;
	let anna: Account;
	beforeAll(async () => {
		gateway = await startGateway({ settings: { ...QUICK_HASHES, JWT_SECRET: SECRET, RESET_LINKS_IN_LOG: "yes" } });
		anna = await gateway.signup("anna@box.local");
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);
	const statusWith = async (token: string) => (await gateway.call("GET", "/auth/me", { token })).status;

	attack(6, "every mix of algorithm, key, type and the header's other members, over good claims", async () => {
		const [header, claims] = [decode(anna.token, 0), decode(anna.token, 1)];
		const publicKey = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----";
		const algorithms = ["HS256", "HS384", "HS512", "RS256", "ES256", "none", "NONE", "hs256", "", null, 256];
		const kids = [header.kid, undefined, "", "0", "../../../../dev/null", "' OR 1=1 --", header.kid === undefined ? "" : `${header.kid} `];
		const types = ["at+jwt", undefined, "JWT", "rt+jwt", "AT+JWT"];
		const members = [
			{},
			{ jku: "http://127.0.0.1:9/" },
			{ jwk: { kty: "oct", k: "AA" } },
			{ x5u: "http://127.0.0.1:9/" },
			{ crit: ["b64"], b64: false },
		];
		const secrets = [SECRET, "", String(header.kid), publicKey];
		let inputs = 0;
		const accepted: unknown[] = [];
		for (const alg of algorithms) {
			for (const kid of kids) {
				for (const typ of types) {
					for (const more of members) {
						const key = secrets[inputs % secrets.length] ?? "";
						const text = `${encode({ alg, typ, kid, ...more })}.${encode(claims)}`;
						const signature = createHmac(HASHES[String(alg)] ?? "sha256", key)
							.update(text)
							.digest("base64url");
						inputs += 2;
						if ((await statusWith(`${text}.${signature}`)) !== 401) accepted.push({ alg, kid, typ, more, key });
						if ((await statusWith(`${text}.`)) !== 401) accepted.push({ alg, kid, typ, more, unsigned: true });
					}
				}
			}
		}
		// The one that is made as ours; typ is a media type, whose case does not count (RFC 7515, section 4.1.9).
		expect(accepted.filter((one) => !isOurs(one, header.kid))).toEqual([]);
		return { inputs, held: "401 for each but the one that is as ours" };
	});

	attack(6, "tokens of another purpose: refresh, reset, setup, invitation; and an access token in their place", async () => {
		const admin = await gateway.claimSetup();
		const invite = await gateway.call("POST", "/admin/invitations", { token: admin.token, body: {} });
		await gateway.call("POST", "/auth/password-reset", { body: { email: anna.email } });
		const resetInLog = () => /\/reset#([\w-]+)/.exec(gateway.output())?.[1] ?? "";
		await eventually("the reset link is in the log", () => resetInLog() !== "");
		const others = [
			anna.refreshToken,
			resetInLog(),
			await gateway.setupToken(),
			/#([\w-]+)/.exec(invite.text)?.[1] ?? "none",
			SECRET,
			String(decode(anna.token, 0).kid),
		];
		for (const token of others) {
			expect(token.length).toBeGreaterThan(10);
			expect(await statusWith(token)).toBe(401);
		}
		const password = "a-New-ladder-88";
		const replies = [
			await gateway.call("POST", "/auth/refresh", { body: { refreshToken: anna.token } }),
			await gateway.call("POST", "/auth/password-reset/confirm", { body: { token: anna.token, newPassword: password } }),
			await gateway.call("POST", "/auth/setup", { body: { token: anna.token, email: "x@y.z", password } }),
		];
		expect(replies.map(({ status }) => status)).toEqual([401, 403, 409]);
		return { inputs: others.length + replies.length, held: "each is good for its own purpose alone" };
	});

	attack(6, "a good token anywhere but in the Authorization field", async () => {
		const { token } = anna;
		const places: readonly (readonly [string, Record<string, string>])[] = [
			[`?access_token=${token}`, {}],
			[`?token=${token}`, {}],
			[`?authorization=Bearer%20${token}`, {}],
			["", { cookie: `token=${token}; access_token=${token}; Authorization=Bearer ${token}` }],
			["", { "x-access-token": token }],
			["", { "x-authorization": `Bearer ${token}` }],
			["", { "proxy-authorization": `Bearer ${token}` }],
			["", { "x-auth-token": token }],
			["", { authorization: token }],
			["", { authorization: `Basic ${Buffer.from(`${token}:`).toString("base64")}` }],
			["", { authorization: `Token ${token}` }],
			["", { authorization: `Bearer ${token}, Bearer ${token}` }],
		];
		for (const [query, headers] of places) {
			expect([query, headers, (await gateway.call("GET", `/auth/me${query}`, { headers })).status]).toEqual([query, headers, 401]);
		}
		return { inputs: places.length, held: "401 for each" };
	});

	attack(6, "a token of somebody who is disabled, deleted, demoted, or whose login was ended, at the next request", async () => {
		const admin = await gateway.login("admin@example.com");
		const change = (id: string, body: object) => gateway.call("PATCH", `/admin/users/${id}`, { token: admin.token, body });
		const [off, gone, demoted, ended] = [
			await gateway.signup("off@box.local"),
			await gateway.signup("gone@box.local"),
			await gateway.signup("demoted@box.local"),
			await gateway.signup("ended@box.local"),
		];
		const toggle = () => gateway.call("POST", `/admin/users/${demoted.id}/toggle-admin`, { token: admin.token });
		await toggle();
		const metrics = async () => (await gateway.call("GET", "/admin/metrics", { token: demoted.token })).status;
		expect(await metrics()).toBe(200);
		await toggle();
		expect(await metrics()).toBe(403);
		expect((await change(off.id, { disabled: true })).status).toBe(200);
		expect([401, 403]).toContain(await statusWith(off.token));
		expect((await gateway.call("DELETE", `/admin/users/${gone.id}`, { token: admin.token })).status).toBe(204);
		expect(await statusWith(gone.token)).toBe(401);
		await gateway.call("POST", "/auth/logout", { token: ended.token });
		expect(await statusWith(ended.token)).toBe(401);
		return { inputs: 4, held: "refused at once: the account in the store decides" };
	});
});

/** As the token itself: its algorithm, its key id, its type in any case, nothing else in the header, and signed with the key. */
function isOurs(one: unknown, kid: unknown): boolean {
	const { alg, kid: named, typ, more, key } = Object(one);
	return alg === "HS256" && named === kid && String(typ).toLowerCase() === "at+jwt" && Object.keys(more).length === 0 && key === SECRET;
}
