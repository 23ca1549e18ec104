// Sessions and their messages, out of MongoDB and into it.

import { ObjectId } from "mongodb";
import type { Id } from "../../../domain/id.ts";
import type { Message } from "../../../domain/message.ts";
import type { CopyRecords } from "../../../ports/copy.ts";
import type { Access } from "../access.ts";
import { messageFromDocument, messageToDocument, sessionFromDocument, sessionToDocument, toObjectId } from "../conversion.ts";
import type { MessageDocument, SessionDocument } from "../documents.ts";
import { translate } from "../errors.ts";
import { after, beside, grouped, walk } from "./cursor.ts";
import type { Look } from "./look.ts";
import { insertAll } from "./writing.ts";

export async function* readSessions({ sessions }: Access, from: Id | null, look: Look): AsyncGenerator<CopyRecords["sessions"]> {
	for await (const document of walk(sessions, { filter: after("_id", from), sort: { _id: 1 } })) {
		if (!isSession(document)) {
			look.refuse(document, "names no person (user_id)");
			continue;
		}
		look.accept(document);
		const { messageCount: _counted, ...session } = sessionFromDocument(document);
		yield session;
	}
}

export async function writeSessions({ sessions }: Access, records: readonly CopyRecords["sessions"][]): Promise<void> {
	await insertAll(
		sessions,
		records.map((session) => sessionToDocument({ ...session, messageCount: 0 })),
	);
}

function isSession({ _id, user_id }: Pick<SessionDocument, "_id" | "user_id">): boolean {
	return _id instanceof ObjectId && user_id instanceof ObjectId;
}

/**
 * Through the replaced gateway's index (session_id, created_at), so that its database needs no other; what shares a millisecond is put in
 * order here (order.ts). The sessions are walked beside them: messages of one that is gone are nobody's.
 */
export async function* readMessages(access: Access, from: Id | null, look: Look): AsyncGenerator<CopyRecords["messages"]> {
	const { messages, sessions, removals } = access;
	const removed = new Set<string>();
	for await (const { _id } of walk(removals, { sort: { _id: 1 } })) removed.add(String(_id));
	const known = beside(walk(sessions, { filter: after("_id", from), sort: { _id: 1 }, fields: ["_id", "user_id"] }), ({ _id }) =>
		_id instanceof ObjectId ? _id.toHexString() : undefined,
	);
	const found = walk(messages, { filter: after("session_id", from), sort: { session_id: 1, created_at: 1 } });
	for await (const group of grouped(found, ({ session_id, created_at }) => `${session_id} ${Number(created_at)}`)) {
		for (const document of inOrder(group)) {
			const problem = await problemOf(document);
			if (problem === undefined) {
				look.accept(document);
				yield messageFromDocument(document);
			} else if (!removed.has(String(document.session_id))) look.refuse(document, problem);
		}
	}
	await known.end();

	async function problemOf({ _id, session_id, user_id }: MessageDocument): Promise<string | undefined> {
		if (!(_id instanceof ObjectId)) return "has an _id that is no ObjectId";
		if (!(session_id instanceof ObjectId)) return "names no session (session_id)";
		if (!(user_id instanceof ObjectId)) return "names no person (user_id)";
		const session = await known.find(session_id.toHexString());
		return session === undefined || !isSession(session) ? "belongs to a session that is not there" : undefined;
	}
}

function inOrder(group: readonly MessageDocument[]): readonly MessageDocument[] {
	if (group.length < 2) return group;
	const place = ({ seq }: MessageDocument): number => (typeof seq === "number" ? seq : Number.NEGATIVE_INFINITY);
	return group.toSorted((one, other) => {
		const [here, there] = [place(one), place(other)];
		if (here !== there) return here - there;
		return String(one._id) < String(other._id) ? -1 : 1;
	});
}

export type MessageWriter = { write(records: readonly Message[]): Promise<void> };

type Progress = { sessionId: Id; at: number; seq: number; count: number; prompt: ObjectId | undefined };

/**
 * Messages come in their order, session by session. Each gets its place (order.ts), an answer its prompt, and the session what it says of
 * its messages (session-state.ts); that is set with every batch, so a session in two batches is right after the second.
 */
export function createMessageWriter({ messages, sessions }: Access): MessageWriter {
	let progress: Progress | undefined;

	function place(message: Message): MessageDocument {
		if (progress?.sessionId !== message.sessionId) progress = { sessionId: message.sessionId, at: 0, seq: 0, count: 0, prompt: undefined };
		progress.at = Math.max(progress.at, message.createdAt);
		progress.seq += 1;
		if (message.inForce) progress.count += 1;
		if (message.role === "user") progress.prompt = toObjectId(message.id);
		const isAnswer = message.role === "assistant" && message.generationId !== null;
		const document = messageToDocument(message, { createdAt: progress.at, seq: progress.seq });
		return isAnswer && progress.prompt !== undefined ? { ...document, prompt_id: progress.prompt } : document;
	}

	return {
		async write(records) {
			const states = new Map<Id, Progress>();
			const documents = records.map((message) => {
				const document = place(message);
				if (progress !== undefined) states.set(message.sessionId, progress);
				return document;
			});
			await insertAll(messages, documents);
			const updates = [...states.values()].map(({ sessionId, at, seq, count }) => ({
				updateOne: { filter: { _id: toObjectId(sessionId) }, update: { $set: { order_at: new Date(at), seq, message_count: count } } },
			}));
			try {
				if (updates.length > 0) await sessions.bulkWrite(updates, { ordered: false });
			} catch (error) {
				throw translate(error);
			}
		},
	};
}
