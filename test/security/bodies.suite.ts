// Line 11: bodies that are too large, too deep, coded, broken or full of tricks, at every operation that takes one. A table of
// single cases with their exact answers stands in test/http/bodies.test.ts.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { asyncProperty, check, integer, json, tuple, uint8Array } from "fast-check";
import { type Account, type Call, type Gateway, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { type ApiDocument, type Row, rowsOf } from "../reference/schema.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { attack } from "./table.ts";
import { createThing, type World } from "./things.ts";

const JSON_TYPE = { "content-type": "application/json" };
const nest = (open: string, close: string, depth: number) => `{"a":${open.repeat(depth)}1${close.repeat(depth)}}`;

/** Bodies that no route takes. */
const BROKEN: Readonly<Record<string, Pick<Call, "raw" | "headers">>> = {
	"gzip under JSON's name": { raw: Bun.gzipSync('{"email":"a@b.c"}'), headers: { ...JSON_TYPE, "content-encoding": "gzip" } },
	"a gzip bomb": { raw: Bun.gzipSync(new Uint8Array(8 << 20)), headers: { ...JSON_TYPE, "content-encoding": "gzip" } },
	brotli: { raw: "{}", headers: { ...JSON_TYPE, "content-encoding": "br" } },
	"10,000 arrays": { raw: nest("[", "]", 5000), headers: JSON_TYPE },
	"1,000 objects": { raw: nest('{"a":', "}", 1000), headers: JSON_TYPE },
	"half a document": { raw: '{"email":"a@b.c","pass', headers: JSON_TYPE },
	NaN: { raw: '{"temperature":NaN}', headers: JSON_TYPE },
	"1e400": { raw: '{"temperature":1e400}', headers: JSON_TYPE },
	__proto__: { raw: '{"__proto__":{"is_admin":true}}', headers: JSON_TYPE },
	"__proto__, deep": { raw: '{"metadata":{"a":[{"__proto__":null}]}}', headers: JSON_TYPE },
	"__proto__ in escapes": { raw: '{"\\u005f_proto__":{"is_admin":true}}', headers: JSON_TYPE },
	"a lone surrogate": { raw: '{"title":"\\udfff"}', headers: JSON_TYPE },
	"a lone surrogate in a name": { raw: '{"\\ud800":1}', headers: JSON_TYPE },
	NUL: { raw: '{"title":"a\\u0000b"}', headers: JSON_TYPE },
	"bytes that are no UTF-8": { raw: Uint8Array.of(0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d), headers: JSON_TYPE },
	"UTF-16": { raw: Uint8Array.of(0x7b, 0, 0x7d, 0), headers: JSON_TYPE },
	"an array": { raw: "[]", headers: JSON_TYPE },
	"a bare number": { raw: "1", headers: JSON_TYPE },
	"a form": { raw: "is_admin=true", headers: { "content-type": "application/x-www-form-urlencoded" } },
	parts: {
		raw: '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
		headers: { "content-type": "multipart/form-data; boundary=x" },
	},
	text: { raw: "{}", headers: { "content-type": "text/plain" } },
	XML: { raw: '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', headers: { "content-type": "application/xml" } },
};

describe("bodies", () => {
	let model: ModelServer;
	let gateway: Gateway;
	let admin: Account;
	let anna: Account;
	let rows: readonly (Row & { readonly address: string; readonly limit: number })[];
	beforeAll(async () => {
		model = startModelServer();
		gateway = await startGateway({ settings: { ...QUICK_HASHES, UPSTREAMS: `openai+${model.baseUrl}`, MAX_STREAMS_PER_USER: "8" } });
		admin = await gateway.claimSetup();
		anna = await gateway.signup("anna@box.local");
		const document: ApiDocument = JSON.parse((await gateway.call("GET", "/docs/openapi.json")).text);
		const world: World = { gateway, admin, model: "fake" };
		const taking = rowsOf(document).filter(({ operation }) => operation.requestBody !== undefined);
		const aimed: (Row & { address: string; limit: number })[] = [];
		for (const row of taking) {
			const owner = row.operation["x-access"] === "admin" ? admin : anna;
			const address = row.path.includes("{id}") ? row.path.replace("{id}", await createThing(world, owner, row.path)) : row.path;
			const isLarge = row.operation.requestBody?.description.includes("1 MiB") === true;
			aimed.push({ ...row, address, limit: isLarge ? 1024 * 1024 : 16 * 1024 });
		}
		rows = aimed;
	}, 60_000);
	afterAll(async () => {
		await gateway.stop();
		model.stop();
	}, 30_000);

	const tokenFor = ({ operation }: Row) => ({ admin: admin.token, user: anna.token })[operation["x-access"]];
	/** Changes in the database would show here. */
	const stateNow = async () => {
		const counts = (await gateway.call("GET", "/admin/metrics", { token: admin.token })).json;
		return JSON.stringify([counts, (await gateway.call("GET", "/auth/me", { token: anna.token })).json]);
	};

	attack(11, "broken, coded, deep and poisoned bodies at every operation that takes one", async () => {
		expect(rows.length).toBeGreaterThan(18);
		const before = await stateNow();
		let inputs = 0;
		for (const row of rows) {
			for (const [what, call] of Object.entries(BROKEN)) {
				const reply = await gateway.root(row.method, row.address, { token: tokenFor(row), ...call });
				inputs += 1;
				// Signing out is 204 whatever comes with it.
				const isAsPromised = [400, 413, 415, 422].includes(reply.status) || (row.path.endsWith("/logout") && reply.status === 204);
				expect([row.method, row.path, what, reply.status, isAsPromised]).toEqual([row.method, row.path, what, reply.status, true]);
			}
			if (row.path.endsWith("/logout")) anna = await gateway.login(anna.email);
		}
		expect(await stateNow()).toBe(before);
		return { inputs, held: "400, 413, 415 or 422 for each; nothing has changed" };
	});

	attack(11, "one byte more than an operation takes, with and without a token", async () => {
		let inputs = 0;
		for (const row of rows.filter(({ path }) => !path.endsWith("/logout"))) {
			const raw = `{"a":"${"x".repeat(row.limit - 7)}"}`;
			expect(raw.length).toBe(row.limit + 1);
			const declared = await gateway.root(row.method, row.address, { token: tokenFor(row), raw, headers: JSON_TYPE });
			const exact = await gateway.root(row.method, row.address, { token: tokenFor(row), raw: raw.replace("x", ""), headers: JSON_TYPE });
			inputs += 2;
			expect([row.method, row.path, declared.status, declared.at("code")]).toEqual([row.method, row.path, 413, "body_too_large"]);
			expect([row.method, row.path, exact.status === 413]).toEqual([row.method, row.path, false]);
			if (row.operation["x-access"] === "anonymous") continue;
			const nobody = await gateway.root(row.method, row.address, { raw, headers: JSON_TYPE });
			inputs += 1;
			expect([row.method, row.path, nobody.status]).toEqual([row.method, row.path, 401]);
		}
		return { inputs, held: "413, and 401 for nobody; the byte less is read" };
	});

	attack(11, "random JSON, and good bodies with random bytes in them, at signing in and at a session", async () => {
		let inputs = 0;
		const good = '{"email":"anna@box.local","title":"x","metadata":{"a":[1,2.5e3,"é",null,true]},"password":"wrong-password"}';
		const bytes = new TextEncoder().encode(good);
		const send = async (raw: string | Uint8Array<ArrayBuffer>) => {
			inputs += 1;
			for (const [path, token] of [
				["/auth/login", undefined],
				["/chat/sessions", anna.token],
			] as const) {
				const reply = await gateway.call("POST", path, { token, raw, headers: JSON_TYPE });
				expect([path, reply.status < 500, reply.status !== 200]).toEqual([path, true, true]);
				if (reply.status >= 400) expect(reply.headers.get("content-type")).toBe("application/problem+json");
			}
		};
		const outcome = await check(
			asyncProperty(
				json({ maxDepth: 6 }),
				tuple(integer({ min: 0, max: bytes.length - 1 }), uint8Array({ minLength: 1, maxLength: 4 })),
				async (any, [at, noise]) => {
					await send(any);
					const mutated = Uint8Array.from(bytes);
					mutated.set(noise.slice(0, mutated.length - at), at);
					await send(mutated);
				},
			),
			{ numRuns: 150, seed: 1, endOnFailure: true },
		);
		expect([outcome.failed, outcome.counterexample]).toEqual([false, null]);
		return { inputs: inputs * 2, held: "no 5xx, problem+json for what was refused" };
	});

	attack(11, "members twice, with the harmless one first and last", async () => {
		const send = (path: string, raw: string, token?: string) => gateway.call("POST", path, { token, raw, headers: JSON_TYPE });
		const twice =
			'{"email":"twice@box.local","email":"last@box.local","password":"short","password":"a-Tall-ladder-77","is_admin":false,"is_admin":true}';
		const account = await send("/auth/signup", twice);
		// The last one counts, as everywhere in JavaScript; it is judged as if it were the only one.
		expect([account.status, account.at("user.email"), account.at("user.is_admin")]).toEqual([200, "last@box.local", false]);
		expect((await send("/auth/signup", twice.replace("last@", "other@").replace("a-Tall-ladder-77", "x"))).status).toBe(422);
		const session = await send("/chat/sessions", '{"title":"a","title":"b","userId":"x","userId":"y"}', anna.token);
		expect([session.status, session.at("title"), session.at("userId")]).toEqual([201, "b", anna.id]);
		return { inputs: 3, held: "the last one counts, and is judged" };
	});

	attack(11, "after all of that", async () => {
		expect((await gateway.root("GET", "/healthz")).status).toBe(200);
		expect((await gateway.login(anna.email)).id).toBe(anna.id);
		expect(await gateway.outputAfter(await gateway.call("GET", "/auth/me"))).not.toContain("failed unexpectedly");
		return { inputs: 3, held: "the process lives, and nothing unexpected is in its log" };
	});
});
