// Access tokens: only our own, only those that are meant for this, and only in the Authorization field.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { type Account, type Gateway, startGateway } from "./gateway.ts";

const SECRET = "a key for tests of access tokens of 44 bytes";
const NEXT = "another key for tests of access tokens: 49 bytes.";

let gateway: Gateway;
let anna: Account;
let header: Readonly<Record<string, unknown>>;
let claims: Readonly<Record<string, unknown>>;
beforeAll(async () => {
	gateway = await startGateway({ settings: { JWT_SECRET: SECRET } });
	anna = await gateway.signup("anna@box.local");
	header = decode(anna.token, 0);
	claims = decode(anna.token, 1);
}, 60_000);
afterAll(() => gateway.stop(), 30_000);

const decode = (token: string, part: number): Record<string, unknown> =>
	JSON.parse(Buffer.from(token.split(".")[part] ?? "", "base64url").toString());
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
function sign(head: object, body: object, { key = SECRET, hash = "sha256" } = {}): string {
	const text = `${encode(head)}.${encode(body)}`;
	return `${text}.${createHmac(hash, key).update(text).digest("base64url")}`;
}
const without = (object: object, name: string) => Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
const me = async (token: string, server = gateway) => (await server.call("GET", "/auth/me", { token })).status;

test("a token names its key, its purpose, its login and its end, and nothing about the person", () => {
	expect(header).toEqual({ alg: "HS256", typ: "at+jwt", kid: expect.stringMatching(/^[0-9a-f]{16}$/) });
	expect(Object.keys(claims).sort()).toEqual(["aud", "exp", "iat", "iss", "jti", "scopes", "sid", "sub"]);
	expect(claims.sub).toBe(anna.id);
	// Both are whole seconds, taken a moment apart.
	expect([3599, 3600]).toContain(Number(claims.exp) - Number(claims.iat));
});

test("one that is made as ours is accepted: so what follows is refused for its difference alone", async () => {
	expect(await me(sign(header, claims))).toBe(200);
});

describe("refused:", () => {
	const now = () => Math.floor(Date.now() / 1000);
	const forged: Readonly<Record<string, () => string>> = {
		"another key": () => sign(header, claims, { key: NEXT }),
		"no signature": () => `${encode(header)}.${encode(claims)}.`,
		"alg none": () => `${encode({ ...header, alg: "none" })}.${encode(claims)}.`,
		HS512: () => sign({ ...header, alg: "HS512" }, claims, { hash: "sha512" }),
		HS384: () => sign({ ...header, alg: "HS384" }, claims, { hash: "sha384" }),
		"no kid": () => sign(without(header, "kid"), claims),
		"an unknown kid": () => sign({ ...header, kid: "0123456789abcdef" }, claims),
		"a kid that is a path": () => sign({ ...header, kid: "../../dev/null" }, claims),
		jku: () => sign({ ...header, jku: "http://127.0.0.1:9/keys" }, claims),
		jwk: () => sign({ ...header, jwk: { kty: "oct", k: "AAAA" } }, claims),
		x5u: () => sign({ ...header, x5u: "http://127.0.0.1:9/keys" }, claims),
		x5c: () => sign({ ...header, x5c: [] }, claims),
		crit: () => sign({ ...header, crit: ["exp"] }, claims),
		"no typ": () => sign(without(header, "typ"), claims),
		"another typ": () => sign({ ...header, typ: "JWT" }, claims),
		"another issuer": () => sign(header, { ...claims, iss: "somebody" }),
		"another audience": () => sign(header, { ...claims, aud: "somebody" }),
		...Object.fromEntries(
			["exp", "iss", "aud", "sub", "jti", "sid"].map((name) => [`no ${name}`, () => sign(header, without(claims, name))]),
		),
		"its end long past": () => sign(header, { ...claims, iat: now() - 8000, exp: now() - 3600 }),
		"its end just beyond the skew": () => sign(header, { ...claims, exp: now() - 62 }),
		"begins tomorrow": () => sign(header, { ...claims, nbf: now() + 86_400 }),
		"another person under this login": () => sign(header, { ...claims, sub: "0123456789abcdef01234567" }),
		"an unknown login": () => sign(header, { ...claims, sid: "0123456789abcdef01234567" }),
		"a login that is no id": () => sign(header, { ...claims, sid: "x" }),
		"claims that are no object": () => sign(header, [1]),
		"claims changed afterwards": () =>
			`${anna.token.split(".")[0]}.${encode({ ...claims, sub: "0123456789abcdef01234567" })}.${anna.token.split(".")[2]}`,
		"a token of the old gateway": () => sign({ alg: "HS256", typ: "JWT" }, { sub: anna.id, scopes: [], exp: now() + 3600 }),
		"four parts": () => `${anna.token}.x`,
		"ten kilobytes": () => `${anna.token}${"x".repeat(10_000)}`,
		nothing: () => "",
	};
	for (const [what, make] of Object.entries(forged)) {
		test(what, async () => {
			const reply = await gateway.call("GET", "/auth/me", { token: make() });
			expect([reply.status, reply.at("code")]).toEqual([401, "invalid_token"]);
		});
	}
});

test("an end within the skew of sixty seconds is forgiven", async () => {
	expect(await me(sign(header, { ...claims, exp: Math.floor(Date.now() / 1000) - 30 }))).toBe(200);
});

test("the scheme is Bearer, in any case, and the field is Authorization", async () => {
	const ask = async (field: string) => (await gateway.call("GET", "/auth/me", { headers: { authorization: field } })).status;
	expect(await ask(`bearer ${anna.token}`)).toBe(200);
	expect(await ask(`BEARER   ${anna.token}`)).toBe(200);
	for (const field of [anna.token, `Token ${anna.token}`, `Basic ${anna.token}`, `Bearer${anna.token}`, `Bearer ${anna.token}, Bearer x`])
		expect(await ask(field)).toBe(401);
});

test("after a new JWT_SECRET the old tokens live on while the old key stands in JWT_PREVIOUS_SECRETS, and only then", async () => {
	const restart = async (settings: Readonly<Record<string, string>>, check: (server: Gateway) => Promise<void>) => {
		const server = await startGateway({ dataDir, settings });
		await check(server);
		await server.stop();
	};
	const first = await startGateway({ settings: { JWT_SECRET: SECRET } });
	const { dataDir } = first;
	const bert = await first.signup("bert@box.local");
	await first.stop();
	await restart({ JWT_SECRET: NEXT, JWT_PREVIOUS_SECRETS: SECRET }, async (server) => {
		expect(await me(bert.token, server)).toBe(200);
		const fresh = await server.login("bert@box.local");
		expect(decode(fresh.token, 0).kid).not.toBe(decode(bert.token, 0).kid);
	});
	await restart({ JWT_SECRET: NEXT }, async (server) => {
		expect(await me(bert.token, server)).toBe(401);
		expect((await server.call("POST", "/auth/refresh", { body: { refreshToken: bert.refreshToken } })).status).toBe(200);
	});
}, 60_000);
