// The part of `/users` that is about oneself and asks for one's password.

import { Elysia } from "elysia";
import { PocketError } from "../domain/errors.ts";
import type { User } from "../domain/user.ts";
import { BODY_ERRORS, describe } from "../http/describe.ts";
import { callerOf, principalOf } from "../http/exchange.ts";
import type { Actor } from "../ports/audit.ts";
import type { GuessGuard } from "./guessing.ts";
import type { OwnPassword } from "./own-password.ts";
import * as schema from "./schema.ts";

export type OwnAccountDependencies = {
	readonly password: OwnPassword;
	readonly guesses: GuessGuard;
	/** Handed over from the administration: an account with everything that belongs to it. Codes: `user_not_found`, `last_admin`. */
	readonly removePerson: (user: User, actor: Actor) => Promise<void>;
};

export function ownAccountRoutes({ password, guesses, removePerson }: OwnAccountDependencies) {
	return new Elysia({ prefix: "/users" })
		.post(
			"/change-password",
			async ({ body, request, set }) => {
				const principal = principalOf(request);
				if (body.currentPassword === body.newPassword)
					throw new PocketError("weak_password", { sentence: "The new password is the old one." });
				const change = () => password.change(principal, body.currentPassword, body.newPassword, callerOf(request));
				await guesses.ownPassword(request, principal.user.id, change);
				set.status = 204;
			},
			{
				body: schema.changePasswordBody,
				detail: describe({
					access: "user",
					keys: [],
					tag: "Accounts",
					summary: "Change one's password",
					body: { currentPassword: "old", newPassword: "correct horse battery" },
					answers: { 204: { description: "Changed; every other login of this person has ended" } },
					errors: ["wrong_password", "weak_password", "busy", ...BODY_ERRORS],
				}),
			},
		)
		.delete(
			"/me",
			async ({ body, request, set }) => {
				const { user } = principalOf(request);
				await guesses.ownPassword(request, user.id, () => password.require(user, body.password, callerOf(request)));
				await removePerson(user, { byId: user.id, caller: callerOf(request) });
				set.status = 204;
			},
			{
				body: schema.deleteOwnBody,
				detail: describe({
					access: "user",
					keys: [],
					tag: "Accounts",
					summary: "Delete my account with everything that belongs to it",
					description: "Running answers are stopped first. There is no way back; `GET /users/me/export` keeps a copy.",
					body: { password: "correct horse battery" },
					answers: { 204: { description: "Gone, and every token with it" } },
					errors: ["wrong_password", "last_admin", "busy", ...BODY_ERRORS],
				}),
			},
		);
}
