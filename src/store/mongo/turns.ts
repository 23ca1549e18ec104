// Turns and single messages: what is written, in which order, and how each order is taken back. Three things hold it together: the session
// is claimed first, in one step (session-state.ts); messages have ids of ours, so inserting them twice is inserting them once; and what a
// crash leaves is told by the claim that still stands (repair.ts).

import type { ObjectId, UpdateFilter } from "mongodb";
import { fail, PocketError } from "../../domain/errors.ts";
import type { Id } from "../../domain/id.ts";
import type { Message } from "../../domain/message.ts";
import type { AnswerEnd, MessageStore, TurnStart } from "../../ports/store.ts";
import { type Access, LONG_STEP_MS } from "./access.ts";
import { toObjectId, turnKey } from "./conversion.ts";
import type { Lease, MessageDocument } from "./documents.ts";
import type { Doubts } from "./doubts.ts";
import { duplicateIndex, isInDoubt } from "./errors.ts";
import { fromOn } from "./order.ts";
import type { Presence } from "./presence.ts";
import type { Claim, SessionState } from "./session-state.ts";

type TurnOperations = Pick<MessageStore, "beginTurn" | "appendMessage" | "finishAnswer">;

export type Turns = TurnOperations & {
	/** As if this turn had never begun. May be repeated. */
	undoTurn(sessionId: ObjectId, lease: Pick<Lease, "id" | "prompt_id">): Promise<void>;
	/** Ends the adding of a message: it is there, or it does not count. May be repeated. */
	settleAppend(sessionId: ObjectId, messageId: ObjectId): Promise<void>;
};

type TurnDeps = { readonly access: Access; readonly presence: Presence; readonly state: SessionState; readonly doubts: Doubts };

