// What administrators do with people: disabling, rights, passwords, logins, deleting. Every one of them concerns others: for the own account
// there are the routes about oneself, which ask for the password.

import { Elysia } from "elysia";
import { PocketError } from "../domain/errors.ts";
import { parseId } from "../domain/id.ts";
import type { User } from "../domain/user.ts";
import { BODY_ERRORS, describe } from "../http/describe.ts";
import { callerOf, principalOf } from "../http/exchange.ts";
import { adminUserJson, loginJson, timestamp } from "../http/json.ts";
import { pageQuery } from "../http/query.ts";
import type { Actor } from "../ports/audit.ts";
import type { People } from "./people.ts";
import * as schema from "./schema.ts";

const EXAMPLE_USER = {
	id: "6b041e0141cb1347a28169c6",
	email: "carol@example.com",
	name: "Carol",
	full_name: "Carol",
	avatar_url: null,
	avatar: null,
	is_admin: false,
	createdAt: "2026-11-23T10:46:03.228Z",
	updatedAt: "2026-11-23T10:46:03.228Z",
	disabled: true,
	created_at: "2026-11-23T10:46:03.228Z",
	updated_at: "2026-11-23T10:46:03.228Z",
};
const EXAMPLE_LOGIN = {
	id: "6b041e0141cb1347a28169c9",
	name: "Firefox on Linux",
	device: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	address: "192.0.2.7",
	createdAt: "2026-11-23T10:46:03.228Z",
	lastUsedAt: "2026-11-24T08:12:40.002Z",
	expiresAt: "2026-12-23T10:46:03.228Z",
};

export type PeopleRouteDependencies = {
	readonly people: People;
	/** Handed over from the accounts feature: a password that nobody guesses. */
	readonly generatePassword: () => string;
};

export function peopleRoutes({ people, generatePassword }: PeopleRouteDependencies) {
	/** Codes: `invalid_id`, `user_not_found`. */
	const find = (text: string): Promise<User> => {
		const id = parseId(text);
		if (id === undefined) throw new PocketError("invalid_id");
		return people.find(id);
	};
	const actorOf = (request: Request): Actor => ({ byId: principalOf(request).user.id, caller: callerOf(request) });
	/** Codes: those of `find`, `own_account`. */
	const findOther = async (text: string, request: Request): Promise<User> => {
		if (parseId(text) === principalOf(request).user.id) throw new PocketError("own_account");
		return find(text);
	};
	const query = pageQuery(50);

	return new Elysia({ prefix: "/admin/users/:id" })
		.get("/", async ({ params }) => adminUserJson(await find(params.id)), {
			detail: describe({
				access: "admin",
				tag: "Administration",
				summary: "One account",
				answers: { 200: { description: "The account", schema: "AdminUser", example: EXAMPLE_USER } },
				errors: ["invalid_id", "user_not_found"],
			}),
		})
		.patch(
			"/",
			async ({ params, body, request }) => {
				if (body.is_admin !== undefined && parseId(params.id) === principalOf(request).user.id) throw new PocketError("own_admin_status");
				const user = await findOther(params.id, request);
				const actor = actorOf(request);
				let changed = user;
				if (body.is_admin !== undefined && body.is_admin !== user.isAdmin) changed = await people.setAdmin(user, body.is_admin, actor);
				if (body.disabled !== undefined && body.disabled !== user.disabled) {
					changed = await people.setDisabled(user, body.disabled, actor);
				}
				return adminUserJson(changed);
			},
			{
				body: schema.personBody,
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Disable or enable an account, give or take an administrator's rights",
					description:
						"What is not named stays. A disabled account cannot sign in; its tokens and keys are refused at once, its answers end, and its logins do not come back when it is enabled. The last administrator is neither disabled nor demoted.",
					body: { disabled: true },
					answers: { 200: { description: "The account now", schema: "AdminUser", example: EXAMPLE_USER } },
					errors: ["invalid_id", "user_not_found", "own_admin_status", "own_account", "last_admin", ...BODY_ERRORS],
				}),
			},
		)
		.delete(
			"/",
			async ({ params, request, set }) => {
				await people.remove(await findOther(params.id, request), actorOf(request));
				set.status = 204;
			},
			{
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Delete an account with everything that belongs to it",
					description: "Running answers are stopped first. There is no way back; `GET /admin/users/{id}/export` keeps a copy.",
					answers: { 204: { description: "Gone" } },
					errors: ["invalid_id", "user_not_found", "own_account", "last_admin", "store_full"],
				}),
			},
		)
		.post(
			"/reset-link",
			async ({ params, request, set }) => {
				const { link, expiresAt } = await people.makeResetLink(await findOther(params.id, request), actorOf(request));
				set.status = 201;
				return { link, expiresAt: timestamp(expiresAt) };
			},
			{
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Make a link with which somebody sets a new password",
					description: "Good once, for 24 hours, and shown this once; an older one ends. The present password stays good until it is used.",
					answers: {
						201: {
							description: "The link, to pass on",
							schema: "ResetLink",
							example: { link: "https://chat.example.org/reset#k9f…", expiresAt: "2026-11-25T09:00:00.000Z" },
						},
					},
					errors: ["invalid_id", "user_not_found", "own_account", "store_full"],
				}),
			},
		)
		.post(
			"/reset-password",
			async ({ params, request }) => {
				const user = await findOther(params.id, request);
				const password = generatePassword();
				await people.setPassword(user, password, actorOf(request));
				return { password };
			},
			{
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Set a generated password for somebody",
					description: "Shown this once. Every login of that person ends.",
					answers: { 200: { description: "The password", schema: "GeneratedPassword", example: { password: "pH3x…" } } },
					errors: ["invalid_id", "user_not_found", "own_account", "busy", "store_full"],
				}),
			},
		)
		.get(
			"/logins",
			async ({ params, query }) => {
				const { items, total } = await people.findLogins(await find(params.id), query);
				return { logins: items.map(loginJson), total, ...query };
			},
			{
				query,
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Where somebody is signed in",
					answers: {
						200: {
							description: "The last used first",
							schema: "AdminLoginPage",
							example: { logins: [EXAMPLE_LOGIN], total: 1, skip: 0, limit: 50 },
						},
					},
					errors: ["invalid_id", "user_not_found", "validation_failed"],
				}),
			},
		)
		.delete(
			"/logins",
			async ({ params, query, request, set }) => {
				await people.endLogins(await find(params.id), query.login, actorOf(request));
				set.status = 204;
			},
			{
				query: schema.endLoginsQuery,
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Sign somebody out, everywhere or in one place",
					answers: { 204: { description: "Ended" } },
					errors: ["invalid_id", "user_not_found", "login_not_found", "validation_failed", "store_full"],
				}),
			},
		);
}
