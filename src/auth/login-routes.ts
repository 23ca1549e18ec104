// Where am I signed in, and ending it there. In an address `sessions` are logins; conversations stand at /chat/sessions.

import { Elysia } from "elysia";
import { describe } from "../http/describe.ts";
import { callerOf, principalOf } from "../http/exchange.ts";
import { loginJson } from "../http/json.ts";
import { pageQuery } from "../http/query.ts";
import type { Audit } from "../ports/audit.ts";
import type { Logins } from "./logins.ts";
import * as schema from "./schema.ts";

const EXAMPLE_LOGIN = {
	id: "6b041e0141cb1347a28169c9",
	name: "Firefox on Linux",
	device: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	address: "192.0.2.7",
	createdAt: "2026-11-23T10:46:03.228Z",
	lastUsedAt: "2026-11-24T08:12:40.002Z",
	expiresAt: "2026-12-23T10:46:03.228Z",
	current: true,
};

export function loginRoutes({ logins, audit }: { readonly logins: Logins; readonly audit: Audit }) {
	const query = pageQuery(50);
	return new Elysia({ prefix: "/auth/sessions" })
		.get(
			"/",
			async ({ query, request }) => {
				const { user, loginId } = principalOf(request);
				const { items, total } = await logins.find(user.id, query);
				return { sessions: items.map((login) => ({ ...loginJson(login), current: login.id === loginId })), total, ...query };
			},
			{
				query,
				detail: describe({
					access: "user",
					keys: [],
					tag: "Accounts",
					summary: "Where am I signed in",
					description:
						"The last used first. `address` is the last one, `lastUsedAt` is right to the minute, and `current` marks the login that asks.",
					answers: {
						200: {
							description: "Logins that go on",
							schema: "LoginPage",
							example: { sessions: [EXAMPLE_LOGIN], total: 1, skip: 0, limit: 50 },
						},
					},
					errors: ["validation_failed"],
				}),
			},
		)
		.delete(
			"/:id",
			async ({ params, request, set }) => {
				const { user } = principalOf(request);
				await logins.end(user.id, params.id);
				audit.record({ action: "login_ended", userId: user.id, byId: user.id, caller: callerOf(request) });
				set.status = 204;
			},
			{
				detail: describe({
					access: "user",
					keys: [],
					tag: "Accounts",
					summary: "Sign out in one place",
					description: "Its access and refresh tokens are refused at once; answers that it follows end within five seconds.",
					answers: { 204: { description: "Ended" } },
					errors: ["invalid_id", "login_not_found", "store_full"],
				}),
			},
		)
		.delete(
			"/",
			async ({ query, request, set }) => {
				const { user, loginId } = principalOf(request);
				await logins.endAll(user.id, query.except === "current" ? loginId : undefined);
				const detail = query.except === "current" ? "all others" : "all";
				audit.record({ action: "login_ended", userId: user.id, byId: user.id, caller: callerOf(request), detail });
				set.status = 204;
			},
			{
				query: schema.endLoginsQuery,
				detail: describe({
					access: "user",
					keys: [],
					tag: "Accounts",
					summary: "Sign out everywhere, or everywhere else",
					description: "Ends every login of the caller; with `except=current` every other one.",
					answers: { 204: { description: "Ended" } },
					errors: ["validation_failed", "store_full"],
				}),
			},
		);
}
