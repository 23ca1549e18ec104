// Reads of messages: a session's windows, the two of a turn, everybody's.

import type { Database } from "bun:sqlite";
import type { Id } from "../../../domain/id.ts";
import type { Message } from "../../../domain/message.ts";
import type { AdminStore, MessagePage, MessageStore, MessageWalk, MessageWindow, Page, Range, Turn } from "../../../ports/store.ts";
import { withParts } from "../parts.ts";
import { type MessageRow, messageFromRow, type SqlValues } from "../rows.ts";
import type { Read } from "./read.ts";

type MessageReads = Pick<
	MessageStore,
	"findMessages" | "findTurn" | "findTurnOfGeneration" | "findMessage" | "findVersions" | "walkMessages"
> &
	Pick<AdminStore, "findAllMessages">;

export function createMessageReads({ db, read }: { readonly db: Database; readonly read: Read }): MessageReads {
	return {
		findMessages: (sessionId, window) => read(() => findMessages(db, sessionId, window)),
		walkMessages: (walk) => read(() => walkMessages(db, walk)),
		findTurn: (sessionId, clientMessageId) => read(() => findTurn(db, sessionId, clientMessageId)),
		findTurnOfGeneration: (generationId, userId) => read(() => findTurnOfGeneration(db, generationId, userId)),
		findMessage: (id, userId) => read(() => findMessage(db, id, userId)),
		findVersions: (message) => read(() => findVersions(db, message)),
		findAllMessages: (range) => read(() => findAllMessages(db, range)),
	};
}

function messageOf(db: Database, row: MessageRow): Message {
	return messageFromRow(withParts(db, row));
}

function findMessages(db: Database, sessionId: Id, window: MessageWindow): MessagePage {
	const session = db
		.query<{ message_count: number }, [SqlValues]>("SELECT message_count FROM sessions WHERE id = $sessionId")
		.get({ sessionId });
	if (session === null) return { messages: [], total: 0 };
	return { messages: rowsOf(db, sessionId, window).map((row) => messageOf(db, row)), total: session.message_count };
}

function rowsOf(db: Database, sessionId: Id, window: MessageWindow): MessageRow[] {
	if ("newest" in window) {
		return db
			.query<MessageRow, [SqlValues]>(
				"SELECT * FROM messages WHERE session_id = $sessionId AND in_force = 1 ORDER BY seq DESC LIMIT $newest",
			)
			.all({ sessionId, newest: window.newest })
			.reverse();
	}
	if ("before" in window) {
		return db
			.query<MessageRow, [SqlValues]>(
				`SELECT * FROM messages
				WHERE session_id = $sessionId AND in_force = 1 AND seq < (SELECT seq FROM messages WHERE id = $before AND session_id = $sessionId)
				ORDER BY seq DESC LIMIT $limit`,
			)
			.all({ sessionId, before: window.before, limit: window.limit })
			.reverse();
	}
	return db
		.query<MessageRow, [SqlValues]>(
			"SELECT * FROM messages WHERE session_id = $sessionId AND in_force = 1 ORDER BY seq LIMIT $limit OFFSET $offset",
		)
		.all({ sessionId, limit: window.limit, offset: window.offset });
}

function walkMessages(db: Database, { sessionId, inForce, after, limit }: MessageWalk): readonly Message[] {
	return db
		.query<MessageRow, [SqlValues]>(
			`SELECT * FROM messages
			WHERE session_id = $sessionId AND in_force = $inForce
				AND seq > CASE WHEN $after IS NULL THEN 0 ELSE (SELECT seq FROM messages WHERE id = $after) END
			ORDER BY seq LIMIT $limit`,
		)
		.all({ sessionId, inForce: inForce ? 1 : 0, after, limit })
		.map((row) => messageOf(db, row));
}

function findTurn(db: Database, sessionId: Id, clientMessageId: string): Turn | undefined {
	const prompt = db
		.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE session_id = $sessionId AND client_message_id = $clientMessageId")
		.get({ sessionId, clientMessageId });
	if (prompt === null || prompt.generation_id === null) return undefined;
	const answer = answerOf(db, prompt.generation_id);
	return answer === null ? undefined : { userMessage: messageOf(db, prompt), answer: messageOf(db, answer) };
}

function answerOf(db: Database, generationId: Id): MessageRow | null {
	return db
		.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE generation_id = $generationId AND role = 'assistant'")
		.get({ generationId });
}

/** The prompt of an answer is the last one of the person before it: a turn inserts both at once, an answer made anew comes later. */
function findTurnOfGeneration(db: Database, generationId: Id, userId: Id): Turn | undefined {
	const answer = answerOf(db, generationId);
	if (answer === null || answer.user_id !== userId) return undefined;
	const prompt = db
		.query<MessageRow, [SqlValues]>(
			`SELECT * FROM messages
			WHERE session_id = $sessionId AND role = 'user' AND seq < (SELECT seq FROM messages WHERE id = $answerId)
			ORDER BY seq DESC LIMIT 1`,
		)
		.get({ sessionId: answer.session_id, answerId: answer.id });
	return prompt === null ? undefined : { userMessage: messageOf(db, prompt), answer: messageOf(db, answer) };
}

function findMessage(db: Database, id: Id, userId: Id): Message | undefined {
	const row = db.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE id = $id AND user_id = $userId").get({ id, userId });
	return row === null ? undefined : messageOf(db, row);
}

function findVersions(db: Database, message: Message): readonly Message[] {
	return db
		.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE id = $first OR version_of = $first ORDER BY seq LIMIT 100")
		.all({ first: message.versionOf ?? message.id })
		.map((row) => messageOf(db, row));
}

function findAllMessages(db: Database, { skip, limit }: Range): Page<Message> {
	const rows = db.query<MessageRow, [SqlValues]>("SELECT * FROM messages ORDER BY seq DESC LIMIT $limit OFFSET $skip").all({ skip, limit });
	const total = db
		.query<{ count: number }, []>("SELECT sum(count) AS count FROM totals WHERE name IN ('user', 'assistant', 'system')")
		.get();
	return { items: rows.map((row) => messageOf(db, row)), total: total?.count ?? 0 };
}
