// Reads of messages: a session's windows, the two of a turn, everybody's.

import type { Database } from "bun:sqlite";
import type { Id } from "../../../domain/id.ts";
import type { Message } from "../../../domain/message.ts";
import type { AdminStore, MessagePage, MessageStore, MessageWalk, MessageWindow, Page, Range, Turn } from "../../../ports/store.ts";
import type { ProgressSaver } from "../progress.ts";
import { type MessageRow, messageFromRow, type SqlValues } from "../rows.ts";
import { type Pages, readPage } from "./paging.ts";
import type { Read } from "./read.ts";

type MessageReads = Pick<
	MessageStore,
	"findMessages" | "findTurn" | "findTurnOfGeneration" | "findMessage" | "findVersions" | "walkMessages"
> &
	Pick<AdminStore, "findAllMessages">;

/** Where rows come from, and the text of those that are answers in the making. */
type Source = { readonly db: Database; readonly textOf: ProgressSaver["textOf"] };

export function createMessageReads({ db, read, textOf }: Source & { readonly read: Read }): MessageReads {
	const source = { db, textOf };
	return {
		findMessages: (sessionId, window) => read(() => findMessages(source, sessionId, window)),
		walkMessages: (walk) => read(() => walkMessages(source, walk)),
		findTurn: (sessionId, clientMessageId) => read(() => findTurn(source, sessionId, clientMessageId)),
		findTurnOfGeneration: (generationId, userId) => read(() => findTurnOfGeneration(source, generationId, userId)),
		findMessage: (id, userId) => read(() => findMessage(source, id, userId)),
		findVersions: (message) => read(() => findVersions(source, message)),
		findAllMessages: (range) => findAllMessages(source, read, range),
	};
}

function messageOf({ textOf }: Source, row: MessageRow): Message {
	const text = row.status === "streaming" ? textOf(row.id) : undefined;
	return messageFromRow(text === undefined ? row : { ...row, content: text.content, reasoning: text.reasoning || null });
}

function findMessages(source: Source, sessionId: Id, window: MessageWindow): MessagePage {
	const { db } = source;
	const session = db
		.query<{ message_count: number }, [SqlValues]>("SELECT message_count FROM sessions WHERE id = $sessionId")
		.get({ sessionId });
	if (session === null) return { messages: [], total: 0 };
	return { messages: rowsOf(db, sessionId, window).map((row) => messageOf(source, row)), total: session.message_count };
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

function walkMessages(source: Source, { sessionId, inForce, after, limit }: MessageWalk): readonly Message[] {
	return source.db
		.query<MessageRow, [SqlValues]>(
			`SELECT * FROM messages
			WHERE session_id = $sessionId AND in_force = $inForce
				AND seq > CASE WHEN $after IS NULL THEN 0 ELSE (SELECT seq FROM messages WHERE id = $after) END
			ORDER BY seq LIMIT $limit`,
		)
		.all({ sessionId, inForce: inForce ? 1 : 0, after, limit })
		.map((row) => messageOf(source, row));
}

function findTurn(source: Source, sessionId: Id, clientMessageId: string): Turn | undefined {
	const { db } = source;
	const prompt = db
		.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE session_id = $sessionId AND client_message_id = $clientMessageId")
		.get({ sessionId, clientMessageId });
	if (prompt === null || prompt.generation_id === null) return undefined;
	const answer = answerOf(db, prompt.generation_id);
	return answer === null ? undefined : { userMessage: messageOf(source, prompt), answer: messageOf(source, answer) };
}

function answerOf(db: Database, generationId: Id): MessageRow | null {
	return db
		.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE generation_id = $generationId AND role = 'assistant'")
		.get({ generationId });
}

/** The prompt of an answer is the last one of the person before it: a turn inserts both at once, an answer made anew comes later. */
function findTurnOfGeneration(source: Source, generationId: Id, userId: Id): Turn | undefined {
	const { db } = source;
	const answer = answerOf(db, generationId);
	if (answer === null || answer.user_id !== userId) return undefined;
	const prompt = db
		.query<MessageRow, [SqlValues]>(
			`SELECT * FROM messages
			WHERE session_id = $sessionId AND role = 'user' AND seq < (SELECT seq FROM messages WHERE id = $answerId)
			ORDER BY seq DESC LIMIT 1`,
		)
		.get({ sessionId: answer.session_id, answerId: answer.id });
	return prompt === null ? undefined : { userMessage: messageOf(source, prompt), answer: messageOf(source, answer) };
}

function findMessage(source: Source, id: Id, userId: Id): Message | undefined {
	const { db } = source;
	const row = db.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE id = $id AND user_id = $userId").get({ id, userId });
	return row === null ? undefined : messageOf(source, row);
}

function findVersions(source: Source, message: Message): readonly Message[] {
	const { db } = source;
	return db
		.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE id = $first OR version_of = $first ORDER BY seq LIMIT 100")
		.all({ first: message.versionOf ?? message.id })
		.map((row) => messageOf(source, row));
}

const ALL: Pages = {
	newestFirst: {
		page: "SELECT * FROM messages WHERE id < $from ORDER BY id DESC LIMIT $limit OFFSET $skip",
		step: "SELECT id FROM messages WHERE id < $from ORDER BY id DESC LIMIT 1 OFFSET $skip",
	},
	oldestFirst: {
		page: "SELECT * FROM messages WHERE id > $from ORDER BY id LIMIT $limit OFFSET $skip",
		step: "SELECT id FROM messages WHERE id > $from ORDER BY id LIMIT 1 OFFSET $skip",
	},
};

async function findAllMessages(source: Source, read: Read, range: Range): Promise<Page<Message>> {
	const { db } = source;
	const totals = await read(() =>
		db.query<{ count: number }, []>("SELECT sum(count) AS count FROM totals WHERE name IN ('user', 'assistant', 'system')").get(),
	);
	const total = totals?.count ?? 0;
	const rows = await readPage<MessageRow>({ db, read }, ALL, range, total);
	return { items: rows.map((row) => messageOf(source, row)), total };
}
