// Bodies of the account routes. Unknown members are dropped by the router before a handler sees them.

import { t } from "elysia";
import { KEY_NAME_LENGTH, KEY_SCOPES } from "../domain/api-key.ts";
import { EMAIL_AS_SHOWN, oneOf } from "../http/query.ts";
import { PASSWORD_MAX_LENGTH } from "./passwords.ts";

const email = t.String({ minLength: 3, maxLength: 254, expects: "an e-mail address", shows: EMAIL_AS_SHOWN });
/** Typed passwords are judged by the service; here only their size counts. In UTF-16 units, so twice the characters. */
const password = t.String({
	minLength: 1,
	maxLength: 2 * PASSWORD_MAX_LENGTH,
	expects: `a password of at most ${PASSWORD_MAX_LENGTH} characters`,
	shows: { maxLength: PASSWORD_MAX_LENGTH },
});
const name = t.Optional(t.Union([t.Null(), t.String({ maxLength: 200 })], { expects: "a text of at most 200 characters" }));
const avatarUrl = t.Optional(
	t.Union([t.Null(), t.String({ maxLength: 2048, pattern: "^(https?://[^\\s]+)?$" })], {
		expects: "an http or https URL of at most 2048 characters",
	}),
);
const secret = t.String({ minLength: 1, maxLength: 512, expects: "a token" });

export const signupBody = t.Object({
	email,
	password,
	name,
	avatar_url: avatarUrl,
	invite: t.Optional(t.Union([t.Null(), secret], { expects: "the token of an invitation" })),
});
export const endLoginsQuery = t.Object({
	except: t.Optional(t.Literal("current", { expects: "current, or not there", description: "`current` spares the login that asks." })),
});
export const loginBody = t.Object({ email: t.String({ minLength: 1, maxLength: 1024, expects: "an e-mail address" }), password });
export const refreshBody = t.Object({ refreshToken: t.Optional(secret) });
export const logoutBody = t.Object({ refreshToken: t.Optional(t.Unknown()) });
export const setupBody = t.Object({ token: secret, email, password, name });
export const resetBody = t.Object({ email: t.String({ minLength: 1, maxLength: 1024, expects: "an e-mail address" }) });
export const resetConfirmBody = t.Object({ token: secret, newPassword: password });
export const changePasswordBody = t.Object({ currentPassword: password, newPassword: password });
export const deleteOwnBody = t.Object({ password });
export const keyBody = t.Object({
	name: t.String({
		minLength: 1,
		maxLength: KEY_NAME_LENGTH,
		pattern: "\\S",
		expects: `a text of at most ${KEY_NAME_LENGTH} characters that is not blank`,
	}),
	scopes: t.Optional(
		t.Array(oneOf(KEY_SCOPES), {
			minItems: 1,
			maxItems: KEY_SCOPES.length,
			expects: `a list of ${KEY_SCOPES.join(" and ")}, or one of them`,
		}),
	),
	expiresInDays: t.Optional(
		t.Union([t.Null(), t.Integer({ minimum: 1, maximum: 3650 })], { expects: "a whole number of days from 1 to 3650, or null" }),
	),
});
