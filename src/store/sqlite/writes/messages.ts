// Writes about messages, and what each changes in its session: count, preview, times.

import type { Database } from "bun:sqlite";
import { fail } from "../../../domain/errors.ts";
import type { Id } from "../../../domain/id.ts";
import type { Message } from "../../../domain/message.ts";
import { previewOf } from "../../../domain/session.ts";
import type { TurnStart } from "../../../ports/store.ts";
import { readParts } from "../parts.ts";
import { type MessageRow, messageToRow, type SqlValues, toJson } from "../rows.ts";
import type { WriteArgs } from "./table.ts";

export function beginTurn(db: Database, { userMessage, answer, keepsPrompt = false, replacesFrom }: TurnStart): undefined {
	const { sessionId, clientMessageId } = userMessage;
	requireSession(db, sessionId);
	if (!keepsPrompt) requireNewClientId(db, sessionId, clientMessageId);
	requireIdle(db, sessionId);
	const replaced = replacesFrom === undefined ? 0 : takeOutOfForce(db, sessionId, replacesFrom);
	if (!keepsPrompt) insertMessage(db, userMessage);
	insertMessage(db, answer);
	const begunAt = keepsPrompt ? answer.createdAt : userMessage.createdAt;
	recordInSession(db, sessionId, (keepsPrompt ? 1 : 2) - replaced, userMessage.content, begunAt);
}

/** Gives how many messages left the branch in force. */
function takeOutOfForce(db: Database, sessionId: Id, from: Id): number {
	const first = db
		.query<{ seq: number }, [SqlValues]>("SELECT seq FROM messages WHERE id = $from AND session_id = $sessionId AND in_force = 1")
		.get({ from, sessionId });
	if (first === null) fail("message_not_found");
	return db
		.query<never, [SqlValues]>("UPDATE messages SET in_force = 0 WHERE session_id = $sessionId AND in_force = 1 AND seq >= $seq")
		.run({ sessionId, seq: first.seq }).changes;
}

export function appendMessage(db: Database, message: Message): undefined {
	requireSession(db, message.sessionId);
	requireNewClientId(db, message.sessionId, message.clientMessageId);
	if (message.status === "streaming") requireIdle(db, message.sessionId);
	insertMessage(db, message);
	recordInSession(db, message.sessionId, 1, message.content, message.createdAt);
}

export function saveProgress(db: Database, { number, parts, below }: WriteArgs<"saveProgress">): number {
	const row = db
		.query<{ number: number }, [SqlValues]>(
			`INSERT INTO answer_progress (number, parts)
			VALUES (max($number, (SELECT coalesce(max(number), 0) + 1 FROM answer_progress)), $parts)
			RETURNING number`,
		)
		.get({ number, parts });
	dropProgress(db, { below });
	return row?.number ?? number;
}

export function dropProgress(db: Database, { below }: WriteArgs<"dropProgress">): undefined {
	db.query<never, [SqlValues]>("DELETE FROM answer_progress WHERE number < $below").run({ below });
}

export function finishAnswer(db: Database, { end, below }: WriteArgs<"finishAnswer">): boolean {
	const finished = db
		.query<{ id: Id }, [SqlValues]>(
			`UPDATE messages
			SET content = $content, reasoning = $reasoning, status = $status, error_code = $errorCode, model = $model,
				finish_reason = $finishReason, usage = $usage, timings = $timings
			WHERE id = $messageId AND session_id = $sessionId AND status = 'streaming'
			RETURNING id`,
		)
		.get({
			messageId: end.messageId,
			sessionId: end.sessionId,
			content: end.content,
			reasoning: end.reasoning,
			status: end.status,
			errorCode: end.errorCode,
			model: end.model,
			finishReason: end.finishReason,
			usage: toJson(end.usage),
			timings: toJson(end.timings),
		});
	dropProgress(db, { below });
	if (finished === null) return false;
	recordInSession(db, end.sessionId, 0, end.content, end.now);
	return true;
}

export function clearMessages(db: Database, { sessionId, userId, now }: WriteArgs<"clearMessages">): undefined {
	const session = db
		.query<{ id: Id }, [SqlValues]>("SELECT id FROM sessions WHERE id = $sessionId AND user_id = $userId")
		.get({ sessionId, userId });
	if (session === null) fail("session_not_found");
	requireIdle(db, sessionId);
	db.query<never, [SqlValues]>("DELETE FROM messages WHERE session_id = $sessionId").run({ sessionId });
	db.query<never, [SqlValues]>(
		"UPDATE sessions SET message_count = 0, last_message = NULL, last_message_at = NULL, updated_at = $now WHERE id = $sessionId",
	).run({ sessionId, now });
}

export function repairInterrupted(db: Database, { now }: WriteArgs<"repairInterrupted">): number {
	const running = db.query<MessageRow, []>("SELECT * FROM messages WHERE status = 'streaming'").all();
	const texts = readParts(db);
	for (const { id, session_id: sessionId, ...row } of running) {
		const text = texts.get(id);
		const content = text?.content ?? row.content;
		const reasoning = (text?.reasoning ?? row.reasoning) || null;
		db.query<never, [SqlValues]>(
			`UPDATE messages SET content = $content, reasoning = $reasoning, status = 'interrupted', error_code = 'interrupted'
			WHERE id = $id`,
		).run({ id, content, reasoning });
		recordInSession(db, sessionId, 0, content, now);
	}
	db.query<never, []>("DELETE FROM answer_progress").run();
	return running.length;
}

/** An empty text (an answer that failed before its first token) leaves the preview as it is. */
function recordInSession(db: Database, sessionId: Id, added: number, content: string, at: number): void {
	db.query<never, [SqlValues]>(
		`UPDATE sessions
		SET message_count = message_count + $added, last_message = coalesce($preview, last_message), last_message_at = $at, updated_at = $at
		WHERE id = $sessionId`,
	).run({ sessionId, added, preview: content === "" ? null : previewOf(content), at });
}

export function insertMessage(db: Database, message: Message): void {
	db.query<never, [SqlValues]>(
		`INSERT INTO messages (id, session_id, user_id, role, content, created_at, status, error_code, reasoning, model, generation_id,
			client_message_id, version_of, in_force, finish_reason, usage, timings)
		VALUES ($id, $session_id, $user_id, $role, $content, $created_at, $status, $error_code, $reasoning, $model, $generation_id,
			$client_message_id, $version_of, $in_force, $finish_reason, $usage, $timings)`,
	).run(messageToRow(message));
}

function requireSession(db: Database, sessionId: Id): void {
	const session = db.query<{ id: Id }, [SqlValues]>("SELECT id FROM sessions WHERE id = $sessionId").get({ sessionId });
	if (session === null) fail("session_not_found");
}

function requireNewClientId(db: Database, sessionId: Id, clientMessageId: string | null): void {
	if (clientMessageId === null) return;
	const used = db
		.query<{ id: Id }, [SqlValues]>("SELECT id FROM messages WHERE session_id = $sessionId AND client_message_id = $clientMessageId")
		.get({ sessionId, clientMessageId });
	if (used !== null) fail("message_id_conflict");
}

function requireIdle(db: Database, sessionId: Id): void {
	const running = db
		.query<{ id: Id }, [SqlValues]>("SELECT id FROM messages WHERE session_id = $sessionId AND status = 'streaming'")
		.get({ sessionId });
	if (running !== null) fail("generation_in_progress");
}