export function createTurns({ access, presence, state, doubts }: TurnDeps): Turns {
	const { operate, step, persist, sessions, messages } = access;

	async function requireNewClientId(sessionId: Id, clientMessageId: string | null): Promise<void> {
		if (clientMessageId === null) return;
		const used = await step(() => messages.findOne({ turn_key: turnKey(sessionId, clientMessageId) }, { projection: { _id: 1 } }));
		if (used !== null) fail("message_id_conflict");
	}

	/** One command for all, the prompt first. Codes: `message_id_conflict`. */
	async function insert(documents: readonly MessageDocument[]): Promise<void> {
		const ids = documents.map(({ _id }) => _id);
		await step(async (isRetry) => {
			// Of a try whose outcome is unknown some may be there.
			const there = isRetry ? await messages.find({ _id: { $in: ids } }, { projection: { _id: 1 } }).toArray() : [];
			const missing = documents.filter(({ _id }) => !there.some((found) => found._id.equals(_id)));
			if (missing.length === 0) return;
			try {
				await messages.insertMany([...missing]);
			} catch (error) {
				if (duplicateIndex(error) === undefined) throw error;
				fail("message_id_conflict");
			}
		});
	}

	/** Marks them with the answer that takes their place, so that they can be put back. Codes: `message_not_found`. */
	async function takeOutOfForce(sessionId: ObjectId, from: ObjectId, answerId: ObjectId): Promise<void> {
		const first = await step(() => messages.findOne({ _id: from, session_id: sessionId, in_force: null }));
		if (first === null) return fail("message_not_found");
		await step(
			() =>
				messages.updateMany(
					{ session_id: sessionId, in_force: null, ...fromOn(first) },
					{ $set: { in_force: false, replaced_by: answerId } },
				),
			LONG_STEP_MS,
		);
	}

	/** Whoever deletes a session removes it first and its messages then: what was inserted after that would stay for ever. */
	async function requireStillThere(sessionId: ObjectId, documents: readonly MessageDocument[]): Promise<void> {
		if ((await step(() => sessions.findOne({ _id: sessionId }, { projection: { _id: 1 } }))) !== null) return;
		await remove(documents);
		fail("session_not_found");
	}

	const remove = (documents: readonly MessageDocument[]): Promise<unknown> =>
		step(() => messages.deleteMany({ _id: { $in: documents.map(({ _id }) => _id) } }));

	/** As before, of a turn; also whether others took this process for dead meanwhile, and its lease away (repair.ts). */
	async function requireStillHeld(sessionId: ObjectId, lease: Lease, documents: readonly MessageDocument[]): Promise<void> {
		const held = { _id: sessionId, "turn.id": lease.id, "turn.broken": { $exists: false } };
		if ((await step(() => sessions.findOne(held, { projection: { _id: 1 } }))) !== null) return;
		await requireStillThere(sessionId, documents);
		await remove(documents);
		await state.recountAlone(sessionId, lease.owner);
		throw new PocketError("store_unavailable", { cause: "this process was taken for dead while it stored a turn" });
	}

	/**
	 * The messages first and the lease last: as long as it stands, this can be done again. The messages were never acknowledged. A prompt
	 * without its answer goes too, or its client could not send it again under the same id.
	 */
	async function undoTurn(sessionId: ObjectId, { id, prompt_id }: Pick<Lease, "id" | "prompt_id">): Promise<void> {
		await step(() => messages.deleteMany({ _id: { $in: prompt_id === null ? [id] : [id, prompt_id] } }));
		const isOurs = (await step(() => sessions.findOne({ _id: sessionId, "turn.id": id }, { projection: { _id: 1 } }))) !== null;
		if (!isOurs) return;
		await step(
			() => messages.updateMany({ session_id: sessionId, in_force: false, replaced_by: id }, { $unset: { in_force: "", replaced_by: "" } }),
			LONG_STEP_MS,
		);
		await state.recount(sessionId, id);
		await state.refreshPreview(sessionId);
		await state.release(sessionId, id);
	}

	async function settleAppend(sessionId: ObjectId, messageId: ObjectId): Promise<void> {
		const own = { _id: sessionId, "appending.id": messageId };
		if ((await step(() => messages.findOne({ _id: messageId }, { projection: { _id: 1 } }))) !== null) {
			await step(() => sessions.updateOne(own, { $pull: { appending: { id: messageId } } }));
			return;
		}
		const taken = await step(() =>
			sessions.updateOne(own, { $pull: { appending: { id: messageId } }, $inc: { message_count: -1, seq: 1 } }),
		);
		if (taken.matchedCount > 0) await state.refreshPreview(sessionId);
	}

	/** Claims the session, runs what follows, and takes the claim back when that fails: at once, or before the session's next use. */
	async function withClaim(
		sessionId: Id,
		claim: Claim,
		{ store, takeBack }: { store: (documents: readonly MessageDocument[]) => Promise<void>; takeBack: () => Promise<void> },
	): Promise<void> {
		let isClaimed = false;
		try {
			const documents = await state.claim(claim);
			isClaimed = true;
			await store(documents);
		} catch (error) {
			if (isInDoubt(error)) doubts.add(sessionId, takeBack);
			else if (isClaimed) await takeBack().catch(() => doubts.add(sessionId, takeBack));
			throw error;
		}
	}

	/**
	 * 1. The session is claimed: lease, count, preview, places in the order. A crash after it: `undoTurn`.
	 * 2. What the turn replaces leaves the branch in force. A crash after it: `undoTurn` puts it back.
	 * 3. The messages are inserted. A crash between the two: `undoTurn` removes the prompt. After both: the answer is `interrupted`.
	 * 4. The count is made anew when something was replaced. A crash before it: repair counts.
	 */
	async function beginTurn({ userMessage, answer, keepsPrompt = false, replacesFrom }: TurnStart): Promise<void> {
		const { sessionId, content } = userMessage;
		const clientMessageId = keepsPrompt ? null : userMessage.clientMessageId;
		await doubts.settle(sessionId);
		await requireNewClientId(sessionId, clientMessageId);
		const session = toObjectId(sessionId);
		const promptId = toObjectId(userMessage.id);
		const at = keepsPrompt ? answer.createdAt : userMessage.createdAt;
		const owner = await presence.owner();
		const lease: Lease = {
			id: toObjectId(answer.id),
			kind: "answer",
			owner,
			prompt_id: keepsPrompt ? null : promptId,
			client_message_id: clientMessageId,
			at: new Date(at),
		};
		const claim = { sessionId: session, as: { lease }, messages: keepsPrompt ? [answer] : [userMessage, answer], preview: { content, at } };
		await withClaim(sessionId, claim, {
			async store(documents) {
				if (replacesFrom !== undefined) await takeOutOfForce(session, toObjectId(replacesFrom), lease.id);
				await insert(documents.map((document) => (document._id.equals(lease.id) ? { ...document, owner, prompt_id: promptId } : document)));
				await requireStillHeld(session, lease, documents);
				if (replacesFrom !== undefined) await state.recount(session, lease.id);
			},
			takeBack: () => undoTurn(session, lease),
		});
	}

	/**
	 * Claimed, counted, inserted, and no longer named as being added. A crash before the insertion: it is counted back; after it: only the
	 * name goes. One that is `streaming` is a turn without a prompt.
	 */
	async function appendMessage(message: Message): Promise<void> {
		const { sessionId, content, createdAt: at, clientMessageId } = message;
		await doubts.settle(sessionId);
		await requireNewClientId(sessionId, clientMessageId);
		const session = toObjectId(sessionId);
		const id = toObjectId(message.id);
		const owner = await presence.owner();
		const claim = { sessionId: session, messages: [message], preview: { content, at } };
		if (message.status === "streaming") {
			const lease: Lease = { id, kind: "answer", owner, prompt_id: null, client_message_id: clientMessageId, at: new Date(at) };
			return withClaim(
				sessionId,
				{ ...claim, as: { lease } },
				{
					async store(documents) {
						await insert(documents.map((document) => ({ ...document, owner })));
						await requireStillHeld(session, lease, documents);
					},
					takeBack: () => undoTurn(session, lease),
				},
			);
		}
		await withClaim(
			sessionId,
			{ ...claim, as: { adding: { id, owner } } },
			{
				async store(documents) {
					await insert(documents);
					const named = await step(() => sessions.updateOne({ _id: session, "appending.id": id }, { $pull: { appending: { id } } }));
					if (named.matchedCount > 0) return;
					await requireStillThere(session, documents);
					// Settled by others, who took this process for dead: perhaps as one that is not there.
					await state.recountAlone(session, owner);
				},
				takeBack: () => settleAppend(session, id),
			},
		);
	}

	/**
	 * The answer first: it counts, and the engine tells its reader. Then the session gives up the lease and shows it. A crash between the
	 * two, or a server that is away: the next turn there, or the next start, finds the lease of an answer that has ended, and does it.
	 * The same end once more (its first outcome was unknown) gives the same result. The reader's last event waits for it, so it has patience.
	 */
	async function finishAnswer(end: AnswerEnd): Promise<boolean> {
		const _id = toObjectId(end.messageId);
		const session_id = toObjectId(end.sessionId);
		const ended_at = new Date(end.now);
		const finished = await persist(() => messages.updateOne({ _id, session_id, status: "streaming" }, endOf(end, ended_at)));
		if (finished.matchedCount === 0) {
			const found = await step(() => messages.findOne({ _id, session_id }));
			if (found === null || !isSameEnd(found, end)) return false;
		}
		const record = (): Promise<void> => state.recordEnd(session_id, { _id, content: end.content, ended_at });
		await record().catch((error: unknown) => {
			if (!isInDoubt(error)) throw error;
			doubts.add(end.sessionId, record);
		});
		return true;
	}

	return {
		undoTurn,
		settleAppend,
		beginTurn: (start) => operate(() => beginTurn(start)),
		appendMessage: (message) => operate(() => appendMessage(message)),
		finishAnswer: (end) => operate(() => finishAnswer(end)),
	};
}

function endOf(end: AnswerEnd, ended_at: Date): UpdateFilter<MessageDocument> {
	const set = {
		content: end.content,
		reasoning: end.reasoning,
		error_code: end.errorCode,
		model: end.model,
		finish_reason: end.finishReason,
		usage: end.usage,
		timings: end.timings,
		ended_at,
	};
	// Good ends are the many; without the field they are in no index (indexes.ts).
	return end.status === "sent"
		? { $set: set, $unset: { status: "", owner: "" } }
		: { $set: { ...set, status: end.status }, $unset: { owner: "" } };
}

function isSameEnd(found: MessageDocument, end: AnswerEnd): boolean {
	const { status = "sent", ended_at, content } = found;
	return status === end.status && ended_at?.getTime() === end.now && content === end.content.toWellFormed();
}
