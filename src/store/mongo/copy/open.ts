// A MongoDB database as the source or the target of a copy. A source is only read, and needs no index of ours. A target that is being
// filled is marked in its state collection, and open.ts refuses it until the mark says that it is finished.

import type { MongoClient } from "mongodb";
import { PocketError } from "../../../domain/errors.ts";
import type { Id } from "../../../domain/id.ts";
import type { CopyCollection, CopyRecords, CopySource, CopyState, CopyTarget } from "../../../ports/copy.ts";
import { type Access, type CollectionNames, createAccess, openCollections } from "../access.ts";
import { createClient, databaseInUri, hostsOf } from "../client.ts";
import { connect } from "../connect.ts";
import { translate } from "../errors.ts";
import { ensureIndexes } from "../indexes.ts";
import { noteSchema, readCopyState, requireKnownSchema, saveCopyState } from "../schema.ts";
import { MONGO_COLLECTIONS } from "./collections.ts";
import { after, walk } from "./cursor.ts";

export type MongoCopyOptions = {
	/** Secret. */
	readonly uri: string;
	/** The database, unless the URI's path names one. */
	readonly database: string;
	readonly collections: CollectionNames;
	/** Where the URI came from, for sentences: MONGODB_URI, MIGRATE_TO. */
	readonly setting: string;
};

/** A server that must sort a whole collection first takes its time. */
const PATIENCE_MS = 600_000;

type Opened = { readonly client: MongoClient; readonly access: Access; readonly location: string; readonly identity: string };

async function open({ uri, database, collections, setting }: MongoCopyOptions): Promise<Opened> {
	const client = createClient(uri, { setting, socketTimeoutMs: PATIENCE_MS });
	try {
		await connect(client, { setting, waitMs: 0 });
		const name = databaseInUri(uri) ?? database;
		const access = createAccess(openCollections(client.db(name), collections));
		await access.operate(() => requireKnownSchema(access));
		const location = `MongoDB at ${hostsOf(client)}, database ${name}`;
		const { users, sessions, messages } = collections;
		return { client, access, location, identity: `mongodb:${hostsOf(client)}/${name}:${users},${sessions},${messages}` };
	} catch (error) {
		await client.close();
		throw error;
	}
}

/** Codes: `invalid_settings`, `not_permitted`, `store_unavailable`, `store_too_new`; `already_exists`: it is an unfinished copy itself. */
export async function openMongoSource(options: MongoCopyOptions): Promise<CopySource> {
	const { client, access, location, identity } = await open(options);
	const state = await access.operate(() => readCopyState(access));
	if (state !== undefined && state.finished === null) {
		await client.close();
		throw new PocketError("already_exists", {
			sentence: `${location} is an unfinished copy itself (of ${state.source}). Finish that one first, or copy from there.`,
		});
	}
	return {
		kind: "mongodb",
		location,
		identity,
		read: (collection, key) => readRecords(access, collection, key),
		inspect: (collection, onLeft) => MONGO_COLLECTIONS[collection].read(access, null, onLeft),
		close: () => client.close(),
	};
}

/** Codes as `openMongoSource`; `already_exists` when an index is in the way. */
export async function openMongoTarget(options: MongoCopyOptions): Promise<CopyTarget> {
	const { client, access, location } = await open(options);
	const { operate, step } = access;
	const writers = createWriters(access);
	const save = (state: CopyState): Promise<void> => operate(() => saveCopyState(access, state));

	return {
		kind: "mongodb",
		location,
		read: (collection, key) => readRecords(access, collection, key),
		state: () => operate(() => readCopyState(access)),
		async occupied() {
			for (const name of heldCollections()) {
				const one = await operate(() => step(() => access[name].findOne({}, { projection: { _id: 1 } })));
				if (one !== null) return `The collection ${access[name].collectionName} (${location})`;
			}
			return undefined;
		},
		async begin(state) {
			await save(state);
			await operate(() => ensureIndexes(access));
		},
		clearAfter: (collection, key) => clearAfter(access, collection, key),
		async write(collection, records, state) {
			await writers[collection](records);
			await save(state);
		},
		save,
		// Every batch has set what its sessions say (conversations.ts).
		settle: () => Promise.resolve(),
		async *messageCounts() {
			const found = walk(access.sessions, { sort: { _id: 1 }, fields: ["message_count"] });
			for await (const { _id, message_count } of found) yield { id: toKey(_id), count: message_count ?? 0 };
		},
		async finish(state) {
			await operate(() => noteSchema(access));
			await save(state);
		},
		close: () => client.close(),
	};
}
