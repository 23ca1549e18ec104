// Reads of messages: a session's windows, the two of a turn, everybody's.

import type { Filter, ObjectId } from "mongodb";
import type { Id } from "../../domain/id.ts";
import type { Message } from "../../domain/message.ts";
import type { AdminStore, MessagePage, MessageStore, MessageWalk, MessageWindow, Turn } from "../../ports/store.ts";
import { type Access, LONG_STEP_MS } from "./access.ts";
import { messageFromDocument, toObjectId, turnKey, withIds } from "./conversion.ts";
import type { MessageDocument } from "./documents.ts";
import type { Doubts } from "./doubts.ts";
import { after, before, NEWEST_FIRST, OLDEST_FIRST } from "./order.ts";

type MessageReads = Pick<
	MessageStore,
	"findMessages" | "findTurn" | "findTurnOfGeneration" | "findMessage" | "findVersions" | "walkMessages"
> &
	Pick<AdminStore, "findAllMessages">;

const MOST_VERSIONS = 100;

export function createMessageReads({ access, doubts }: { readonly access: Access; readonly doubts: Doubts }): MessageReads {
	const { operate, step, sessions, messages } = access;

	async function newestFirst(filter: Filter<MessageDocument>, limit: number): Promise<MessageDocument[]> {
		const found = await step(() => messages.find(filter).sort(NEWEST_FIRST).limit(limit).toArray());
		return found.reverse();
	}

	/** A limit of 0 means "all" to MongoDB, so nothing is asked then. */
	async function windowOf(session_id: ObjectId, window: MessageWindow): Promise<MessageDocument[]> {
		const inForce = { session_id, in_force: null };
		const limit = "newest" in window ? window.newest : window.limit;
		if (limit <= 0) return [];
		if ("newest" in window) return newestFirst(inForce, limit);
		if ("offset" in window) {
			return step(() => messages.find(inForce).sort(OLDEST_FIRST).skip(window.offset).limit(limit).toArray());
		}
		const anchor = await step(() => messages.findOne({ _id: toObjectId(window.before), session_id }));
		return anchor === null ? [] : newestFirst({ ...inForce, ...before(anchor) }, limit);
	}

	/** The session says it, unless this program has not written into it yet: then they are counted. */
	async function totalOf(_id: ObjectId): Promise<number | undefined> {
		const session = await step(() => sessions.findOne({ _id }, { projection: { message_count: 1, order_at: 1 } }));
		if (session === null) return undefined;
		const { order_at, message_count } = session;
		if (order_at !== undefined && typeof message_count === "number") return message_count;
		return step(() => messages.countDocuments({ session_id: _id }), LONG_STEP_MS);
	}

	async function findMessages(sessionId: Id, window: MessageWindow): Promise<MessagePage> {
		await doubts.settle(sessionId);
		const _id = toObjectId(sessionId);
		const [total, found] = await Promise.all([totalOf(_id), windowOf(_id, window)]);
		return total === undefined ? { messages: [], total: 0 } : { messages: found.filter(withIds).map(messageFromDocument), total };
	}

	async function walk({ sessionId, inForce, after: last, limit }: MessageWalk): Promise<readonly Message[]> {
		await doubts.settle(sessionId);
		const branch: Filter<MessageDocument> = { session_id: toObjectId(sessionId), in_force: inForce ? null : false };
		const anchor = last === null ? null : await step(() => messages.findOne({ _id: toObjectId(last) }));
		if (last !== null && anchor === null) return [];
		const filter = anchor === null ? branch : { ...branch, ...after(anchor) };
		const found = await step(() => messages.find(filter).sort(OLDEST_FIRST).limit(limit).toArray());
		return found.filter(withIds).map(messageFromDocument);
	}

	const answerOf = (generation: ObjectId): Promise<MessageDocument | null> =>
		step(() => messages.findOne({ generation_id: generation, role: "assistant" }));

	async function findTurn(sessionId: Id, clientMessageId: string): Promise<Turn | undefined> {
		await doubts.settle(sessionId);
		const prompt = await step(() => messages.findOne({ turn_key: turnKey(sessionId, clientMessageId) }));
		const answer = prompt?.generation_id === undefined ? null : await answerOf(prompt.generation_id);
		return prompt === null || answer === null
			? undefined
			: { userMessage: messageFromDocument(prompt), answer: messageFromDocument(answer) };
	}

	async function findTurnOfGeneration(generationId: Id, userId: Id): Promise<Turn | undefined> {
		const answer = await answerOf(toObjectId(generationId));
		if (answer?.prompt_id === undefined || !answer.user_id.equals(toObjectId(userId))) return undefined;
		const { prompt_id: _id } = answer;
		const prompt = await step(() => messages.findOne({ _id }));
		return prompt === null ? undefined : { userMessage: messageFromDocument(prompt), answer: messageFromDocument(answer) };
	}

	return {
		findMessages: (sessionId, window) => operate(() => findMessages(sessionId, window)),
		walkMessages: (asked) => operate(() => walk(asked)),
		findTurn: (sessionId, clientMessageId) => operate(() => findTurn(sessionId, clientMessageId)),
		findTurnOfGeneration: (generationId, userId) => operate(() => findTurnOfGeneration(generationId, userId)),

		findMessage: (id, userId) =>
			operate(async () => {
				const found = await step(() => messages.findOne({ _id: toObjectId(id), user_id: toObjectId(userId) }));
				return found === null ? undefined : messageFromDocument(found);
			}),

		findVersions: (message) =>
			operate(async () => {
				const first = toObjectId(message.versionOf ?? message.id);
				const versions = { $or: [{ _id: first }, { version_of: first }] };
				const found = await step(() => messages.find(versions).sort(OLDEST_FIRST).limit(MOST_VERSIONS).toArray());
				return found.map(messageFromDocument);
			}),

		/** Newest first by `_id`: ids are made when things are. */
		findAllMessages: ({ skip, limit }) =>
			operate(async () => {
				const [found, total] = await Promise.all([
					step(() => messages.find().sort({ _id: -1 }).skip(skip).limit(limit).toArray()),
					step(() => messages.estimatedDocumentCount()),
				]);
				return { items: found.filter(withIds).map(messageFromDocument), total };
			}),
	};
}
