// Opens the MongoDB store: client, version, indexes, then the operations by noun, composed to the port's Store.
//
// The server may be a standalone, which knows no transactions, so no operation needs one: each is one document, or begins with a mark that
// tells what was being done (turns.ts, clearing.ts, passwords.ts, ending-logins.ts) and by which repair.ts ends or undoes it at the next start.

import type { MongoClient } from "mongodb";
import { PocketError } from "../../domain/errors.ts";
import type { Store } from "../../ports/store.ts";
import { type Access, type CollectionNames, createAccess, openCollections, within } from "./access.ts";
import { createAdministratorOperations } from "./administrators.ts";
import { createAuditOperations } from "./audit.ts";
import { createClearing } from "./clearing.ts";
import { createClient, databaseInUri, hostsOf, type Watch } from "./client.ts";
import { createDoubts } from "./doubts.ts";
import { createLoginsEnder } from "./ending-logins.ts";
import { duplicateIndex, isAway, isRefusedLogin, translate } from "./errors.ts";
import { ensureIndexes } from "./indexes.ts";
import { createLoginOperations } from "./logins.ts";
import { createMessageReads } from "./messages.ts";
import { createMetrics } from "./metrics.ts";
import { createPasswordOperations } from "./passwords.ts";
import { createProgress } from "./progress.ts";
import { createRepair } from "./repair.ts";
import { noteSchema, requireKnownSchema } from "./schema.ts";
import { createSessionState } from "./session-state.ts";
import { createSessionOperations } from "./sessions.ts";
import { createTurns } from "./turns.ts";
import { createUserOperations } from "./users.ts";

export type MongoStoreOptions = {
	/** `mongodb://` or `mongodb+srv://`; TLS and authentication stand in it. Secret. */
	readonly uri: string;
	/** The database, unless the URI's path names one. */
	readonly database: string;
	readonly collections: CollectionNames;
	/** For how long a server that is away is waited for; one look (5 s) unless told. */
	readonly waitMs?: number;
	/** Sees every command that is sent; for tests. */
	readonly watch?: Watch;
};

const CHECK_LIMIT_MS = 2_000;
const SWEEP_AGE_MS = 600_000;

/**
 * Opens the store. Missing collections and indexes are made; nothing else is changed when it refuses. Codes: `invalid_settings` (no MongoDB
 * address), `not_permitted` (user or password refused), `store_unavailable` (with the hosts), `already_exists` (an index or documents are in
 * the way), `store_too_new`, `store_full`.
 */
export async function createMongoStore({ uri, database, collections, waitMs = 0, watch }: MongoStoreOptions): Promise<Store> {
	const client = createClient(uri, watch);
	try {
		await connect(client, waitMs);
		const access = createAccess(openCollections(client.db(databaseInUri(uri) ?? database), collections));
		await access.operate(async () => {
			await requireKnownSchema(access);
			await ensureIndexes(access);
			await noteSchema(access);
		});
		return composeStore(client, access);
	} catch (error) {
		await client.close();
		throw error;
	}
}

async function connect(client: MongoClient, waitMs: number): Promise<void> {
	const deadline = performance.now() + waitMs;
	while (true) {
		try {
			await client.connect();
			// A connection alone does not show that the user may do anything.
			await client.db("admin").command({ ping: 1 });
			return;
		} catch (error) {
			if (isRefusedLogin(error)) throw refused(client, error);
			if (!isAway(error)) throw unusable(client, error);
			if (performance.now() >= deadline) throw away(client, error);
		}
		await Bun.sleep(250);
	}
}

function refused(client: MongoClient, error: unknown): PocketError {
	return new PocketError("not_permitted", {
		sentence: `MongoDB at ${hostsOf(client)} refuses the user or the password of MONGODB_URI. Check both, and authSource.`,
		cause: translate(error),
	});
}

function away(client: MongoClient, error: unknown): PocketError {
	return new PocketError("store_unavailable", {
		sentence: `MongoDB at ${hostsOf(client)} cannot be reached. Check MONGODB_URI, and that the server runs and is reachable from here.`,
		cause: translate(error),
	});
}

/** Such as a server that is too old, or a certificate file that is not there. */
function unusable(client: MongoClient, error: unknown): PocketError {
	return new PocketError("store_unavailable", {
		sentence: `MongoDB at ${hostsOf(client)} cannot be used with these settings. Check the options in MONGODB_URI and the server's version.`,
		cause: translate(error),
	});
}

function composeStore(client: MongoClient, access: Access): Store {
	const state = createSessionState(access);
	const doubts = createDoubts();
	const turns = createTurns({ access, state, doubts });
	const clearing = createClearing({ access, state, turns, doubts });
	const ender = createLoginsEnder(access);
	const passwords = createPasswordOperations({ access, ender });
	const logins = createLoginOperations({ access, ender });
	const { beginTurn, appendMessage, finishAnswer } = turns;
	const { clearMessages, deleteSession } = clearing;
	const { createResetToken, resetPassword, replacePasswordHash, changePassword } = passwords;
	let closing: Promise<void> | undefined;

	return {
		kind: "mongodb",
		...createUserOperations(access),
		...createAdministratorOperations(access),
		...logins,
		...createSessionOperations(access),
		...createMessageReads({ access, doubts }),
		...createProgress(access),
		...createMetrics(access),
		...createAuditOperations(access),
		...createRepair({ access, state, turns, clearing, passwords, ender }),
		beginTurn,
		appendMessage,
		finishAnswer,
		clearMessages,
		deleteSession,
		createResetToken,
		resetPassword,
		replacePasswordHash,
		changePassword,
		async purgeLogins(before) {
			await logins.purgeLogins(before);
			await access.operate(() => clearing.sweep(SWEEP_AGE_MS));
		},
		check: createCheck(access),
		close() {
			closing ??= access.drain().then(() => client.close());
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
