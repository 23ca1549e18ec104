// The account routes: from bodies to the service and back. No rule stands here.

import { Elysia } from "elysia";
import { PocketError } from "../domain/errors.ts";
import { normalizeEmail } from "../domain/user.ts";
import { BODY_ERRORS, describe } from "../http/describe.ts";
import { callerOf, exchangeOf, findPrincipal, loginOf, principalOf } from "../http/exchange.ts";
import { userJson } from "../http/json.ts";
import { countRequest } from "../http/limits.ts";
import type { Limiter } from "../ports/limiter.ts";
import type { Person } from "./accounts.ts";
import type { GuessGuard } from "./guessing.ts";
import type { OwnPassword } from "./own-password.ts";
import * as schema from "./schema.ts";
import { hashSecret } from "./secrets.ts";
import type { AuthService, Grant } from "./service.ts";

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
};
const EXAMPLE_GRANT = { token: "eyJhbGciOiJIUzI1NiIs…", expiresIn: 3600, user: EXAMPLE_USER, refreshToken: "q3hX…" };
const CREDENTIALS = { email: "carol@example.com", password: "correct horse battery" };

function grantJson({ token, expiresIn, user, refreshToken }: Grant) {
	return { token, expiresIn, user: userJson(user), ...(refreshToken === undefined ? {} : { refreshToken }) };
}

function personOf(body: { email: string; password: string; name?: string | null; avatar_url?: string | null }): Person {
	return { email: body.email, password: body.password, name: body.name ?? null, avatarUrl: body.avatar_url || null };
}

export type AuthRouteDependencies = {
	readonly auth: AuthService;
	readonly limiter: Limiter;
	readonly guesses: GuessGuard;
	readonly password: OwnPassword;
};

