// People as an administrator works with them, in a shell or over HTTP: finding, showing, changing. The rules are here once for both doors.

import { PocketError } from "../domain/errors.ts";
import { parseId } from "../domain/id.ts";
import { normalizeEmail, type User } from "../domain/user.ts";
import type { Page, Range, UserStore } from "../ports/store.ts";

export type People = ReturnType<typeof createPeople>;

export function createPeople({ store }: { readonly store: UserStore }) {
	/** `who`: an e-mail address or an id, as people type it. Codes: `user_not_found`. */
	const find = async (who: string): Promise<User> => {
		const id = parseId(who);
		const user = id === undefined ? await store.findUserByEmail(normalizeEmail(who)) : await store.findUserById(id);
		if (user === undefined) throw new PocketError("user_not_found");
		return user;
	};

	return {
		find,
		/** Newest first. */
		list: (range: Range): Promise<Page<User>> => store.findUsers(range),
	};
}
