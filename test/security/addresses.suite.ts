// Line 5: where a request comes from, and who it says it is.

import { describe, expect } from "bun:test";
import { type Gateway, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { attack } from "./table.ts";

async function withGateway<T>(settings: Readonly<Record<string, string>>, use: (gateway: Gateway) => Promise<T>): Promise<T> {
	const gateway = await startGateway({ settings: { ...QUICK_HASHES, ...settings } });
	try {
		return await use(gateway);
	} finally {
		await gateway.stop();
	}
}

/** How many of these calls are let through a limit of five for an address. */
async function letThrough(gateway: Gateway, fields: readonly Readonly<Record<string, string>>[]): Promise<number> {
	let count = 0;
	for (const headers of fields) if ((await gateway.call("GET", "/nope", { headers })).status === 404) count += 1;
	return count;
}

describe("addresses", () => {
	attack(5, "another address in every field that proxies use, at each call, from a peer that is no trusted proxy", () =>
		withGateway({ RATE_LIMIT_GLOBAL: "5/minute" }, async (gateway) => {
			const names = [
				"x-forwarded-for",
				"forwarded",
				"x-real-ip",
				"client-ip",
				"true-client-ip",
				"cf-connecting-ip",
				"x-client-ip",
				"x-cluster-client-ip",
				"x-originating-ip",
				"x-remote-ip",
				"x-remote-addr",
			];
			const fields = names.flatMap((name, at) =>
				[0, 1].map((turn) => ({ [name]: name === "forwarded" ? `for=192.0.2.${at * 2 + turn}` : `192.0.2.${at * 2 + turn}` })),
			);
			const count = await letThrough(gateway, fields);
			expect(count).toBe(5);
			return { inputs: fields.length, held: `5 of ${fields.length}: all counted for the socket's address` };
		}),
	);

	attack(5, "a caller behind a trusted proxy who writes more hops to the left, other notations, and none", () =>
		withGateway({ RATE_LIMIT_GLOBAL: "5/minute", TRUSTED_PROXIES: "127.0.0.1" }, async (gateway) => {
			const own = "203.0.113.7";
			const written = [
				"",
				"127.0.0.1, ",
				"198.51.100.1, ",
				"127.0.0.1, 127.0.0.1, ",
				"unknown, ",
				"::1, ",
				"[::1]:80, ",
				"0x7f000001, ",
				"a".repeat(500),
				",,,",
			];
			const fields = written.map((left) => ({ "x-forwarded-for": `${left}${left.endsWith(", ") || left === "" ? "" : ", "}${own}` }));
			expect(await letThrough(gateway, fields)).toBe(5);
			const same = [`${own}:4711`, `::ffff:${own}`, `::FFFF:${own}`];
			expect(
				await letThrough(
					gateway,
					same.map((text) => ({ "x-forwarded-for": text })),
				),
			).toBe(0);
			return {
				inputs: fields.length + same.length,
				held: `5 of ${fields.length + same.length}: the last hop decides, in whatever notation`,
			};
		}),
	);

	attack(5, "fields of other gateways that name a user, with and without a token, on every kind of route", () =>
		withGateway({}, async (gateway) => {
			const admin = await gateway.claimSetup();
			const anna = await gateway.signup("anna@box.local");
			const names = [
				"x-user-id",
				"remote-user",
				"remote-email",
				"x-remote-user",
				"x-forwarded-user",
				"x-forwarded-email",
				"x-auth-request-email",
				"x-authentik-email",
				"tailscale-user-login",
				"x-webauth-user",
				"cf-access-authenticated-user-email",
				"x-goog-authenticated-user-email",
				"x-ms-client-principal-name",
				"user",
				"from",
			];
			let inputs = 0;
			for (const name of names) {
				for (const value of [admin.id, admin.email]) {
					const headers = { [name]: value };
					for (const path of ["/auth/me", "/admin/users", "/users/profile"]) {
						inputs += 2;
						expect((await gateway.call("GET", path, { headers })).status).toBe(401);
						const reply = await gateway.call("GET", path, { headers, token: anna.token });
						expect([name, path, reply.status, reply.text.includes(admin.email)]).toEqual([
							name,
							path,
							path.startsWith("/admin") ? 403 : 200,
							false,
						]);
					}
				}
			}
			expect((await gateway.call("POST", "/auth/header", { headers: { "remote-email": admin.email } })).status).toBe(404);
			return { inputs: inputs + 1, held: "none of them is anybody" };
		}),
	);
});
