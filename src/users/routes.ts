// The routes about people. Listing and making accounts is for administrators; the old gateway left it open to anybody.

import { Elysia } from "elysia";
import type { User } from "../domain/user.ts";
import { BODY_ERRORS, describe } from "../http/describe.ts";
import { callerOf, principalOf } from "../http/exchange.ts";
import { userJson } from "../http/json.ts";
import type { Actor } from "../ports/audit.ts";
import * as schema from "./schema.ts";
import type { UserService } from "./service.ts";

const EXAMPLE = {
	id: "6b041e0141cb1347a28169c6",
	email: "carol@example.com",
	name: "Carol",
	full_name: "Carol",
	avatar_url: null,
	avatar: null,
	is_admin: false,
	createdAt: "2026-11-23T10:46:03.228Z",
	updatedAt: "2026-11-23T10:46:03.228Z",
};

export type UserRouteDependencies = {
	readonly users: UserService;
	/** Handed over from the accounts feature. Codes: `email_taken`, `weak_password`, `validation_failed`, `busy`. */
	readonly createUser: (
		person: { email: string; password: string; name: string | null; avatarUrl: string | null },
		actor: Actor,
	) => Promise<User>;
};

type Profile = { name?: string | null; full_name?: string | null; avatar_url?: string | null; avatar?: string | null };

/** Both spellings are taken; a member that is not there changes nothing, `null` and an empty text clear. */
function changeOf(body: Profile) {
	const name = body.name !== undefined ? body.name : body.full_name;
	const avatar = body.avatar_url !== undefined ? body.avatar_url : body.avatar;
	return {
		...(name === undefined ? {} : { fullName: name?.trim() || null }),
		...(avatar === undefined ? {} : { avatarUrl: avatar || null }),
	};
}

export function userRoutes({ users, createUser }: UserRouteDependencies) {
	const saveProfile = async ({ body, request }: { body: Profile; request: Request }) =>
		userJson(await users.updateProfile(principalOf(request).user, changeOf(body), callerOf(request)));
	const profile = {
		body: schema.profileBody,
		detail: describe({
			access: "user",
			keys: [],
			tag: "Users",
			summary: "Change one's profile",
			body: { name: "Carol", avatar_url: "https://example.com/carol.png" },
			answers: { 200: { description: "The profile now", schema: "User", example: EXAMPLE } },
			errors: BODY_ERRORS,
		}),
	};
	return new Elysia({ prefix: "/users" })
		.get("/profile", ({ request }) => userJson(principalOf(request).user), {
			detail: describe({
				access: "user",
				keys: ["read"],
				tag: "Users",
				summary: "One's profile",
				answers: { 200: { description: "The profile", schema: "User", example: EXAMPLE } },
			}),
		})
		.patch("/profile", saveProfile, profile)
		.put("/profile", saveProfile, profile)
		.get(
			"/",
			async ({ query }) => {
				const { items, total } = await users.findUsers(query);
				return { items: items.map(userJson), total };
			},
			{
				query: schema.usersQuery,
				detail: describe({
					access: "admin",
					tag: "Users",
					summary: "List people",
					answers: { 200: { description: "Newest first", schema: "UserPage", example: { items: [EXAMPLE], total: 1 } } },
					errors: ["validation_failed"],
				}),
			},
		)
		.post(
			"/",
			async ({ body, request, set }) => {
				const person = {
					email: body.email,
					password: body.password,
					name: body.name ?? body.full_name ?? null,
					avatarUrl: body.avatar_url || null,
				};
				const user = await createUser(person, { byId: principalOf(request).user.id, caller: callerOf(request) });
				set.status = 201;
				return userJson(user);
			},
			{
				body: schema.newUserBody,
				detail: describe({
					access: "admin",
					tag: "Users",
					summary: "Make an account for somebody",
					body: { email: "dave@example.com", password: "correct horse battery", name: "Dave" },
					answers: { 201: { description: "The account", schema: "User", example: EXAMPLE } },
					errors: ["email_taken", "weak_password", "busy", ...BODY_ERRORS],
				}),
			},
		)
		.get("/:id", async ({ params }) => userJson(await users.findUser(params.id)), {
			detail: describe({
				access: "admin",
				tag: "Users",
				summary: "One person",
				answers: { 200: { description: "The person", schema: "User", example: EXAMPLE } },
				errors: ["invalid_id", "user_not_found"],
			}),
		});
}
