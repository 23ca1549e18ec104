// Reading the audit trail, with the addresses of the people it names as they are now. Who was deleted is an id, and nothing else any more.

import type { AuditAction, AuditEntry, NamedEntry } from "../domain/audit.ts";
import { PocketError } from "../domain/errors.ts";
import { type Id, parseId } from "../domain/id.ts";
import { normalizeEmail } from "../domain/user.ts";
import type { AuditStore } from "../ports/audit.ts";
import type { UserStore } from "../ports/store.ts";

export type AuditTrail = ReturnType<typeof createAuditTrail>;

export type AuditQuestion = {
	/** Whom it concerns or who did it: an e-mail address, or an id, also of somebody who is gone. */
	readonly who?: string | undefined;
	readonly action?: AuditAction | undefined;
	/** Milliseconds since 1970. */
	readonly since?: number | undefined;
	/** `next` of the page before. */
	readonly before?: string | undefined;
	/** From 1 on. */
	readonly limit: number;
};

/** `next`: where an older page begins; `null` on the last one. */
export type AuditPage = { readonly entries: readonly NamedEntry[]; readonly next: Id | null };

export function createAuditTrail({ store }: { readonly store: AuditStore & Pick<UserStore, "findUserById" | "findUserByEmail"> }) {
	const idOf = async (who: string): Promise<Id> => {
		const id = parseId(who) ?? (await store.findUserByEmail(normalizeEmail(who)))?.id;
		if (id === undefined) throw new PocketError("user_not_found");
		return id;
	};

	/** Each person is asked for once. */
	const nameAll = async (entries: readonly AuditEntry[]): Promise<readonly NamedEntry[]> => {
		const ids = new Set(entries.flatMap(({ userId, byId }) => [userId, byId]).filter((id) => id !== null));
		const emails = new Map(await Promise.all([...ids].map(async (id) => [id, (await store.findUserById(id))?.email ?? null] as const)));
		const emailOf = (id: Id | null): string | null => (id === null ? null : (emails.get(id) ?? null));
		return entries.map((entry) => ({ ...entry, email: emailOf(entry.userId), byEmail: emailOf(entry.byId) }));
	};

	return {
		/** Newest first. Codes: `user_not_found`, `invalid_id` (`before`). */
		find: async ({ who, action, since, before, limit }: AuditQuestion): Promise<AuditPage> => {
			const cursor = before === undefined ? undefined : parseId(before);
			if (before !== undefined && cursor === undefined) throw new PocketError("invalid_id");
			const userId = who === undefined ? undefined : await idOf(who);
			const found = await store.findAudit({ userId, action, since, before: cursor, limit: limit + 1 });
			const page = found.slice(0, limit);
			return { entries: await nameAll(page), next: found.length > limit ? (page.at(-1)?.id ?? null) : null };
		},
	};
}
