// What a process that died left half done, found by its marks: answers that are `streaming`, leases and names of messages being added on
// sessions, marks on people, notes of deletions, spent reset tokens. Each is found through an index or in a small collection, and each repair
// may be done twice, or by two at once. Who died is for tending.ts.
//
// The marks are read before the list of those who live: a process is in that list before it leaves its first mark, so a mark whose owner is
// not there has none.

import { ObjectId } from "mongodb";
import type { Access } from "./access.ts";
import type { Clearing } from "./clearing.ts";
import type { Adding, Lease, MessageDocument } from "./documents.ts";
import type { LoginsEnder } from "./ending-logins.ts";
import type { Passwords } from "./passwords.ts";
import type { Presence } from "./presence.ts";
import type { Removing } from "./removing.ts";
import type { SessionState } from "./session-state.ts";
import type { Turns } from "./turns.ts";

/** `isComplete`: nothing was left for another time. */
export type Repair = (now: Date) => Promise<{ readonly interrupted: number; readonly isComplete: boolean }>;

type RepairDeps = {
	readonly access: Access;
	readonly presence: Presence;
	readonly state: SessionState;
	readonly turns: Turns;
	readonly clearing: Clearing;
	readonly passwords: Passwords;
	readonly removing: Removing;
	readonly ender: LoginsEnder;
};

const AT_ONCE = 50;
/** Every id comes after it; an emptied list is not found by it. */
const FIRST_ID = new ObjectId("0".repeat(24));

type Mark = { readonly owner?: ObjectId | null };
type IsAbandoned = (mark: Mark) => boolean;
type Streaming = Pick<MessageDocument, "_id" | "session_id" | "owner">;

export function createRepair(deps: RepairDeps): Repair {
	const { access, presence, state, turns, clearing, removing, passwords, ender } = deps;
	const { step, users, sessions, messages, removals, peopleRemovals, resetTokens, processes } = access;

	async function findMarks() {
		const [answers, leases, addings, people, notes, peopleNotes, resets] = await Promise.all([
			step(() => messages.find<Streaming>({ status: "streaming" }, { projection: { session_id: 1, owner: 1 } }).toArray()),
			step(() => sessions.find({ "turn.id": { $exists: true } }, { projection: { turn: 1, seq: 1 } }).toArray()),
			step(() => sessions.find({ "appending.id": { $gte: FIRST_ID } }, { projection: { appending: 1 } }).toArray()),
			step(() => users.find({ "ending_logins.id": { $exists: true } }, { projection: { ending_logins: 1 } }).toArray()),
			step(() => removals.find().toArray()),
			step(() => peopleRemovals.find().toArray()),
			step(() => resetTokens.find({ spent: { $ne: null } }, { projection: { _id: 1 } }).toArray()),
		]);
		return { answers, leases, addings, people, notes, peopleNotes, resets };
	}

	async function findWhoLives(): Promise<IsAbandoned> {
		const found = await step(() => processes.find().toArray());
		const living = new Set(found.filter(({ ended }) => ended !== true).map(({ _id }) => _id.toHexString()));
		return ({ owner }) => !owner || !living.has(owner.toHexString());
	}

	/** The crash may have come before a replacement was counted, so the count is made anew while the lease stands. */
	async function endLease(sessionId: ObjectId, answer: MessageDocument): Promise<void> {
		await state.recount(sessionId, answer._id);
		await state.recordEnd(sessionId, answer);
	}

	/** `false`: somebody else did it, or it has ended after all. */
	async function interrupt({ _id, session_id, owner = null }: Streaming, ended_at: Date): Promise<boolean> {
		const set = { status: "interrupted", error_code: "interrupted", ended_at };
		const done = await step(() => messages.updateOne({ _id, status: "streaming", owner }, { $set: set, $unset: { owner: "" } }));
		if (done.matchedCount === 0) return false;
		const [answer, session] = await Promise.all([
			step(() => messages.findOne({ _id })),
			step(() => sessions.findOne({ _id: session_id }, { projection: { turn: 1 } })),
		]);
		if (answer === null || session === null) return true;
		if (session.turn?.id.equals(_id)) await endLease(session_id, answer);
		// Its turn was taken back, and then its messages came all the same: what was sent before its process was cut off can arrive late.
		else await state.recountAlone(session_id, await presence.owner());
		return true;
	}

	/** `false`: it is not settled yet. */
	async function settleLease(_id: ObjectId, turn: Lease, seq: number): Promise<boolean> {
		if (turn.kind === "clear") {
			await clearing.empty(_id, turn, seq);
			return true;
		}
		if (turn.kind === "count") {
			await state.recount(_id, turn.id);
			await state.release(_id, turn.id);
			return true;
		}
		const find = () => step(() => messages.findOne({ _id: turn.id }));
		let answer = await find();
		if (answer === null) {
			// Who stores the messages looks for this afterwards; so either they are seen here, or this is seen there (turns.ts).
			await step(() => sessions.updateOne({ _id, "turn.id": turn.id }, { $set: { "turn.broken": true } }));
			answer = await find();
		}
		if (answer === null) await turns.undoTurn(_id, turn);
		else if (answer.status === "streaming") return false;
		else await endLease(_id, answer);
		return true;
	}

	async function settleAddings(_id: ObjectId, addings: readonly Adding[], isAbandoned: IsAbandoned): Promise<void> {
		for (const adding of addings) if (isAbandoned(adding)) await turns.settleAppend(_id, adding.id);
	}

	/** Answers first: their leases go with them, and what then still has one was not stored, or has ended. */
	return async (now) => {
		const marks = await findMarks();
		if (Object.values(marks).every((found) => found.length === 0)) return { interrupted: 0, isComplete: true };
		const { answers, leases, addings, people, notes, peopleNotes, resets } = marks;
		const isAbandoned = await findWhoLives();
		const interrupted = await inGroups(answers.filter(isAbandoned), (answer) => interrupt(answer, now));
		const left = leases.filter(({ turn }) => turn !== undefined && turn !== null && isAbandoned(turn));
		const settled = await inGroups(left, async ({ _id, turn, seq = 0 }) => !turn || settleLease(_id, turn, seq));
		await inGroups(addings, ({ _id, appending = [] }) => settleAddings(_id, appending, isAbandoned));
		if (notes.some(isAbandoned)) await clearing.sweep(isAbandoned);
		if (peopleNotes.some(isAbandoned)) await removing.sweep(isAbandoned);
		await inGroups(people, ender.finish);
		if (resets.length > 0) await passwords.repairResets(isAbandoned);
		return { interrupted, isComplete: settled === left.length };
	};
}

/** Some at a time; gives for how many the outcome was `true`. */
async function inGroups<T>(all: readonly T[], act: (one: T) => Promise<unknown>): Promise<number> {
	let good = 0;
	for (let from = 0; from < all.length; from += AT_ONCE) {
		const outcomes = await Promise.all(all.slice(from, from + AT_ONCE).map(act));
		good += outcomes.filter((outcome) => outcome === true).length;
	}
	return good;
}
