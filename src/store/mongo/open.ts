// Opens the MongoDB store: client, version, indexes, then the operations by noun, composed to the port's Store.
//
// The server may be a standalone, which knows no transactions, so no operation needs one: each is one document, or begins with a mark that
// tells what was being done (turns.ts, clearing.ts, passwords.ts, ending-logins.ts) and by which process (presence.ts); when that one dies,
// repair.ts ends or undoes it.

import type { Store } from "../../ports/store.ts";
import { type Access, within } from "./access.ts";
import { createAdministratorOperations } from "./administrators.ts";
import { createApiKeyOperations } from "./api-keys.ts";
import { createAuditOperations } from "./audit.ts";
import { createClearing } from "./clearing.ts";
import { type Connection, type ConnectOptions, connect, type MongoPlace } from "./connection.ts";
import { createDoubts } from "./doubts.ts";
import { createLoginsEnder } from "./ending-logins.ts";
import { duplicateIndex } from "./errors.ts";
import { createInvitationOperations } from "./invitations.ts";
import { createLoginOperations } from "./logins.ts";
import { createMessageReads } from "./messages.ts";
import { createMetrics } from "./metrics.ts";
import { bringUp } from "./migrations.ts";
import { createPasswordOperations } from "./passwords.ts";
import { createPresence, PACE, type Pace } from "./presence.ts";
import { createProgress } from "./progress.ts";
import { createRemoving } from "./removing.ts";
import { createRepair } from "./repair.ts";
import { createSessionState } from "./session-state.ts";
import { createSessionOperations } from "./sessions.ts";
import { createTending, type TendingOptions } from "./tending.ts";
import { createTurns } from "./turns.ts";
import { createUserOperations } from "./users.ts";

export type MongoStoreOptions = ConnectOptions & {
	/** Brings older documents up instead of refusing them. */
	readonly migrate?: boolean;
	/** A server looks after what others left when they died, for as long as it is open. */
	readonly tends?: TendingOptions;
	/** Others took this process for dead, and ended what it held: whatever runs here is to be cut off. */
	readonly onGivenUp?: () => void;
	/** For tests. */
	readonly pace?: Pace;
};

const CHECK_LIMIT_MS = 2_000;
const SWEEP_AGE_MS = 600_000;

/**
 * Opens the store. Missing collections and indexes are made; nothing else is changed when it refuses. Codes: those of `connect`,
 * `already_exists` (an index or documents are in the way), `store_too_old`, `store_too_new`, `store_full`.
 */
export async function createMongoStore(place: MongoPlace, options: MongoStoreOptions = {}): Promise<Store> {
	const connection = await connect(place, options);
	try {
		await connection.access.operate(() => bringUp(connection, { migrate: options.migrate ?? false }));
		return composeStore(connection, options);
	} catch (error) {
		await connection.close();
		throw error;
	}
}

function composeStore({ access, close: disconnect }: Connection, options: MongoStoreOptions): Store {
	const { pace = PACE, onGivenUp = () => undefined, tends } = options;
	const presence = createPresence({ access, pace, onGivenUp });
	const state = createSessionState(access);
	const doubts = createDoubts();
	const turns = createTurns({ access, presence, state, doubts });
	const clearing = createClearing({ access, presence, state, doubts });
	const ender = createLoginsEnder(access);
	const passwords = createPasswordOperations({ access, presence, ender });
	const logins = createLoginOperations({ access, ender });
	const { takeFrom, ...administrators } = createAdministratorOperations({ access, ender });
	const invitations = createInvitationOperations(access);
	const removing = createRemoving({ access, presence, takeFrom });
	const repair = createRepair({ access, presence, state, turns, clearing, removing, passwords, ender });
	const tending = createTending({ access, presence, repair, doubts, pace });
	if (tends !== undefined) tending.start(tends);
	const { beginTurn, appendMessage, finishAnswer } = turns;
	const { clearMessages, deleteSession } = clearing;
	const { createResetToken, resetPassword, replacePasswordHash, changePassword, setPassword } = passwords;
	const { dropSpent, ...invitationOperations } = invitations;
	let closing: Promise<void> | undefined;

	return {
		kind: "mongodb",
		...createUserOperations(access),
		...administrators,
		...invitationOperations,
		deleteUser: removing.deleteUser,
		...logins,
		...createSessionOperations(access),
		...createMessageReads({ access, doubts }),
		...createProgress(access),
		...createMetrics(access),
		...createApiKeyOperations(access),
		...createAuditOperations(access),
		async repairInterrupted(now) {
			const answers = await tending.repairNow(now);
			await access.operate(dropSpent);
			return answers;
		},
		beginTurn,
		appendMessage,
		finishAnswer,
		clearMessages,
		deleteSession,
		createResetToken,
		resetPassword,
		replacePasswordHash,
		changePassword,
		setPassword,
		async purgeLogins(before) {
			await logins.purgeLogins(before);
			const isOld = ({ at }: { readonly at: Date }): boolean => Date.now() - at.getTime() >= SWEEP_AGE_MS;
			await access.operate(async () => {
				await clearing.sweep(isOld);
				await removing.sweep(isOld);
				await dropSpent();
			});
		},
		check: createCheck(access),
		close() {
			tending.stop();
			closing ??= access.drain().then(presence.stop).then(disconnect);
			return closing;
		},
	};
}

/** A read and a durable write within 2 s; calls at the same time share one. */
function createCheck({ operate, state }: Access): () => Promise<void> {
	let running: Promise<void> | undefined;

	async function beat(): Promise<void> {
		try {
			await state.updateOne({ _id: "heartbeat" }, { $inc: { beats: 1 } }, { upsert: true });
		} catch (error) {
			// Another process made the document at the same moment: a write that works.
			if (duplicateIndex(error) === undefined) throw error;
		}
		await state.findOne({ _id: "heartbeat" });
	}

	return () => {
		running ??= operate(() => within(CHECK_LIMIT_MS, beat())).finally(() => {
			running = undefined;
		});
		return running;
	};
}
