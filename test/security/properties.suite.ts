// Ten thousand inputs each for what is read of a request before anything is decided: tokens, header fields, ids, cursors. Whatever comes,
// the answer is one of those that are meant for it, and the server lives.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import fc from "fast-check";
import { type Account, type Gateway, QUICK_HASHES, type Reply, startGateway } from "../http/gateway.ts";
import { attack } from "./table.ts";

const RUNS = 100;
const AT_ONCE = 100;
const LIMIT_MS = 120_000;

let gateway: Gateway;
let anna: Account;
let session: string;

/** A hundred times a hundred inputs at once; shrinks to the input that was answered otherwise. */
async function holds<T>(
	input: fc.Arbitrary<T>,
	ask: (value: T) => Promise<Reply>,
	expected: readonly number[],
): Promise<Record<string, number>> {
	const seen: Record<string, number> = {};
	await fc.assert(
		fc.asyncProperty(fc.array(input, { minLength: AT_ONCE, maxLength: AT_ONCE, size: "max" }), async (values) => {
			const replies = await Promise.all(values.map(ask));
			for (const [index, { status, text }] of replies.entries()) {
				seen[status] = (seen[status] ?? 0) + 1;
				if (!expected.includes(status)) throw new Error(`${status} for ${JSON.stringify(values[index])}: ${text.slice(0, 200)}`);
			}
		}),
		{ numRuns: RUNS, endOnFailure: true },
	);
	expect((await gateway.root("GET", "/healthz")).status).toBe(200);
	return seen;
}

const told = (seen: Record<string, number>): string =>
	Object.entries(seen)
		.map(([status, count]) => `${status} × ${count}`)
		.join(", ");

/** What a header field can hold on the wire: visible ASCII, blanks, tabs, and bytes beyond ASCII. */
const fieldText = fc.oneof(
	fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 200 }),
	fc.string({
		unit: fc
			.integer({ min: 0x20, max: 0xff })
			.filter((code) => code !== 0x7f)
			.map((code) => String.fromCharCode(code)),
		maxLength: 60,
	}),
	fc.constantFrom(
		"",
		" ",
		"\t",
		",",
		",,,,",
		";",
		"=",
		'"',
		"*",
		"null",
		"undefined",
		"[object Object]",
		"NaN",
		"-1",
		"1e400",
		"%00",
		"#{7*7}",
		"{{7*7}}",
		"../../etc/passwd",
	),
);

