// Accounts and logins: signing up and in, refreshing, leaving, the first administrator, forgotten and changed passwords.

import type { Caller } from "../domain/caller.ts";
import { PocketError } from "../domain/errors.ts";
import type { Id } from "../domain/id.ts";
import type { Login } from "../domain/login.ts";
import { normalizeEmail, type User } from "../domain/user.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { InvitationStore, LoginStore, UserStore } from "../ports/store.ts";
import { createAccountMaker, type Person } from "./accounts.ts";
import type { Passwords } from "./passwords.ts";
import { hashSecret, newSecret, successorOf } from "./secrets.ts";
import type { SetupGate } from "./setup.ts";
import type { TokenMint } from "./tokens.ts";

export type AuthPolicy = {
	/** Who may make an account: anybody, who has an invitation, nobody. */
	readonly signupMode: "open" | "invite" | "closed";
	/** Milliseconds. */
	readonly accessTokenTtl: number;
	readonly refreshTokenTtl: number;
	readonly refreshIdleTtl: number;
	readonly refreshGrace: number;
	/** Whether reset links are written to the log. */
	readonly resetLinksInLog: boolean;
	/** The address in links, without a slash at its end. */
	readonly publicUrl: () => string;
};

export type AuthDependencies = {
	readonly store: UserStore & LoginStore & InvitationStore;
	readonly mint: TokenMint;
	readonly passwords: Passwords;
	readonly setup: SetupGate;
	readonly clock: Clock;
	readonly log: Log;
	readonly policy: AuthPolicy;
};

/** An access token with its life in seconds, the person, and for a new login its refresh token. */
export type Grant = { readonly token: string; readonly expiresIn: number; readonly user: User; readonly refreshToken?: string };

export type Authenticated = { readonly user: User; readonly loginId: Id; readonly loginExpiresAt: number };

export type AuthService = ReturnType<typeof createAuthService>;

const RESET_LIFETIME_MS = 60 * 60 * 1000;
/** How exactly `lastUsedAt` of a login is kept while access tokens are used. */
const USE_NOTED_EVERY_MS = 60_000;