export function authRoutes({ auth, limiter, guesses, password }: AuthRouteDependencies) {
	const countByAddress = (request: Request, name: "login" | "signup") =>
		countRequest(limiter, request, name, `address:${exchangeOf(request).address}`);
	/** The account is counted by a hash of what was typed, existing or not. */
	const countByAccount = (request: Request, email: string) =>
		countRequest(limiter, request, "login", `account:${hashSecret(normalizeEmail(email))}`);

	return new Elysia({ prefix: "/auth" })
		.post(
			"/signup",
			async ({ body, request }) => {
				await countByAddress(request, "signup");
				const invite = body.invite ?? undefined;
				const signup = () => auth.signup(personOf(body), { invite, caller: callerOf(request) });
				return grantJson(await (invite === undefined ? signup() : guesses.token(request, signup)));
			},
			{
				body: schema.signupBody,
				detail: describe({
					access: "anonymous",
					tag: "Accounts",
					summary: "Make an account",
					description:
						"Depending on SIGNUP_MODE for anybody, with an invitation (`invite`, the text behind the `#` of its link), or for nobody. An invitation makes one account.",
					body: { ...CREDENTIALS, name: "Carol" },
					answers: { 200: { description: "The account and its first tokens", schema: "Grant", example: EXAMPLE_GRANT } },
					errors: ["signup_closed", "invitation_required", "invalid_invitation", "email_taken", "weak_password", "busy", ...BODY_ERRORS],
				}),
			},
		)
		.post(
			"/login",
			async ({ body, request }) => {
				const signIn = () => auth.login(body.email, body.password, callerOf(request));
				return grantJson(await guesses.password(request, body.email, signIn));
			},
			{
				body: schema.loginBody,
				detail: describe({
					access: "anonymous",
					tag: "Accounts",
					summary: "Sign in",
					body: CREDENTIALS,
					answers: { 200: { description: "A new login", schema: "Grant", example: EXAMPLE_GRANT } },
					errors: ["invalid_credentials", "account_disabled", "busy", ...BODY_ERRORS],
				}),
			},
		)
		.post(
			"/header",
			async ({ request }) => {
				const { proxyWord } = exchangeOf(request);
				if (proxyWord.kind === "person") return grantJson(await auth.loginByHeader(proxyWord.email, callerOf(request)));
				if (proxyWord.kind === "off") throw new PocketError("not_found", { sentence: "Header login is not configured here." });
				if (proxyWord.kind === "nobody") throw new PocketError("unauthenticated", { sentence: "The proxy did not say who you are." });
				if (proxyWord.kind === "stranger") throw new PocketError("header_login_refused");
				throw new PocketError("header_login_refused", { sentence: "The proxy's field is not one e-mail address." });
			},
			{
				detail: describe({
					access: "anonymous",
					tag: "Accounts",
					summary: "Sign in as the person whom a trusted reverse proxy names",
					description:
						"Only with HEADER_LOGIN_NAME and HEADER_LOGIN_PROXIES set, and only from such a proxy: its field, an e-mail address, stands for the password. What comes is an ordinary login. Where the proxy sends the field with other requests too, it must name the token's owner; else the token is refused.",
					answers: { 200: { description: "A new login", schema: "Grant", example: EXAMPLE_GRANT } },
					errors: ["not_found", "unauthenticated", "header_login_refused", "signup_closed", "account_disabled", "busy", "store_full"],
				}),
			},
		)
		.get("/me", ({ request }) => ({ user: userJson(principalOf(request).user) }), {
			detail: describe({
				access: "user",
				keys: ["read", "chat"],
				tag: "Accounts",
				summary: "Who am I",
				answers: { 200: { description: "The signed-in person", schema: "Me", example: { user: EXAMPLE_USER } } },
			}),
		})
		.post(
			"/refresh",
			async ({ body, request }) => {
				const { proxyWord } = exchangeOf(request);
				const onlyFor = proxyWord.kind === "person" ? proxyWord.email : undefined;
				if (body.refreshToken !== undefined) return grantJson(await auth.refresh(body.refreshToken, callerOf(request), onlyFor));
				return grantJson(await auth.renew(loginOf(request)));
			},
			{
				body: schema.refreshBody,
				detail: describe({
					access: "anonymous",
					tag: "Accounts",
					summary: "Get a fresh access token",
					description:
						"With a valid bearer token and no body: a new access token of the same login. With a refresh token and no bearer token: a new pair; refresh tokens are good once, and the use of a spent one ends the login.",
					body: { refreshToken: "q3hX…" },
					optionalBody: true,
					answers: { 200: { description: "Fresh tokens", schema: "Grant", example: EXAMPLE_GRANT } },
					errors: ["unauthenticated", "invalid_token", "invalid_refresh_token", "account_disabled", "key_not_permitted", ...BODY_ERRORS],
				}),
			},
		)
		.post(
			"/logout",
			async ({ body, request, set }) => {
				const principal = findPrincipal(request);
				// A personal key is no login: it is revoked, not left.
				if (principal !== undefined && principal.keyScopes === undefined) await auth.logout(principal, callerOf(request));
				else if (typeof body.refreshToken === "string") await auth.logoutByRefreshToken(body.refreshToken, callerOf(request));
				set.status = 204;
			},
			{
				body: schema.logoutBody,
				detail: describe({
					access: "anonymous",
					tag: "Accounts",
					summary: "Sign out",
					description: "Always 204. This login's access and refresh tokens are refused from then on.",
					answers: { 204: { description: "Signed out" } },
					errors: BODY_ERRORS,
				}),
			},
		)
		.post(
			"/setup",
			async ({ body, request }) => {
				return grantJson(await guesses.token(request, () => auth.claimSetup(body.token, personOf(body), callerOf(request))));
			},
			{
				body: schema.setupBody,
				detail: describe({
					access: "anonymous",
					tag: "Accounts",
					summary: "Make the first administrator",
					description: "With the one-time token that `serve` prints while there is no administrator.",
					body: { token: "mXv…", ...CREDENTIALS, name: "Carol" },
					answers: {
						200: {
							description: "The administrator and the first tokens",
							schema: "Grant",
							example: { ...EXAMPLE_GRANT, user: { ...EXAMPLE_USER, is_admin: true } },
						},
					},
					errors: ["invalid_setup_token", "setup_done", "email_taken", "weak_password", "busy", ...BODY_ERRORS],
				}),
			},
		)
		.post(
			"/password-reset",
			async ({ body, request, set }) => {
				await countByAddress(request, "login");
				await countByAccount(request, body.email);
				password.requestReset(body.email, callerOf(request));
				set.status = 202;
				return { detail: "If there is such an account, its administrator can pass on a reset link." };
			},
			{
				body: schema.resetBody,
				detail: describe({
					access: "anonymous",
					tag: "Accounts",
					summary: "Ask for a password reset",
					description: "Always 202, whether there is such an account or not. There is no mailer: an administrator passes the link on.",
					body: { email: CREDENTIALS.email },
					answers: {
						202: {
							description: "Noted",
							schema: "Notice",
							example: { detail: "If there is such an account, its administrator can pass on a reset link." },
						},
					},
					errors: BODY_ERRORS,
				}),
			},
		)
		.post(
			"/password-reset/confirm",
			async ({ body, request, set }) => {
				await guesses.token(request, () => password.confirmReset(body.token, body.newPassword, callerOf(request)));
				set.status = 204;
			},
			{
				body: schema.resetConfirmBody,
				detail: describe({
					access: "anonymous",
					tag: "Accounts",
					summary: "Set a new password with a reset token",
					body: { token: "k9f…", newPassword: "correct horse battery" },
					answers: { 204: { description: "The password is set; every login of this person has ended" } },
					errors: ["invalid_reset_token", "weak_password", "busy", ...BODY_ERRORS],
				}),
			},
		);
}
