// What a session's document says of its messages: how many, the newest one's preview, the order so far, and who is at work on them (`turn`,
// `appending`). Every write to messages begins by changing it here in one step, and is repaired by what stands here.

import { type Filter, ObjectId, type UpdateFilter } from "mongodb";
import { fail, PocketError } from "../../domain/errors.ts";
import type { Message } from "../../domain/message.ts";
import { previewOf } from "../../domain/session.ts";
import { type Access, LONG_STEP_MS } from "./access.ts";
import { messageFromDocument, messageToDocument } from "./conversion.ts";
import type { Adding, Lease, MessageDocument, SessionDocument } from "./documents.ts";
import { NEWEST_FIRST } from "./order.ts";

/** Who comes in: for a turn, alone; to add a message, beside others. */
export type Claim = {
	readonly sessionId: ObjectId;
	readonly as: { readonly lease: Lease } | { readonly adding: Adding };
	/** The messages that will be stored, in their order. */
	readonly messages: readonly Message[];
	/** What the session shows of them. */
	readonly preview: { readonly content: string; readonly at: number };
};

export type SessionState = ReturnType<typeof createSessionState>;

const MOST_TRIES = 100;
const PAUSE_MS = 20;

export function createSessionState({ step, sessions, messages }: Access) {
	/** How many stand in the branch in force. Two counts through an index; "not out of force" would have to look at every document. */
	async function countInForce(sessionId: ObjectId, beingAdded: readonly ObjectId[]): Promise<number> {
		const [all, outOfForce, added] = await Promise.all([
			step(() => messages.countDocuments({ session_id: sessionId }), LONG_STEP_MS),
			step(() => messages.countDocuments({ session_id: sessionId, in_force: false }), LONG_STEP_MS),
			beingAdded.length === 0 ? 0 : step(() => messages.countDocuments({ _id: { $in: [...beingAdded] } })),
		]);
		return all - outOfForce - added + beingAdded.length;
	}

	/**
	 * The first write into a session that the replaced gateway made: its count may be missing or have drifted, so the messages are counted,
	 * and the order goes on after the newest of them.
	 */
	async function adopt(sessionId: ObjectId): Promise<void> {
		const [count, newest] = await Promise.all([
			countInForce(sessionId, []),
			step(() => messages.find({ session_id: sessionId }).sort({ created_at: -1 }).limit(1).toArray()),
		]);
		const set = { order_at: newest[0]?.created_at ?? new Date(0), seq: 0, message_count: count };
		await step(() => sessions.updateOne({ _id: sessionId, order_at: { $exists: false } }, { $set: set }));
	}

	/** Why a claim found no session to change; throws what its caller is told, or returns when another try makes sense. */
	async function makeWay(found: SessionDocument, claim: Claim): Promise<void> {
		if (found.order_at === undefined) return adopt(found._id);
		const { turn } = found;
		if (!turn) return;
		if (turn.kind !== "answer") return Bun.sleep(PAUSE_MS);
		if (!("lease" in claim.as)) return;
		const { client_message_id: clientId } = claim.as.lease;
		if (clientId !== null && clientId === turn.client_message_id) return fail("message_id_conflict");
		const answer = await step(() => messages.findOne({ _id: turn.id }));
		// Not there: its turn is just being stored, perhaps by another process.
		if (answer === null || answer.status === "streaming") return fail("generation_in_progress");
		await recordEnd(found._id, answer);
	}

	/** Ends an answer's lease, and the session shows its text; an empty one (it failed before its first token) leaves the preview as it is. */
	async function recordEnd(sessionId: ObjectId, answer: Pick<MessageDocument, "_id" | "content" | "ended_at">): Promise<void> {
		const at = answer.ended_at === undefined ? {} : { last_message_at: answer.ended_at, updated_at: answer.ended_at };
		const preview = answer.content === "" ? {} : { last_message: previewOf(answer.content) };
		await step(() => sessions.updateOne({ _id: sessionId, "turn.id": answer._id }, { $set: { ...at, ...preview }, $unset: { turn: "" } }));
	}

	/** Puts the count right, for whoever is alone with the session's messages; messages that are being added count as added. */
	async function recount(sessionId: ObjectId, leaseId: ObjectId): Promise<void> {
		const own = { _id: sessionId, "turn.id": leaseId };
		for (let tries = 0; tries < MOST_TRIES; tries += 1) {
			const found = await step(() => sessions.findOne(own, { projection: { seq: 1, appending: 1 } }));
			if (found === null) return;
			const beingAdded = (found.appending ?? []).map(({ id }) => id);
			const message_count = await countInForce(sessionId, beingAdded);
			const set = await step(() => sessions.updateOne({ ...own, seq: found.seq ?? 0 }, { $set: { message_count }, $inc: { seq: 1 } }));
			if (set.matchedCount === 1) return;
		}
		throw new PocketError("store_unavailable", { cause: "a session was being written to all the time" });
	}

	const release = (sessionId: ObjectId, leaseId: ObjectId): Promise<unknown> =>
		step(() => sessions.updateOne({ _id: sessionId, "turn.id": leaseId }, { $unset: { turn: "" } }));

	return {
		recordEnd,
		recount,
		release,

		/** As `recount`, for somebody who has no lease there and takes one for it; harmless when the session is gone. */
		async recountAlone(_id: ObjectId, owner: ObjectId): Promise<void> {
			const lease: Lease = { id: new ObjectId(), kind: "count", owner, prompt_id: null, client_message_id: null, at: new Date() };
			for (let tries = 0; tries < MOST_TRIES; tries += 1) {
				const free = { _id, turn: null, "appending.0": { $exists: false } };
				await step(() => sessions.updateOne(free, { $set: { turn: lease } }));
				const found = await step(() => sessions.findOne({ _id }, { projection: { turn: 1 } }));
				if (found === null) return;
				if (found.turn?.id.equals(lease.id)) {
					await recount(_id, lease.id);
					await release(_id, lease.id);
					return;
				}
				await Bun.sleep(PAUSE_MS);
			}
			throw new PocketError("store_unavailable", { cause: "a session's messages were at work all the time" });
		},

		/**
		 * Takes part in a session's messages and gives the documents to store, each with its place in the order. Codes: `session_not_found`,
		 * `generation_in_progress`, `message_id_conflict` (the running turn has that id).
		 */
		async claim(claim: Claim): Promise<MessageDocument[]> {
			const { sessionId: _id, as } = claim;
			const { filter, update } = commandOf(claim);
			for (let tries = 0; tries < MOST_TRIES; tries += 1) {
				// The state before: what it is afterwards follows from it, and some servers show later changes in a document given after.
				const earlier = await step(() => sessions.findOneAndUpdate(filter, update, { projection: { order_at: 1, seq: 1 } }));
				if (earlier !== null) return placed(claim.messages, earlier);
				const found = await step(() => sessions.findOne({ _id }));
				if (found === null) return fail("session_not_found");
				// Done by a try of which we heard nothing.
				if (isClaimed(found, as)) return placed(claim.messages, { ...found, seq: (found.seq ?? 0) - claim.messages.length });
				await makeWay(found, claim);
			}
			throw new PocketError("store_unavailable", { cause: "a session's messages were being cleared all the time" });
		},

		/** Shows the newest message again after one was taken back. */
		async refreshPreview(sessionId: ObjectId): Promise<void> {
			const newest = await step(() => messages.find({ session_id: sessionId, in_force: null }).sort(NEWEST_FIRST).limit(2).toArray());
			const shown = newest.find(({ content }) => content !== "");
			const set = {
				last_message: shown === undefined ? null : previewOf(shown.content),
				last_message_at: shown === undefined ? null : new Date(messageFromDocument(shown).createdAt),
			};
			await step(() => sessions.updateOne({ _id: sessionId }, { $set: set }));
		},
	};
}

