// Where the programs that tests start keep everything: in the SQLite file of their data folder; or, with POCKETLLM_TEST_STORE=mongodb, in the
// server at MONGODB_TEST_URI, in a database of its own for each data folder. So one suite runs on either (test/run.ts, stage "mongo suites").

import { Database } from "bun:sqlite";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { readEnvironment } from "../../src/config/environment.ts";
import { parseId } from "../../src/domain/id.ts";
import type { Message } from "../../src/domain/message.ts";
import type { Store } from "../../src/ports/store.ts";
import { openStore, type StorePlace } from "../../src/store/index.ts";
import { addressOf } from "./mongo.ts";
import { KEY } from "./mongo-settings.ts";

/** What the names of such databases begin with. */
const DATABASE_PREFIX = "pocketllm_suite_";

function mongoUri(dataDir: string): string | undefined {
	const { POCKETLLM_TEST_STORE: wanted, MONGODB_TEST_URI: uri } = readEnvironment();
	if (wanted !== "mongodb") return undefined;
	if (!uri) throw new Error("POCKETLLM_TEST_STORE=mongodb needs MONGODB_TEST_URI; bun test/run.ts starts a server and sets both");
	return addressOf(uri, `${DATABASE_PREFIX}${Bun.hash(dataDir).toString(36)}`);
}

/** Settings of the program for this data folder, beside others; MongoDB wants a signing key, unless those name one in a file. */
export function storageSettings(dataDir: string, others: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
	const uri = mongoUri(dataDir);
	if (uri === undefined) return {};
	return { MONGODB_URI: uri, ...(others.JWT_SECRET_FILE === undefined && { JWT_SECRET: KEY }) };
}

/** What a command needs to work on what the server of this data folder has stored. */
export function commandSettings(dataDir: string): Readonly<Record<string, string>> {
	return { POCKETLLM_DATA_DIR: dataDir, ...storageSettings(dataDir) };
}

/** Opens the store of this data folder beside a running program, or before it starts. */
export async function withStoreOf<T>(dataDir: string, use: (store: Store) => Promise<T>): Promise<T> {
	const uri = mongoUri(dataDir);
	const collections = { users: "users", sessions: "sessions", messages: "messages" };
	const place: StorePlace = uri === undefined ? { kind: "sqlite", dataDir } : { kind: "mongodb", uri, database: "unused", collections };
	const store = await openStore(place, { as: "command" });
	try {
		return await use(store);
	} finally {
		await store.close();
	}
}

/** All that is stored, every table or collection of it, as JSON: what must be stored nowhere does not stand in it. */
export async function everythingStored(dataDir: string): Promise<string> {
	const uri = mongoUri(dataDir);
	if (uri === undefined) {
		const database = new Database(join(dataDir, "pocketllm.db"), { readonly: true });
		try {
			const tables = database.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'").all();
			return JSON.stringify(tables.map(({ name }) => [name, database.query(`SELECT * FROM "${name}"`).all()]));
		} finally {
			database.close();
		}
	}
	const client = new MongoClient(uri);
	try {
		const collections = await client.db().collections();
		return JSON.stringify(await Promise.all(collections.map(async (one) => [one.collectionName, await one.find().toArray()])));
	} finally {
		await client.close();
	}
}

/** Disables somebody beside a running server, and leaves the logins as they are: those must be refused all the same. */
export async function disable(dataDir: string, userId: string): Promise<void> {
	const id = parseId(userId);
	if (id === undefined) throw new Error("that is no id");
	await withStoreOf(dataDir, (store) => store.lockOut(id, Date.now()));
}

/** What is stored of a session's messages, whether the session is there or not; of the newest thousand. */
export function messagesStored(dataDir: string, sessionId: string): Promise<readonly Message[]> {
	return withStoreOf(dataDir, async (store) => {
		const { items } = await store.findAllMessages({ skip: 0, limit: 1000 });
		return items.filter((message) => message.sessionId === sessionId);
	});
}

/** Leaves nothing behind in a server that belongs to others. */
export async function dropSuiteDatabases(uri: string): Promise<void> {
	const client = new MongoClient(uri);
	const { databases } = await client.db("admin").admin().listDatabases();
	for (const { name } of databases) if (name.startsWith(DATABASE_PREFIX)) await client.db(name).dropDatabase();
	await client.close();
}