describe("properties", () => {
	beforeAll(async () => {
		const header = { HEADER_LOGIN_NAME: "Remote-Email", HEADER_LOGIN_PROXIES: "127.0.0.1", TRUSTED_PROXIES: "127.0.0.1" };
		gateway = await startGateway({ settings: { ...QUICK_HASHES, ...header, LOG_LEVEL: "error" } });
		anna = await gateway.signup("anna@box.local");
		session = (await gateway.call("POST", "/chat/sessions", { token: anna.token, body: {} })).textAt("id");
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);

	attack(
		6,
		"10,000 tokens: made up, built like ours, and ours with a part changed",
		async () => {
			const good = anna.token;
			const [head = "", body = "", signature = ""] = good.split(".");
			const bytesOf = (text: string) => Buffer.from(text, "base64url").toString("hex");
			/** Base64url leaves bits of a last character unused: what decodes to the same is the same token. */
			const isSame = (token: string) => {
				const parts = token.trim().split(".");
				return parts.length === 3 && parts[0] === head && parts[1] === body && bytesOf(parts[2] ?? "") === bytesOf(signature);
			};
			const encoded = (value: unknown) => Buffer.from(JSON.stringify(value) ?? "").toString("base64url");
			const header = fc.record(
				{
					alg: fc.constantFrom("HS256", "none", "HS512", "RS256", ""),
					kid: fc.oneof(fc.string(), fc.constant(JSON.parse(Buffer.from(head, "base64url").toString()).kid)),
					typ: fc.constantFrom("at+jwt", "JWT", 7, null),
				},
				{ requiredKeys: [] },
			);
			const changed = fc.tuple(
				fc.nat({ max: good.length - 1 }),
				fc.string({ unit: fc.constantFrom(..."ABCabc019-_.=+/ "), maxLength: 3 }),
				fc.nat({ max: 3 }),
			);
			const token = fc
				.oneof(
					fieldText,
					fc.string({ unit: fc.constantFrom(..."ABCDEFabcdef0123456789-_."), maxLength: 600 }),
					fc
						.tuple(header, fc.jsonValue(), fc.string({ maxLength: 50 }))
						.map(([first, claims, last]) => `${encoded(first)}.${encoded(claims)}.${Buffer.from(last).toString("base64url")}`),
					fc.tuple(header, fc.constantFrom(body)).map(([first, claims]) => `${encoded(first)}.${claims}.${signature}`),
					changed.map(([at, text, cut]) => good.slice(0, at) + text + good.slice(at + cut)),
					fc.string({ unit: fc.constantFrom(..."ABCDEFabcdef0123456789-_"), maxLength: 60 }).map((text) => `pk_${text}`),
					fc.constantFrom(
						`${head}.${body}`,
						`${head}..${signature}`,
						`.${body}.${signature}`,
						"..",
						"...",
						"a.b.c",
						"eyJ.eyJ.eyJ",
						head.repeat(40),
					),
				)
				.filter((text) => !isSame(text));
			const seen = await holds(token, (text) => gateway.call("GET", "/auth/me", { headers: { authorization: `Bearer ${text}` } }), [401]);
			expect((await gateway.call("GET", "/auth/me", { token: good })).status).toBe(200);
			return { inputs: RUNS * AT_ONCE, held: told(seen) };
		},
		LIMIT_MS,
	);

	attack(
		5,
		"10,000 sets of header fields about who is calling, from where, and with what",
		async () => {
			const names = [
				"x-forwarded-for",
				"forwarded",
				"x-real-ip",
				"x-forwarded-host",
				"x-forwarded-proto",
				"x-user-id",
				"remote-user",
				"remote-email",
				"x-original-url",
				"x-http-method-override",
				"origin",
				"referer",
				"cookie",
				"user-agent",
				"accept",
				"accept-language",
				"range",
				"if-none-match",
				"last-event-id",
				"content-type",
				"x-request-id",
				"authorization",
			] as const;
			const address = fc.oneof(
				fc.ipV4(),
				fc.ipV6(),
				fc.ipV6().map((text) => `[${text}]:80`),
				fieldText,
			);
			const fields = fc.dictionary(
				fc.constantFrom(...names),
				fc.oneof(
					fieldText,
					fc.array(address, { maxLength: 20 }).map((list) => list.join(", ")),
				),
				{ maxKeys: 6 },
			);
			const anonymous = await holds(fields, (headers) => gateway.call("GET", "/auth/me", { headers }), [401]);
			expect(Object.keys(anonymous)).toEqual(["401"]);
			return { inputs: RUNS * AT_ONCE, held: `${told(anonymous)}: none of them is who somebody is` };
		},
		LIMIT_MS,
	);

	attack(
		9,
		"10,000 ids in the address of every route that takes one",
		async () => {
			const paths = [
				["GET", "/chat/sessions/:id"],
				["GET", "/chat/sessions/:id/messages"],
				["GET", "/chat/sessions/:id/generation"],
				["GET", "/chat/messages/:id/versions"],
				["GET", "/chat/generations/:id/events"],
				["GET", "/sessions/:id/messages"],
				["DELETE", "/chat/sessions/:id"],
				["DELETE", "/auth/keys/:id"],
				["DELETE", "/auth/sessions/:id"],
				["POST", "/chat/generations/:id/stop"],
			] as const;
			const hexadecimal = fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF"), minLength: 20, maxLength: 28 });
			const id = fc
				.oneof(
					fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
					hexadecimal,
					fieldText,
					fc.constantFrom(
						"null",
						"undefined",
						"0",
						"-1",
						"true",
						"[]",
						"{}",
						'{"$gt":""}',
						"' OR '1'='1",
						"__proto__",
						"constructor",
						"%2e%2e",
						"\u0000",
						"x".repeat(2000),
					),
				)
				// A client's own URL parser takes these two, and nothing, for another address.
				.filter(
					(text) => text.trim() !== "" && text !== "." && text !== ".." && !text.toLowerCase().includes(session) && isEncodable(text),
				);
			const { token } = anna;
			const seen = await holds(
				fc.tuple(fc.constantFrom(...paths), id),
				([[method, path], text]) => gateway.call(method, path.replace(":id", encodeURIComponent(text)), { token }),
				[400, 404, 422],
			);
			expect((await gateway.call("GET", `/chat/sessions/${session}`, { token })).status).toBe(200);
			return { inputs: RUNS * AT_ONCE, held: told(seen) };
		},
		LIMIT_MS,
	);

	attack(
		10,
		"10,000 cursors, pages, limits and sort orders of every list",
		async () => {
			const value = fc.oneof(
				fc.integer().map(String),
				fc.double().map(String),
				fc.constantFrom(
					"",
					"0",
					"1",
					"100",
					"101",
					"-1",
					"1e3",
					"0x10",
					" 5",
					"5 ",
					"٣",
					"NaN",
					"Infinity",
					"9".repeat(400),
					"true",
					"asc",
					"desc",
					"title",
					"__proto__",
				),
				fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 24, maxLength: 24 }),
				fieldText,
			);
			const lists = [
				`/chat/sessions/${session}/messages`,
				`/sessions/${session}/messages`,
				"/chat/sessions",
				"/auth/sessions",
				"/auth/keys",
			] as const;
			const names = ["page", "limit", "offset", "skip", "before", "after", "sortBy", "sort_order", "since", "q"] as const;
			const query = fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 4 });
			const { token } = anna;
			const seen = await holds(
				fc.tuple(fc.constantFrom(...lists), query),
				([path, members]) => gateway.call("GET", `${path}?${queryOf(members)}`, { token }),
				[200, 404, 422],
			);
			return { inputs: RUNS * AT_ONCE, held: told(seen) };
		},
		LIMIT_MS,
	);
});

function queryOf(members: readonly (readonly [string, string])[]): URLSearchParams {
	const query = new URLSearchParams();
	for (const [name, text] of members) query.append(name, text);
	return query;
}

/** A lone surrogate has no percent encoding. */
function isEncodable(text: string): boolean {
	return text.isWellFormed();
}
