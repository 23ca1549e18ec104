// Reads of messages: a session's windows, the two of a turn, everybody's.

import type { Database } from "bun:sqlite";
import type { Id } from "../../../domain/id.ts";
import type { Message } from "../../../domain/message.ts";
import type { AdminStore, MessagePage, MessageStore, MessageWindow, Page, Range, Turn } from "../../../ports/store.ts";
import { type MessageRow, messageFromRow, type SqlValues } from "../rows.ts";
import type { Read } from "./read.ts";

type MessageReads = Pick<MessageStore, "findMessages" | "findTurn"> & Pick<AdminStore, "findAllMessages">;

export function createMessageReads({ db, read }: { readonly db: Database; readonly read: Read }): MessageReads {
	return {
		findMessages: (sessionId, window) => read(() => findMessages(db, sessionId, window)),
		findTurn: (sessionId, clientMessageId) => read(() => findTurn(db, sessionId, clientMessageId)),
		findAllMessages: (range) => read(() => findAllMessages(db, range)),
	};
}

function findMessages(db: Database, sessionId: Id, window: MessageWindow): MessagePage {
	const session = db
		.query<{ message_count: number }, [SqlValues]>("SELECT message_count FROM sessions WHERE id = $sessionId")
		.get({ sessionId });
	if (session === null) return { messages: [], total: 0 };
	return { messages: rowsOf(db, sessionId, window).map(messageFromRow), total: session.message_count };
}

function rowsOf(db: Database, sessionId: Id, window: MessageWindow): MessageRow[] {
	if ("newest" in window) {
		return db
			.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE session_id = $sessionId ORDER BY seq DESC LIMIT $newest")
			.all({ sessionId, newest: window.newest })
			.reverse();
	}
	if ("before" in window) {
		return db
			.query<MessageRow, [SqlValues]>(
				`SELECT * FROM messages
				WHERE session_id = $sessionId AND seq < (SELECT seq FROM messages WHERE id = $before AND session_id = $sessionId)
				ORDER BY seq DESC LIMIT $limit`,
			)
			.all({ sessionId, before: window.before, limit: window.limit })
			.reverse();
	}
	return db
		.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE session_id = $sessionId ORDER BY seq LIMIT $limit OFFSET $offset")
		.all({ sessionId, limit: window.limit, offset: window.offset });
}

/** The answer of a turn is the first one of the assistant after the person's message: a turn inserts both at once. */
function findTurn(db: Database, sessionId: Id, clientMessageId: string): Turn | undefined {
	const rows = db
		.query<MessageRow, [SqlValues]>(
			`SELECT * FROM messages
			WHERE session_id = $sessionId
				AND seq >= (SELECT seq FROM messages WHERE session_id = $sessionId AND client_message_id = $clientMessageId)
			ORDER BY seq LIMIT 2`,
		)
		.all({ sessionId, clientMessageId });
	const [userMessage, answer] = rows.map(messageFromRow);
	if (userMessage === undefined || answer === undefined || answer.role !== "assistant") return undefined;
	return { userMessage, answer };
}

function findAllMessages(db: Database, { skip, limit }: Range): Page<Message> {
	const rows = db.query<MessageRow, [SqlValues]>("SELECT * FROM messages ORDER BY seq DESC LIMIT $limit OFFSET $skip").all({ skip, limit });
	const total = db
		.query<{ count: number }, []>("SELECT sum(count) AS count FROM totals WHERE name IN ('user', 'assistant', 'system')")
		.get();
	return { items: rows.map(messageFromRow), total: total?.count ?? 0 };
}
