// People as an administrator works with them, in a shell or over HTTP: finding, changing, removing, letting in again. The rules are here
// once for both doors; what is done is noted in the audit trail.

import type { AuditAction } from "../domain/audit.ts";
import { PocketError } from "../domain/errors.ts";
import { type Id, parseId } from "../domain/id.ts";
import type { Login } from "../domain/login.ts";
import { normalizeEmail, type User } from "../domain/user.ts";
import type { Actor, Audit } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { LoginStore, Page, Range, SessionStore, UserStore } from "../ports/store.ts";

export type PeopleDependencies = {
	readonly store: UserStore & LoginStore & SessionStore;
	readonly clock: Clock;
	readonly audit: Audit;
	/** The five that follow are handed over from the accounts feature. Codes of `hashNew`: `weak_password`, `busy`. */
	readonly hashNew: (password: string) => Promise<string>;
	readonly newSecret: () => { readonly secret: string; readonly hash: string };
	readonly findLogins: (userId: Id, range: Range) => Promise<Page<Login>>;
	/** Codes: `invalid_id`, `login_not_found`. */
	readonly endLogin: (userId: Id, id: string) => Promise<void>;
	readonly endLogins: (userId: Id) => Promise<void>;
	/** Ends what is being generated for a person and waits until it is stored; harmless when nothing is. */
	readonly stopGenerations: (userId: Id) => Promise<void>;
	/** The address in links, without a slash at its end. */
	readonly publicUrl: () => string;
};

export type ResetLink = { readonly link: string; readonly expiresAt: number };

export type People = ReturnType<typeof createPeople>;

/** How long a link for a new password is good when an administrator makes it. */
const RESET_LINK_MS = 24 * 60 * 60 * 1000;

/** As `find` of `createPeople`. */
export async function findPerson(store: UserStore, who: string): Promise<User> {
	const id = parseId(who);
	const user = id === undefined ? await store.findUserByEmail(normalizeEmail(who)) : await store.findUserById(id);
	if (user === undefined) throw new PocketError("user_not_found");
	return user;
}

export function createPeople(deps: PeopleDependencies) {
	const { store, clock, audit } = deps;

	const note = (action: AuditAction, userId: Id, actor: Actor, detail?: string): void => audit.record({ action, userId, ...actor, detail });

	return {
		/** `who`: an e-mail address or an id, as people type it. Codes: `user_not_found`. */
		find: (who: string): Promise<User> => findPerson(store, who),

		/** Newest first. */
		list: (range: Range): Promise<Page<User>> => store.findUsers(range),

		/** How many sessions somebody has. */
		countSessions: async ({ id }: User): Promise<number> =>
			(await store.findSessions({ userId: id, sortBy: "createdAt", sortOrder: "desc", skip: 0, limit: 1 })).total,

		/** A disabled account cannot sign in, and its logins end at once. Codes: `user_not_found`, `last_admin`. */
		setDisabled: async ({ id }: User, disabled: boolean, actor: Actor): Promise<User> => {
			const user = await store.setDisabled(id, disabled, clock.now());
			note(disabled ? "user_disabled" : "user_enabled", id, actor);
			if (disabled) await deps.stopGenerations(id);
			return user;
		},

		/** Codes: `user_not_found`, `last_admin`. */
		setAdmin: async ({ id }: User, isAdmin: boolean, actor: Actor): Promise<User> => {
			const user = await store.setAdmin(id, isAdmin, clock.now());
			note(isAdmin ? "user_promoted" : "user_demoted", id, actor);
			return user;
		},

		/** With all data; what is being generated is stopped first. Codes: `user_not_found`, `last_admin`. */
		remove: async ({ id }: User, actor: Actor): Promise<void> => {
			await deps.stopGenerations(id);
			await store.deleteUser(id);
			note("user_deleted", id, actor);
			// A turn that was stored between the two has nowhere to go.
			await deps.stopGenerations(id);
		},

		/** A one-time link with which its owner sets a new password; an older one ends. The password there is stays good until then. */
		makeResetLink: async ({ id }: User, actor: Actor, lifetimeMs = RESET_LINK_MS): Promise<ResetLink> => {
			const { secret, hash } = deps.newSecret();
			const expiresAt = clock.now() + lifetimeMs;
			await store.createResetToken(hash, id, expiresAt);
			note("reset_link_made", id, actor);
			return { link: `${deps.publicUrl()}/reset#${secret}`, expiresAt };
		},

		/** Sets a password; every login of that person ends. Codes: `weak_password`, `busy`, `user_not_found`. */
		setPassword: async ({ id }: User, password: string, actor: Actor): Promise<void> => {
			await store.setPassword(id, await deps.hashNew(password), clock.now());
			note("password_reset", id, actor);
		},

		/** That everything of somebody was written out. */
		noteExport: ({ id }: User, actor: Actor): void => note("data_exported", id, actor),

		/** The last used first. */
		findLogins: ({ id }: User, range: Range): Promise<Page<Login>> => deps.findLogins(id, range),

		/** Signs somebody out in one place, or everywhere. Codes: `invalid_id`, `login_not_found`. */
		endLogins: async ({ id }: User, loginId: string | undefined, actor: Actor): Promise<void> => {
			await (loginId === undefined ? deps.endLogins(id) : deps.endLogin(id, loginId));
			note("login_ended", id, actor, loginId === undefined ? "all" : undefined);
		},
	};
}