function isClaimed(found: SessionDocument, as: Claim["as"]): boolean {
	if ("lease" in as) return found.turn?.id.equals(as.lease.id) === true;
	return found.appending?.some(({ id }) => id.equals(as.adding.id)) === true;
}

function commandOf({ sessionId, as, messages, preview }: Claim): {
	filter: Filter<SessionDocument>;
	update: UpdateFilter<SessionDocument>;
} {
	const at = new Date(preview.at);
	const newest = new Date(Math.max(...messages.map(({ createdAt }) => createdAt)));
	const shown = {
		...(preview.content !== "" && { last_message: previewOf(preview.content) }),
		last_message_at: at,
		updated_at: at,
	};
	const grown = { $max: { order_at: newest }, $inc: { seq: messages.length, message_count: messages.length } };
	const known = { _id: sessionId, order_at: { $exists: true } };
	if ("lease" in as) return { filter: { ...known, turn: null }, update: { ...grown, $set: { ...shown, turn: as.lease } } };
	return {
		filter: { ...known, "turn.kind": { $nin: ["clear", "count"] }, "appending.id": { $ne: as.adding.id } },
		update: { ...grown, $set: shown, $push: { appending: as.adding } },
	};
}

function placed(messages: readonly Message[], { order_at, seq = 0 }: Pick<SessionDocument, "order_at" | "seq">): MessageDocument[] {
	let createdAt = order_at?.getTime() ?? 0;
	return messages.map((message, position) => {
		createdAt = Math.max(createdAt, message.createdAt);
		return messageToDocument(message, { createdAt, seq: seq + position + 1 });
	});
}
