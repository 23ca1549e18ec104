// Writes that remove a person: the account at once, then what it owns in small steps.

import type { Database } from "bun:sqlite";
import { fail } from "../../../domain/errors.ts";
import type { Id } from "../../../domain/id.ts";
import type { SqlValues } from "../rows.ts";
import type { WriteArgs } from "./table.ts";
import { isLastAdmin, requireUser } from "./users.ts";

export function deleteUser(db: Database, { id }: WriteArgs<"deleteUser">): undefined {
	const user = requireUser(db, id);
	if (isLastAdmin(db, user)) fail("last_admin");
	// Refresh tokens go with their login (ON DELETE CASCADE).
	db.query<never, [SqlValues]>("DELETE FROM logins WHERE user_id = $id").run({ id });
	db.query<never, [SqlValues]>("DELETE FROM reset_tokens WHERE user_id = $id").run({ id });
	db.query<never, [SqlValues]>("DELETE FROM api_keys WHERE user_id = $id").run({ id });
	db.query<never, [SqlValues]>("DELETE FROM invitations WHERE created_by = $id").run({ id });
	db.query<never, [SqlValues]>("DELETE FROM users WHERE id = $id").run({ id });
	db.query<never, [SqlValues]>("INSERT INTO removals (user_id) VALUES ($id)").run({ id });
}

/** Removes up to `limit` messages and sessions of people who are gone; gives whether there may be more. */
export function removeRemains(db: Database, { limit }: WriteArgs<"removeRemains">): boolean {
	for (let left = limit; left > 0; left -= 1) {
		const person = db.query<{ user_id: Id }, []>("SELECT user_id FROM removals LIMIT 1").get();
		if (person === null) return false;
		const { user_id: userId } = person;
		const session = db.query<{ id: Id }, [SqlValues]>("SELECT id FROM sessions WHERE user_id = $userId LIMIT 1").get({ userId });
		if (session === null) {
			db.query<never, [SqlValues]>("DELETE FROM session_totals WHERE user_id = $userId").run({ userId });
			db.query<never, [SqlValues]>("DELETE FROM removals WHERE user_id = $userId").run({ userId });
			continue;
		}
		const { id } = session;
		left -= db
			.query<never, [SqlValues]>("DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE session_id = $id LIMIT $left)")
			.run({ id, left }).changes;
		if (left > 0) db.query<never, [SqlValues]>("DELETE FROM sessions WHERE id = $id").run({ id });
	}
	return true;
}