export function createAuthService({ store, mint, passwords, setup, clock, log, policy }: AuthDependencies) {
	const { prepareUser, requireGoodPassword, createUser, lockOutPublishedAccount } = createAccountMaker({ store, passwords, clock });

	/** Opens a login and gives its first pair of tokens. Codes: `invalid_credentials` when the person has another password by now. */
	const openLogin = async (user: User, caller: Caller): Promise<Grant> => {
		const now = clock.now();
		const refreshToken = newSecret();
		const login: Login = {
			id: clock.newId(),
			userId: user.id,
			seed: newSecret(),
			createdAt: now,
			lastUsedAt: now,
			expiresAt: now + policy.refreshTokenTtl,
			revokedAt: null,
			...caller,
		};
		await store.createLogin(login, hashSecret(refreshToken), user.passwordHash);
		return { ...(await grantAccess(user, login.id, login.expiresAt)), refreshToken };
	};

	/** An access token for a login, never beyond that login's end. */
	const grantAccess = async (user: User, loginId: Id, loginExpiresAt: number): Promise<Grant> => {
		const now = clock.now();
		const expiresAt = Math.min(now + policy.accessTokenTtl, loginExpiresAt);
		return { token: await mint.issue(user.id, loginId, expiresAt), expiresIn: Math.floor((expiresAt - now) / 1000), user };
	};

	/** The person with this address and this password. Codes: `invalid_credentials`, `account_disabled`, `busy`. */
	const verifyPerson = async (email: string, password: string): Promise<User> => {
		const user = await store.findUserByEmail(normalizeEmail(email));
		const isRight = await passwords.verify(password, user?.passwordHash);
		if (user === undefined || !isRight) throw new PocketError("invalid_credentials");
		if (user.disabled) throw new PocketError("account_disabled");
		return user;
	};

	/** Codes: `wrong_password`, `busy`. */
	const requirePassword = async (user: User, password: string): Promise<void> => {
		if (!(await passwords.verify(password, user.passwordHash))) throw new PocketError("wrong_password");
	};

	/** Whether a login's person may go on. Codes: `invalid_token`, `account_disabled`. */
	const requireGoodLogin = (found: { login: Login; user: User } | undefined): { login: Login; user: User } => {
		if (found === undefined || found.login.revokedAt !== null || found.login.expiresAt <= clock.now())
			throw new PocketError("invalid_token");
		if (found.user.disabled) throw new PocketError("account_disabled");
		return found;
	};

	/** Asked before anything is said of the address: who has no invitation learns nothing about accounts. Codes as `signup`. */
	const requireMaySignUp = async (inviteHash: string | undefined): Promise<void> => {
		if (policy.signupMode === "closed") throw new PocketError("signup_closed");
		if (inviteHash === undefined) {
			if (policy.signupMode === "invite") throw new PocketError("invitation_required");
			return;
		}
		if ((await store.findInvitation(inviteHash, clock.now())) === undefined) throw new PocketError("invalid_invitation");
	};

	const logResetLink = async (email: string): Promise<void> => {
		const user = await store.findUserByEmail(email);
		if (user === undefined || user.disabled) return;
		const token = newSecret();
		await store.createResetToken(hashSecret(token), user.id, clock.now() + RESET_LIFETIME_MS);
		log.warn(
			{ user: user.id, resetLink: `${policy.publicUrl()}/reset#${token}` },
			"a password reset was asked for; pass this link on to its owner (good for one hour)",
		);
	};

	const beingNoted = new Set<Id>();
	/** In the background: nobody waits for it, and nothing fails with it. A store that closes waits for it. */
	const noteUse = ({ id, lastUsedAt }: Login, address: string | null): void => {
		const now = clock.now();
		// The clock may have been set back: a time to come is as good as none.
		if (Math.abs(now - lastUsedAt) < USE_NOTED_EVERY_MS || beingNoted.has(id)) return;
		beingNoted.add(id);
		store
			.touchLogin(id, address, now)
			.catch((error: unknown) => log.debug({ err: error }, "the use of a login could not be noted"))
			.finally(() => beingNoted.delete(id));
	};

	return {
		/**
		 * An invitation counts in every mode but `closed`, and is spent. Codes: `signup_closed`, `invitation_required`, `invalid_invitation`,
		 * `email_taken`, `weak_password`, `validation_failed`, `busy`.
		 */
		signup: async (person: Person, { invite, caller }: { invite: string | undefined; caller: Caller }): Promise<Grant> => {
			const inviteHash = invite === undefined ? undefined : hashSecret(invite);
			await requireMaySignUp(inviteHash);
			if ((await store.findUserByEmail(normalizeEmail(person.email))) !== undefined) throw new PocketError("email_taken");
			const user = await prepareUser(person, false);
			if (inviteHash === undefined) await store.createUser(user);
			else await store.createInvitedUser(user, inviteHash, clock.now());
			return openLogin(user, caller);
		},

		/** One and the same answer, after the same work, for an unknown address and a wrong password. Codes: `invalid_credentials`, `account_disabled`, `busy`. */
		login: async (email: string, password: string, caller: Caller): Promise<Grant> => {
			const person = await verifyPerson(email, password);
			if (!passwords.isOutdated(person.passwordHash)) return openLogin(person, caller);
			const passwordHash = await passwords.hash(password);
			const isReplaced = await store.replacePasswordHash(person.id, person.passwordHash, passwordHash);
			// Another login may have replaced the old hash meanwhile, or a reset the password: what is there now decides.
			return openLogin(isReplaced ? { ...person, passwordHash } : await verifyPerson(email, password), caller);
		},

		/** Who a bearer token belongs to, now; that it was used from there is noted. Codes: `invalid_token`, `account_disabled`. */
		authenticate: async (token: string, address: string | null): Promise<Authenticated> => {
			const claims = await mint.verify(token);
			if (claims === undefined) throw new PocketError("invalid_token");
			const { login, user } = requireGoodLogin(await store.findLogin(claims.loginId));
			if (user.id !== claims.userId) throw new PocketError("invalid_token");
			noteUse(login, address);
			return { user, loginId: login.id, loginExpiresAt: login.expiresAt };
		},

		createUser,
		lockOutPublishedAccount,

		/** Whether what was begun with a login may go on. */
		isLoginGood: async (loginId: Id): Promise<boolean> => {
			const found = await store.findLogin(loginId);
			return found !== undefined && found.login.revokedAt === null && !found.user.disabled;
		},

		/** Whether the person with this address is signed in from there now; for an address of nobody the same is asked for nobody. */
		isSignedInFrom: async (email: string, address: string): Promise<boolean> => {
			const user = await store.findUserByEmail(normalizeEmail(email));
			const living = { now: clock.now(), idleMs: policy.refreshIdleTtl, skip: 0, limit: 100 };
			const { items } = await store.findLogins({ userId: user?.id ?? clock.newId(), ...living });
			return user !== undefined && items.some((login) => login.address === address);
		},

		/** A fresh access token of the same login. */
		renew: ({ user, loginId, loginExpiresAt }: Authenticated): Promise<Grant> => grantAccess(user, loginId, loginExpiresAt),

		/** Spends a refresh token for a new pair. Codes: `invalid_refresh_token`, `account_disabled`. */
		refresh: async (refreshToken: string, caller: Caller): Promise<Grant> => {
			const hash = hashSecret(refreshToken);
			const login = await store.findLoginByRefreshHash(hash);
			if (login === undefined) throw new PocketError("invalid_refresh_token");
			const successor = successorOf(login.seed, refreshToken);
			const outcome = await store.rotateRefreshToken({
				hash,
				successorHash: hashSecret(successor),
				now: clock.now(),
				graceMs: policy.refreshGrace,
				idleMs: policy.refreshIdleTtl,
				address: caller.address,
			});
			if (outcome === "reused") log.warn({ user: login.userId }, "a spent refresh token was used again; its login has been ended");
			if (outcome === "reused" || outcome === "unknown") throw new PocketError("invalid_refresh_token");
			const found = await store.findLogin(login.id);
			if (found === undefined || found.login.revokedAt !== null) throw new PocketError("invalid_refresh_token");
			if (found.user.disabled) throw new PocketError("account_disabled");
			return { ...(await grantAccess(found.user, login.id, login.expiresAt)), refreshToken: successor };
		},

		/** Ends a login: its access and its refresh tokens are refused from now on. */
		logout: (loginId: Id): Promise<void> => store.revokeLogin(loginId, clock.now()),

		/** Ends the login that a refresh token belongs to; harmless for any other text. */
		logoutByRefreshToken: async (refreshToken: string): Promise<void> => {
			const login = await store.findLoginByRefreshHash(hashSecret(refreshToken));
			if (login !== undefined) await store.revokeLogin(login.id, clock.now());
		},

		/** Makes the first administrator with the setup token. Codes: `invalid_setup_token`, `setup_done`, `email_taken`, `weak_password`, `validation_failed`. */
		claimSetup: async (setupToken: string, person: Person, caller: Caller): Promise<Grant> => {
			if (!setup.accepts(setupToken)) throw new PocketError((await store.countAdmins()) > 0 ? "setup_done" : "invalid_setup_token");
			const user = await prepareUser(person, true);
			await store.createFirstAdmin(user);
			setup.close();
			return openLogin(user, caller);
		},

		/**
		 * Prepares a reset link, when the operator wants them in the log. In the background: the time that storing one takes must not tell the
		 * caller that there is such an account.
		 */
		requestPasswordReset: (email: string): void => {
			if (!policy.resetLinksInLog) return;
			logResetLink(normalizeEmail(email)).catch((error: unknown) => log.error({ err: error }, "a reset link could not be made"));
		},

		/** Sets a new password with a reset token, once, and ends every login of that person. Codes: `invalid_reset_token`, `weak_password`. */
		confirmPasswordReset: async (token: string, newPassword: string): Promise<void> => {
			await requireGoodPassword(newPassword, "body.newPassword");
			await store.resetPassword(hashSecret(token), await passwords.hash(newPassword), clock.now());
		},

		requirePassword,

		/** Codes: `wrong_password`, `weak_password`, `busy`. Every other login of this person ends. */
		changePassword: async ({ user, loginId }: Authenticated, currentPassword: string, newPassword: string): Promise<void> => {
			await requirePassword(user, currentPassword);
			await requireGoodPassword(newPassword, "body.newPassword");
			const passwordHash = await passwords.hash(newPassword);
			await store.changePassword({ userId: user.id, verifiedHash: user.passwordHash, passwordHash, keptLogin: loginId, now: clock.now() });
		},
	};
}
