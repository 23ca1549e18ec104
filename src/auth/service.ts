// Accounts and logins: signing up and in, refreshing, leaving, the first administrator, forgotten and changed passwords.

import type { AuditAction } from "../domain/audit.ts";
import type { Caller } from "../domain/caller.ts";
import { type ErrorCode, PocketError } from "../domain/errors.ts";
import type { Id } from "../domain/id.ts";
import type { Invitation } from "../domain/invitation.ts";
import type { Login } from "../domain/login.ts";
import { normalizeEmail, type User } from "../domain/user.ts";
import type { Audit } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { InvitationStore, LoginStore, UserStore } from "../ports/store.ts";
import { createAccountMaker, type Person } from "./accounts.ts";
import type { Passwords } from "./passwords.ts";
import { hashSecret, keyedMark, newSecret, successorOf } from "./secrets.ts";
import type { SetupGate } from "./setup.ts";
import type { TokenMint } from "./tokens.ts";

export type AuthPolicy = {
	/** Who may make an account: anybody, who has an invitation, nobody. */
	/** Whether somebody whom a trusted proxy names gets an account at first sight. */
	readonly headerSignup: boolean;
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
	readonly audit: Audit;
	readonly clock: Clock;
	readonly log: Log;
	readonly policy: AuthPolicy;
};

/** An access token with its life in seconds, the person, and for a new login its refresh token. */
export type Grant = { readonly token: string; readonly expiresIn: number; readonly user: User; readonly refreshToken?: string };

export type Authenticated = { readonly user: User; readonly loginId: Id; readonly loginExpiresAt: number };

export type AuthService = ReturnType<typeof createAuthService>;

/** How exactly `lastUsedAt` of a login is kept while access tokens are used. */
const USE_NOTED_EVERY_MS = 60_000;

