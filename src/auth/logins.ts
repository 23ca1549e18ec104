// Where a person is signed in, and ending that: for the person, and for who looks after the people.

import { PocketError } from "../domain/errors.ts";
import { type Id, parseId } from "../domain/id.ts";
import type { Login } from "../domain/login.ts";
import type { Clock } from "../ports/clock.ts";
import type { LoginStore, Page, Range } from "../ports/store.ts";

export type Logins = ReturnType<typeof createLogins>;

export type LoginDependencies = {
	readonly store: LoginStore;
	readonly clock: Clock;
	/** A login that was not used for this long has ended, in milliseconds. */
	readonly idleMs: number;
};

export function createLogins({ store, clock, idleMs }: LoginDependencies) {
	return {
		/** The last used first. */
		find: (userId: Id, range: Range): Promise<Page<Login>> => store.findLogins({ userId, now: clock.now(), idleMs, ...range }),

		/** Another person's login is not there. Codes: `invalid_id`, `login_not_found`. */
		end: async (userId: Id, text: string): Promise<void> => {
			const id = parseId(text);
			if (id === undefined) throw new PocketError("invalid_id");
			const now = clock.now();
			const found = await store.findLogin(id);
			const goesOn = found !== undefined && found.login.revokedAt === null && found.login.expiresAt > now;
			if (!goesOn || found.user.id !== userId) throw new PocketError("login_not_found");
			await store.revokeLogin(id, now);
		},

		/** Ends all logins of a person, except one. */
		endAll: (userId: Id, except?: Id): Promise<void> => store.revokeLogins(userId, clock.now(), except),
	};
}
