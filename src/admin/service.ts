// What administrators see and change.

import type { Caller } from "../domain/caller.ts";
import { PocketError } from "../domain/errors.ts";
import { type Id, parseId } from "../domain/id.ts";
import type { Message } from "../domain/message.ts";
import type { Session } from "../domain/session.ts";
import type { User } from "../domain/user.ts";
import type { Audit } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { AdminStore, Metrics, Page, Range, UserStore } from "../ports/store.ts";

export type AdminService = ReturnType<typeof createAdminService>;

const DAY_MS = 86_400_000;

export function createAdminService({ store, audit, clock }: { store: AdminStore & UserStore; audit: Audit; clock: Clock }) {
	return {
		/** Active: a session updated in the last 7 days; recent: made in the last 24 hours. */
		metrics: (): Promise<Metrics> => store.metrics({ active: clock.now() - 7 * DAY_MS, recent: clock.now() - DAY_MS }),
		findUsers: (range: Range): Promise<Page<User>> => store.findUsers(range),
		findSessions: (range: Range): Promise<Page<Session>> => store.findAllSessions(range),
		findMessages: (range: Range): Promise<Page<Message>> => store.findAllMessages(range),

		/** Gives or takes the rights. Codes: `invalid_id`, `user_not_found`, `own_admin_status`, `last_admin`. */
		toggleAdmin: async (ownId: Id, text: string, caller: Caller): Promise<User> => {
			const id = parseId(text);
			if (id === undefined) throw new PocketError("invalid_id");
			if (id === ownId) throw new PocketError("own_admin_status");
			const user = await store.findUserById(id);
			if (user === undefined) throw new PocketError("user_not_found");
			const changed = await store.setAdmin(id, !user.isAdmin, clock.now());
			audit.record({ action: changed.isAdmin ? "user_promoted" : "user_demoted", userId: id, byId: ownId, caller });
			return changed;
		},
	};
}
