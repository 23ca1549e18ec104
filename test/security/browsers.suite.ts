// Line 14: what other web pages get, what every answer carries, and that no cookie is needed.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { composeApp } from "../http/app.ts";
import { type Account, type Gateway, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { attack } from "./table.ts";

const UNKNOWN = "0123456789abcdef01234567";
const filled = (path: string) => path.replaceAll(/:\w+/g, UNKNOWN).replace("*", "x");

describe("browsers", () => {
	let closed: Gateway;
	let open: Gateway;
	let anna: Account;
	let routes: readonly (readonly [string, string])[];
	beforeAll(async () => {
		[closed, open] = await Promise.all([
			startGateway({ settings: QUICK_HASHES }),
			startGateway({ settings: { ...QUICK_HASHES, ALLOWED_ORIGINS: "https://chat.example" } }),
		]);
		anna = await closed.signup("anna@box.local");
		const { app, close } = await composeApp();
		routes = app.access.rows().map(({ method, path }) => [method, filled(path)]);
		await close();
	}, 60_000);
	afterAll(async () => {
		await Promise.all([closed.stop(), open.stop()]);
	}, 30_000);
	/** Some of the routes end the login that calls them. */
	const tokenFor = async (method: string): Promise<string> => (method === "GET" ? anna.token : (await closed.login(anna.email)).token);
	const allowing = (headers: Headers) => [...headers.keys()].filter((name) => name.startsWith("access-control-allow"));

	attack(
		14,
		"every route from a page of another origin, as nobody and as somebody, and its preflight",
		async () => {
			const origins = [
				"https://evil.example",
				"null",
				"http://localhost",
				"https://chat.example.evil.example",
				"https://chat.example:8443",
				"http://chat.example",
				"HTTPS://CHAT.EXAMPLE.",
				"https://xchat.example",
			];
			let inputs = 0;
			for (const [at, [method, path]] of routes.entries()) {
				const origin = origins[at % origins.length] ?? "";
				const preflight = {
					origin,
					"access-control-request-method": method,
					"access-control-request-headers": "authorization,content-type",
				};
				for (const gateway of [closed, open]) {
					const replies = [
						await gateway.root(method, path, { headers: { origin } }),
						await gateway.root(method, path, { headers: { origin }, token: await tokenFor(method) }),
						await gateway.root("OPTIONS", path, { headers: preflight }),
					];
					inputs += replies.length;
					for (const { headers } of replies) {
						const allowed = headers.get("access-control-allow-origin");
						expect([method, path, origin, allowed === origin, allowed === "*"]).toEqual([method, path, origin, false, false]);
						if (gateway === closed) expect(allowing(headers)).toEqual([]);
					}
				}
			}
			return { inputs, held: "no answer lets another origin in" };
		},
		120_000,
	);

	attack(
		14,
		"the fields of every answer there is, good or bad, on every route",
		async () => {
			let inputs = 0;
			for (const [method, path] of [...routes, ["GET", "/nope"], ["PUT", "/healthz"], ["GET", "/api/v1/%"], ["TRACE", "/"]] as const) {
				if (method === "TRACE") continue;
				for (const token of [undefined, "garbage", await tokenFor(method)]) {
					const { headers, status } = await closed.root(method, path, { token });
					inputs += 1;
					const seen = {
						nosniff: headers.get("x-content-type-options"),
						referrer: headers.get("referrer-policy"),
						framed: headers.get("content-security-policy")?.includes("frame-ancestors 'none'"),
						cookie: headers.get("set-cookie"),
						stored: headers.get("cache-control") !== null,
						tells: headers.get("x-powered-by") ?? headers.get("server"),
					};
					expect([method, path, status, seen]).toEqual([
						method,
						path,
						status,
						{ nosniff: "nosniff", referrer: "no-referrer", framed: true, cookie: null, stored: true, tells: null },
					]);
					if (path.startsWith("/api/v1/auth") || path.startsWith("/api/v1/chat"))
						expect(headers.get("cache-control")).toContain("no-store");
				}
			}
			return { inputs, held: "nosniff, no-referrer, never framed, no cookie, nothing of the program told" };
		},
		120_000,
	);

	attack(
		14,
		"what a form or a script of another page can send without asking: every body route, five content types",
		async () => {
			const types = [
				"application/x-www-form-urlencoded",
				"multipart/form-data; boundary=x",
				"text/plain",
				"text/plain;application/json",
				"application/jsonp",
			];
			let inputs = 0;
			for (const [method, path] of routes.filter(([verb]) => verb === "POST" || verb === "PUT" || verb === "PATCH")) {
				for (const type of types) {
					for (const token of [undefined, await tokenFor(method)]) {
						inputs += 1;
						const reply = await closed.root(method, path, {
							token,
							raw: '{"email":"a@b.c","password":"a-Tall-ladder-77","name":"x"}',
							headers: { "content-type": type },
						});
						expect([method, path, type, [401, 403, 404, 415].includes(reply.status)]).toEqual([method, path, type, true]);
					}
				}
			}
			const { token } = await closed.login(anna.email);
			expect((await closed.call("GET", "/auth/keys", { token })).json).toEqual({ keys: [] });
			return { inputs, held: "415, or refused before; nothing was made" };
		},
		120_000,
	);
});