export function createAuthService({ store, mint, passwords, setup, audit, clock, log, policy }: AuthDependencies) {
	const { prepareUser, createUser, lockOutPublishedAccount } = createAccountMaker({ store, passwords, audit, clock });

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

	/** Something that person did themselves. */
	const note = (action: AuditAction, userId: Id, caller: Caller, detail?: string): void =>
		audit.record({ action, userId, byId: userId, caller, detail });

	/** What was typed for an address of nobody may be a password in the wrong field, so it is not kept: a mark tells whether two are the same. */
	const markOf = keyedMark();

	/** The person with this address and this password. Codes: `invalid_credentials`, `account_disabled`, `busy`. */
	const verifyPerson = async (email: string, password: string, caller: Caller): Promise<User> => {
		const user = await store.findUserByEmail(normalizeEmail(email));
		const isRight = await passwords.verify(password, user?.passwordHash);
		const refuse = (code: ErrorCode, detail: string): never => {
			audit.record({ action: "login_failed", userId: user?.id, caller, detail });
			throw new PocketError(code);
		};
		if (user === undefined) return refuse("invalid_credentials", `no such account, typed as ${markOf(normalizeEmail(email))}`);
		if (!isRight) return refuse("invalid_credentials", "wrong password");
		return user.disabled ? refuse("account_disabled", "the account is disabled") : user;
	};

	/** Another login may replace the old hash meanwhile, or a reset the password: what is there then decides (`verifyAgain`). */
	const replaceOutdatedHash = async (person: User, password: string, verifyAgain: () => Promise<User>): Promise<User> => {
		if (!passwords.isOutdated(person.passwordHash)) return person;
		const passwordHash = await passwords.hash(password);
		const isReplaced = await store.replacePasswordHash(person.id, person.passwordHash, passwordHash);
		return isReplaced ? { ...person, passwordHash } : verifyAgain();
	};

	/** Whether a login's person may go on. Codes: `invalid_token`, `account_disabled`. */
	const requireGoodLogin = (found: { login: Login; user: User } | undefined): { login: Login; user: User } => {
		if (found === undefined || found.login.revokedAt !== null || found.login.expiresAt <= clock.now())
			throw new PocketError("invalid_token");
		if (found.user.disabled) throw new PocketError("account_disabled");
		return found;
	};

	/** Asked before anything is said of the address: who has no invitation learns nothing about accounts. Codes as `signup`. */
	const requireMaySignUp = async (inviteHash: string | undefined): Promise<Invitation | undefined> => {
		if (policy.signupMode === "closed") throw new PocketError("signup_closed");
		if (inviteHash === undefined) {
			if (policy.signupMode === "invite") throw new PocketError("invitation_required");
			return undefined;
		}
		const invitation = await store.findInvitation(inviteHash, clock.now());
		if (invitation === undefined) throw new PocketError("invalid_invitation");
		return invitation;
	};

	/** The password is one that nobody knows; an administrator's reset gives another. */
	const makeHeaderPerson = async (email: string, caller: Caller): Promise<User> => {
		if (!policy.headerSignup) {
			throw new PocketError("signup_closed", { sentence: "There is no account for you here. Ask an administrator for one." });
		}
		const user = await prepareUser({ email, password: newSecret() }, false);
		try {
			await store.createUser(user);
		} catch (error) {
			// Two requests of one browser: the other one was faster.
			const other = error instanceof PocketError && error.code === "email_taken" ? await store.findUserByEmail(email) : undefined;
			if (other === undefined) throw error;
			return other;
		}
		note("signup", user.id, caller, "header login");
		return user;
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
			const invitation = await requireMaySignUp(inviteHash);
			if ((await store.findUserByEmail(normalizeEmail(person.email))) !== undefined) throw new PocketError("email_taken");
			const user = await prepareUser(person, false);
			if (inviteHash === undefined) await store.createUser(user);
			else await store.createInvitedUser(user, inviteHash, clock.now());
			note("signup", user.id, caller);
			if (invitation !== undefined) note("invite_used", user.id, caller, invitation.id);
			return openLogin(user, caller);
		},

		/** One and the same answer, after the same work, for an unknown address and a wrong password. Codes: `invalid_credentials`, `account_disabled`, `busy`. */
		login: async (email: string, password: string, caller: Caller): Promise<Grant> => {
			const person = await replaceOutdatedHash(await verifyPerson(email, password, caller), password, () =>
				verifyPerson(email, password, caller),
			);
			const grant = await openLogin(person, caller);
			note("login", person.id, caller);
			return grant;
		},

		/**
		 * The login of a person whom a trusted proxy has named, in lower case. Gives no rights that the account has not. Codes: `signup_closed`
		 * (no such account, and none is made), `account_disabled`, `busy`.
		 */
		loginByHeader: async (email: string, caller: Caller): Promise<Grant> => {
			const person = (await store.findUserByEmail(email)) ?? (await makeHeaderPerson(email, caller));
			if (person.disabled) {
				audit.record({ action: "login_failed", userId: person.id, caller, detail: "header login: the account is disabled" });
				throw new PocketError("account_disabled");
			}
			const grant = await openLogin(person, caller);
			note("header_login", person.id, caller);
			return grant;
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

		/** Spends a refresh token for a new pair; with `onlyFor` a person's with that address. Codes: `invalid_refresh_token`, `account_disabled`. */
		refresh: async (refreshToken: string, caller: Caller, onlyFor?: string): Promise<Grant> => {
			const hash = hashSecret(refreshToken);
			const login = await store.findLoginByRefreshHash(hash);
			if (login === undefined) throw new PocketError("invalid_refresh_token");
			const isTheirs = onlyFor === undefined || (await store.findUserById(login.userId))?.email === onlyFor;
			if (!isTheirs) throw new PocketError("invalid_refresh_token");
			const successor = successorOf(login.seed, refreshToken);
			const outcome = await store.rotateRefreshToken({
				hash,
				successorHash: hashSecret(successor),
				now: clock.now(),
				graceMs: policy.refreshGrace,
				idleMs: policy.refreshIdleTtl,
				address: caller.address,
			});
			if (outcome === "reused") {
				log.warn({ user: login.userId }, "a spent refresh token was used again; its login has been ended");
				audit.record({ action: "refresh_reused", userId: login.userId, caller });
			}
			if (outcome === "reused" || outcome === "unknown") throw new PocketError("invalid_refresh_token");
			const found = await store.findLogin(login.id);
			if (found === undefined || found.login.revokedAt !== null) throw new PocketError("invalid_refresh_token");
			if (found.user.disabled) throw new PocketError("account_disabled");
			return { ...(await grantAccess(found.user, login.id, login.expiresAt)), refreshToken: successor };
		},

		/** Ends a login: its access and its refresh tokens are refused from now on. */
		logout: async ({ user, loginId }: Authenticated, caller: Caller): Promise<void> => {
			await store.revokeLogin(loginId, clock.now());
			note("logout", user.id, caller);
		},

		/** Ends the login that a refresh token belongs to; harmless for any other text. */
		logoutByRefreshToken: async (refreshToken: string, caller: Caller): Promise<void> => {
			const login = await store.findLoginByRefreshHash(hashSecret(refreshToken));
			if (login === undefined) return;
			await store.revokeLogin(login.id, clock.now());
			if (login.revokedAt === null) note("logout", login.userId, caller);
		},

		/** Makes the first administrator with the setup token. Codes: `invalid_setup_token`, `setup_done`, `email_taken`, `weak_password`, `validation_failed`. */
		claimSetup: async (setupToken: string, person: Person, caller: Caller): Promise<Grant> => {
			if (!setup.accepts(setupToken)) {
				audit.record({ action: "login_failed", caller, detail: "a setup token that is not valid" });
				throw new PocketError((await store.countAdmins()) > 0 ? "setup_done" : "invalid_setup_token");
			}
			const user = await prepareUser(person, true);
			await store.createFirstAdmin(user);
			setup.close();
			note("setup_used", user.id, caller);
			return openLogin(user, caller);
		},
	};
}
