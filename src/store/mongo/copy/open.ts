// A MongoDB database as the source or the target of a copy. A source is only read, and needs no index of ours. A target that is being
// filled is marked (state.ts), and no server takes it until the mark says that it is finished.

import type { Id } from "../../../domain/id.ts";
import type { CopyCollection, CopyRecords, CopySource, CopyState, CopyTarget } from "../../../ports/copy.ts";
import { type Access, LONG_STEP_MS } from "../access.ts";
import { type Connection, type ConnectOptions, connect, type MongoPlace } from "../connection.ts";
import { toId } from "../conversion.ts";
import { findMissingIndexes, makeIndexes } from "../indexes.ts";
import { bringUp, requireKnownVersion } from "../migrations.ts";
import { keyFilter, MONGO_COLLECTIONS } from "./collections.ts";
import { walk } from "./cursor.ts";
import { readCopyState, requireNoUnfinishedCopy, saveCopyState } from "./state.ts";

/** Before its first answer a source without our indexes may have to put a whole collection in order. */
const SOURCE_PATIENCE_MS = 600_000;
const TARGET_PATIENCE_MS = 120_000;

async function open(place: MongoPlace, options: ConnectOptions): Promise<Connection> {
	const connection = await connect(place, options);
	try {
		await connection.access.operate(() => requireKnownVersion(connection));
		return connection;
	} catch (error) {
		await connection.close();
		throw error;
	}
}

/** Codes: those of `connect`, `store_too_new`; `already_exists`: it is an unfinished copy itself. */
export async function openMongoSource(place: MongoPlace, options: ConnectOptions = {}): Promise<CopySource> {
	const { access, location, close } = await open(place, { socketTimeoutMs: SOURCE_PATIENCE_MS, ...options });
	try {
		await access.operate(() => requireNoUnfinishedCopy(access, location));
	} catch (error) {
		await close();
		throw error;
	}
	const { users, sessions, messages } = place.collections;
	return {
		kind: "mongodb",
		location,
		identity: `mongodb:${location} (${users}, ${sessions}, ${messages})`,
		read: (collection, key) => readRecords(access, collection, key),
		inspect: (collection, onLeft) => MONGO_COLLECTIONS[collection].read(access, null, onLeft),
		close,
	};
}

/** Codes: those of `connect`, `store_too_new`. */
export async function openMongoTarget(place: MongoPlace, options: ConnectOptions = {}): Promise<CopyTarget> {
	const connection = await open(place, { socketTimeoutMs: TARGET_PATIENCE_MS, ...options });
	const { access, location, close } = connection;
	const { operate } = access;
	const writers = createWriters(access);
	const save = (state: CopyState): Promise<void> => operate(() => saveCopyState(access, state));

	return {
		kind: "mongodb",
		location,
		read: (collection, key) => readRecords(access, collection, key),
		state: () => operate(() => readCopyState(access)),
		occupied: () => operate(() => findOccupied(access, location)),
		async begin(state) {
			// Before the first document, so that an index in the way costs nobody an hour.
			const missing = await operate(() => findMissingIndexes(access));
			await save(state);
			for (const indexes of missing) await operate(() => makeIndexes(access, indexes));
		},
		clearAfter: (collection, key) => operate(() => clearAfter(access, collection, key)),
		async write(collection, records, state) {
			await operate(() => writers[collection](records));
			await save(state);
		},
		save,
		// Every batch has set what its sessions say (conversations.ts).
		settle: () => Promise.resolve(),
		messageCounts: () => readCounts(access),
		async finish(state) {
			await save(state);
			await operate(() => bringUp(connection, { migrate: true }));
		},
		close,
	};
}

function readRecords<C extends CopyCollection>(access: Access, collection: C, key: Id | null): AsyncIterable<CopyRecords[C]> {
	return MONGO_COLLECTIONS[collection].read(access, key, undefined);
}

type Writers = { readonly [C in CopyCollection]: (records: readonly CopyRecords[C][]) => Promise<void> };

function createWriters(access: Access): Writers {
	const { users, logins, resetTokens, apiKeys, invitations, removals, sessions, messages, audit } = MONGO_COLLECTIONS;
	return {
		users: users.createWriter(access),
		logins: logins.createWriter(access),
		resetTokens: resetTokens.createWriter(access),
		apiKeys: apiKeys.createWriter(access),
		invitations: invitations.createWriter(access),
		removals: removals.createWriter(access),
		sessions: sessions.createWriter(access),
		messages: messages.createWriter(access),
		audit: audit.createWriter(access),
	};
}

async function clearAfter({ step, ...access }: Access, collection: CopyCollection, key: Id | null): Promise<void> {
	for (const [name, field] of MONGO_COLLECTIONS[collection].holds) {
		await step(() => access[name].deleteMany(keyFilter(field, key)), LONG_STEP_MS);
	}
}

async function findOccupied({ step, ...access }: Access, location: string): Promise<string | undefined> {
	for (const { holds } of Object.values(MONGO_COLLECTIONS)) {
		for (const [name] of holds) {
			if ((await step(() => access[name].countDocuments({}, { limit: 1 }))) > 0)
				return `The collection ${access[name].collectionName} of ${location}`;
		}
	}
	return undefined;
}

async function* readCounts({ sessions }: Access): AsyncGenerator<{ id: Id; count: number }> {
	for await (const { _id, message_count } of walk(sessions, { sort: { _id: 1 }, fields: ["message_count"] })) {
		yield { id: toId(_id), count: message_count ?? 0 };
	}
}
