// Taking messages away: all of a session's, or the session with them.

import { ObjectId } from "mongodb";
import { fail, PocketError } from "../../domain/errors.ts";
import type { MessageStore, SessionStore } from "../../ports/store.ts";
import { type Access, LONG_STEP_MS } from "./access.ts";
import { toObjectId } from "./conversion.ts";
import type { Lease, RemovalDocument, SessionDocument } from "./documents.ts";
import type { Doubts } from "./doubts.ts";
import type { Presence } from "./presence.ts";
import type { SessionState } from "./session-state.ts";

export type Clearing = Pick<SessionStore, "deleteSession"> &
	Pick<MessageStore, "clearMessages"> & {
		/** What follows the claim of a clearing; `seq`: the session's, while the claim stands. May be repeated. */
		empty(sessionId: ObjectId, lease: Pick<Lease, "id" | "at">, seq: number): Promise<void>;
		/** Looks once more for messages of sessions that were deleted, of those notes that are chosen. */
		sweep(isChosen: (note: RemovalDocument) => boolean): Promise<void>;
	};

type ClearingDeps = { readonly access: Access; readonly presence: Presence; readonly state: SessionState; readonly doubts: Doubts };

const MOST_TRIES = 100;
const PAUSE_MS = 20;

export function createClearing({ access, presence, state, doubts }: ClearingDeps): Clearing {
	const { operate, step, sessions, messages, removals } = access;

	/**
	 * The messages first: as long as the claim stands, repair does it again. Only what was there then: a process that was given up in the
	 * middle, and goes on, must not take what came after.
	 */
	async function empty(sessionId: ObjectId, { id, at }: Pick<Lease, "id" | "at">, seq: number): Promise<void> {
		await step(() => messages.deleteMany({ session_id: sessionId, $or: [{ seq: null }, { seq: { $lte: seq } }] }), LONG_STEP_MS);
		const emptied = { message_count: 0, last_message: null, last_message_at: null, updated_at: at };
		await step(() => sessions.updateOne({ _id: sessionId, "turn.id": id }, { $set: emptied, $unset: { turn: "" }, $inc: { seq: 1 } }));
	}

	/** Why a session could not be claimed; throws what its caller is told, or returns when another try makes sense. */
	async function makeWay({ _id, turn }: SessionDocument): Promise<void> {
		if (turn?.kind === "answer") {
			const answer = await step(() => messages.findOne({ _id: turn.id }));
			if (answer === null || answer.status === "streaming") return fail("generation_in_progress");
			return state.recordEnd(_id, answer);
		}
		await Bun.sleep(PAUSE_MS);
	}

	async function clear(_id: ObjectId, user_id: ObjectId, now: number): Promise<void> {
		const owner = await presence.owner();
		const lease: Lease = { id: new ObjectId(), kind: "clear", owner, prompt_id: null, client_message_id: null, at: new Date(now) };
		for (let tries = 0; tries < MOST_TRIES; tries += 1) {
			const claimed = await step(() =>
				sessions.updateOne({ _id, user_id, turn: null, "appending.0": { $exists: false } }, { $set: { turn: lease } }),
			);
			const found = await step(() => sessions.findOne({ _id, user_id }));
			if (found === null) return fail("session_not_found");
			if (found.turn?.id.equals(lease.id)) return empty(_id, lease, found.seq ?? 0);
			// Others took this process for dead, and did it.
			if (claimed.matchedCount > 0) return;
			await makeWay(found);
		}
		throw new PocketError("store_unavailable", { cause: "messages were being added all the time" });
	}

	/**
	 * A note, the session, its messages. Nobody sees messages without their session, and nobody adds any (session-state.ts, turns.ts). A
	 * crash on the way: the note is there, and `sweep` removes the rest. The note stays for a while, because another process may just have
	 * been inserting. When the session itself is still there, the deletion was never acknowledged: then only the note goes.
	 */
	async function remove(_id: ObjectId, user_id: ObjectId): Promise<void> {
		const found = await step(() => sessions.findOne({ _id, user_id }, { projection: { _id: 1 } }));
		if (found === null) return fail("session_not_found");
		const owner = await presence.owner();
		await step(() => removals.updateOne({ _id }, { $set: { at: new Date(), owner } }, { upsert: true }));
		const isGone = await step(async (isRetry) => (await sessions.deleteOne({ _id, user_id })).deletedCount > 0 || isRetry);
		if (!isGone) return fail("session_not_found");
		await step(() => messages.deleteMany({ session_id: _id }), LONG_STEP_MS);
	}

	return {
		empty,
		clearMessages: (sessionId, userId, now) =>
			operate(async () => {
				await doubts.settle(sessionId);
				await clear(toObjectId(sessionId), toObjectId(userId), now);
			}),
		deleteSession: (id, userId) => operate(() => remove(toObjectId(id), toObjectId(userId))),
		async sweep(isChosen) {
			// As many as were deleted since the last sweep.
			const notes = await step(() => removals.find().toArray());
			for (const { _id } of notes.filter(isChosen)) {
				const stillThere = await step(() => sessions.findOne({ _id }, { projection: { _id: 1 } }));
				if (stillThere === null) await step(() => messages.deleteMany({ session_id: _id }), LONG_STEP_MS);
				await step(() => removals.deleteOne({ _id }));
			}
		},
	};
}
