// Writes about sessions. What a message changes in its session stands in messages.ts.

import type { Database } from "bun:sqlite";
import { fail } from "../../../domain/errors.ts";
import type { Id } from "../../../domain/id.ts";
import type { Session } from "../../../domain/session.ts";
import { type SessionRow, type SqlValues, sessionFromRow, sessionToRow, toJson } from "../rows.ts";
import type { WriteArgs } from "./table.ts";
import { requireUser } from "./users.ts";

export function createSession(db: Database, session: Session): undefined {
	// A request that was under way when its account was deleted must not leave anything behind.
	requireUser(db, session.userId);
	db.query<never, [SqlValues]>(
		`INSERT INTO sessions (id, user_id, title, metadata, model, system_prompt, created_at, updated_at, last_message_at, last_message,
			message_count)
		VALUES ($id, $user_id, $title, $metadata, $model, $system_prompt, $created_at, $updated_at, $last_message_at, $last_message,
			$message_count)`,
	).run(sessionToRow(session));
}

export function updateSession(db: Database, { id, userId, change, now }: WriteArgs<"updateSession">): Session {
	const row = db.query<SessionRow, [SqlValues]>("SELECT * FROM sessions WHERE id = $id AND user_id = $userId").get({ id, userId });
	if (row === null) return fail("session_not_found");
	const session = sessionFromRow(row);
	const { title = session.title, metadata = session.metadata, model = session.model, systemPrompt = session.systemPrompt } = change;
	const isEmpty = Object.values(change).every((value) => value === undefined);
	if (isEmpty) return session;
	db.query<never, [SqlValues]>(
		`UPDATE sessions SET title = $title, metadata = $metadata, model = $model, system_prompt = $systemPrompt, updated_at = $now
		WHERE id = $id`,
	).run({ id, title, metadata: toJson(metadata), model, systemPrompt, now });
	return { ...session, title, metadata, model, systemPrompt, updatedAt: now };
}

/** The messages go with it (ON DELETE CASCADE). */
export function deleteSession(db: Database, { id, userId }: WriteArgs<"deleteSession">): undefined {
	const gone = db
		.query<{ id: Id }, [SqlValues]>("DELETE FROM sessions WHERE id = $id AND user_id = $userId RETURNING id")
		.get({ id, userId });
	if (gone === null) fail("session_not_found");
}
