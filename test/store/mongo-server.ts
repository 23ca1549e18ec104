// What the tests of the MongoDB driver share: one server for a file, a database of its own for each test, and a client that looks at the
// documents themselves.

import { type Db, MongoClient } from "mongodb";
import type { Store } from "../../src/ports/store.ts";
import { createMongoStore, type MongoStoreOptions } from "../../src/store/mongo/open.ts";
import { addressOf, type Mongo, startMongo } from "../support/mongo.ts";

export const COLLECTIONS = { users: "users", sessions: "sessions", messages: "messages" };

export type MongoForTests = Pick<Mongo, "url" | "pid" | "port" | "stop"> & { readonly client: MongoClient };

export async function startForTests(): Promise<MongoForTests> {
	const mongo = await startMongo();
	const client = new MongoClient(mongo.url);
	return {
		...mongo,
		client,
		async stop() {
			await client.close();
			await mongo.stop();
		},
	};
}

export type OpenOptions = Pick<MongoStoreOptions, "watch" | "tends" | "onGivenUp" | "pace"> & {
	/** Another port of 127.0.0.1 in the place of the server's, such as a proxy's. */
	readonly through?: number;
};

export type FreshDatabase = {
	/** The documents themselves. */
	readonly db: Db;
	/** Where it is, with everything that a client needs. */
	readonly uri: string;
	open(options?: OpenOptions): Promise<Store>;
	/** Strikes out the name of every process that has one, as others do whose number stands still. */
	bury(): Promise<void>;
	drop(): Promise<void>;
};

let databases = 0;

/** A database that is not there yet. */
export function freshDatabase({ url, client }: Pick<MongoForTests, "url" | "client">): FreshDatabase {
	databases += 1;
	const name = `pocketllm_test_${process.pid}_${databases}`;
	const db = client.db(name);
	return {
		db,
		uri: addressOf(url, name),
		open: ({ through, ...options } = {}) =>
			createMongoStore({ uri: addressOf(url, name, through), database: "unused", collections: COLLECTIONS }, options),
		bury: async () => {
			await db.collection("sessions_processes").updateMany({}, { $set: { ended: true } });
		},
		drop: async () => {
			await db.dropDatabase();
		},
	};
}
