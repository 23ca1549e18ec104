// People: one's own profile, and the list that administrators see.

import type { Caller } from "../domain/caller.ts";
import { PocketError } from "../domain/errors.ts";
import { parseId } from "../domain/id.ts";
import type { User } from "../domain/user.ts";
import type { Audit } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Page, Range, UserChange, UserStore } from "../ports/store.ts";

export type UserService = ReturnType<typeof createUserService>;

export function createUserService({ store, audit, clock }: { store: UserStore; audit: Audit; clock: Clock }) {
	return {
		/** An empty change changes nothing, `updatedAt` neither. */
		updateProfile: async (user: User, change: Pick<UserChange, "fullName" | "avatarUrl">, caller: Caller): Promise<User> => {
			if (Object.keys(change).length === 0) return user;
			const changed = await store.updateUser(user.id, change, clock.now());
			audit.record({ action: "user_changed", userId: user.id, byId: user.id, caller, detail: "profile" });
			return changed;
		},

		findUsers: (range: Range): Promise<Page<User>> => store.findUsers(range),

		/** Codes: `invalid_id`, `user_not_found`. */
		findUser: async (text: string): Promise<User> => {
			const id = parseId(text);
			if (id === undefined) throw new PocketError("invalid_id");
			const user = await store.findUserById(id);
			if (user === undefined) throw new PocketError("user_not_found");
			return user;
		},
	};
}
