// What a process that died left half done, found by its marks: answers that are `streaming`, leases and names of messages being added on
// sessions, marks on people, notes of deletions, spent invitations and reset tokens. Each is found through an index or in a small collection.

import { ObjectId } from "mongodb";
import type { MessageStore } from "../../ports/store.ts";
import type { Access } from "./access.ts";
import type { Clearing } from "./clearing.ts";
import type { MessageDocument, SessionDocument } from "./documents.ts";
import type { LoginsEnder } from "./ending-logins.ts";
import type { Invitations } from "./invitations.ts";
import type { Passwords } from "./passwords.ts";
import type { Removing } from "./removing.ts";
import type { SessionState } from "./session-state.ts";
import type { Turns } from "./turns.ts";

type RepairDeps = {
	readonly access: Access;
	readonly state: SessionState;
	readonly turns: Turns;
	readonly clearing: Clearing;
	readonly passwords: Passwords;
	readonly ender: LoginsEnder;
	readonly invitations: Invitations;
	readonly removing: Removing;
};

const AT_ONCE = 50;
/** Every id comes after it; an emptied list is not found by it. */
const FIRST_ID = new ObjectId("0".repeat(24));

export function createRepair(deps: RepairDeps): Pick<MessageStore, "repairInterrupted"> {
	const { access, state, turns, clearing, passwords, ender, invitations, removing } = deps;
	const { operate, step, users, sessions, messages } = access;

	/** Runs `repair` for everything that `find` gives, until it gives nothing new. */
	async function repairAll<T extends { readonly _id: ObjectId }>(
		find: () => Promise<readonly T[]>,
		repair: (found: T) => Promise<unknown>,
	): Promise<number> {
		const seen = new Set<string>();
		while (true) {
			const found = (await step(find)).filter(({ _id }) => !seen.has(_id.toHexString()));
			if (found.length === 0) return seen.size;
			await Promise.all(found.map(repair));
			for (const { _id } of found) seen.add(_id.toHexString());
		}
	}

	/** The crash may have come before a replacement was counted, so the count is made anew while the lease stands. */
	async function endLease(sessionId: ObjectId, answer: MessageDocument): Promise<void> {
		await state.recount(sessionId, answer._id);
		await state.recordEnd(sessionId, answer);
	}

	async function interrupt(answer: MessageDocument, ended_at: Date): Promise<void> {
		const { _id, session_id } = answer;
		const set = { status: "interrupted", error_code: "interrupted", ended_at };
		await step(() => messages.updateOne({ _id, status: "streaming" }, { $set: set }));
		await endLease(session_id, { ...answer, ended_at });
	}

	async function settleLease({ _id, turn }: SessionDocument): Promise<void> {
		if (!turn) return;
		if (turn.kind === "clear") return clearing.empty(_id, turn);
		const answer = await step(() => messages.findOne({ _id: turn.id }));
		return answer === null ? turns.undoTurn(_id, turn) : endLease(_id, answer);
	}

	async function settleAppends({ _id, appending = [] }: SessionDocument): Promise<void> {
		for (const messageId of appending) await turns.settleAppend(_id, messageId);
	}

	return {
		/** In this order: leases of answers go with them, and what then still has one was not stored, or has ended. */
		repairInterrupted: (now) =>
			operate(async () => {
				const interrupted = await repairAll(
					() => messages.find({ status: "streaming" }).limit(AT_ONCE).toArray(),
					(answer) => interrupt(answer, new Date(now)),
				);
				await repairAll(
					() =>
						sessions
							.find({ "turn.id": { $exists: true } })
							.limit(AT_ONCE)
							.toArray(),
					settleLease,
				);
				await repairAll(
					() =>
						sessions
							.find({ appending: { $gte: FIRST_ID } })
							.limit(AT_ONCE)
							.toArray(),
					settleAppends,
				);
				await clearing.sweep(0);
				await removing.sweep(0);
				await invitations.dropSpent();
				await repairAll(
					() =>
						users
							.find({ "ending_logins.id": { $exists: true } })
							.limit(AT_ONCE)
							.toArray(),
					ender.finish,
				);
				await passwords.repairResets();
				return interrupted;
			}),
	};
}
