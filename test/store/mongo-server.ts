// What the tests of the MongoDB driver share: one server for a file, a database of its own for each test, and a client that looks at the
// documents themselves.

import { type Db, MongoClient } from "mongodb";
import type { Store } from "../../src/ports/store.ts";
import { openMongoStore } from "../../src/store/index.ts";
import type { MongoStoreOptions } from "../../src/store/mongo/open.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";

export const COLLECTIONS = { users: "users", sessions: "sessions", messages: "messages" };

export type MongoForTests = Pick<Mongo, "url" | "stop"> & { readonly client: MongoClient };

export async function startForTests(): Promise<MongoForTests> {
	const mongo = await startMongo();
	const client = new MongoClient(mongo.url);
	return {
		url: mongo.url,
		client,
		async stop() {
			await client.close();
			await mongo.stop();
		},
	};
}

export type FreshDatabase = {
	readonly name: string;
	/** The documents themselves. */
	readonly db: Db;
	open(options?: Partial<MongoStoreOptions>): Promise<Store>;
	drop(): Promise<void>;
};

let databases = 0;

/** A database that is not there yet. The server's address is stripped of a database of its own. */
export function freshDatabase({ url, client }: Pick<MongoForTests, "url" | "client">): FreshDatabase {
	databases += 1;
	const name = `pocketllm_test_${process.pid}_${databases}`;
	const db = client.db(name);
	return {
		name,
		db,
		open: (options = {}) => openMongoStore({ uri: withDatabase(url, name), database: "unused", collections: COLLECTIONS, ...options }),
		drop: async () => {
			await db.dropDatabase();
		},
	};
}

/** Another database in the path; who signs in is still looked for where the address says. */
function withDatabase(url: string, name: string): string {
	const parts = /^(mongodb(?:\+srv)?:\/\/[^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url);
	if (parts === null) throw new Error("MONGODB_TEST_URI is no MongoDB address");
	const [, servers, database = "", options = ""] = parts;
	const isSignedIn = servers?.includes("@") === true && !/\bauthSource=/i.test(options);
	const query = [options, isSignedIn ? `authSource=${database || "admin"}` : ""].filter((part) => part !== "").join("&");
	return `${servers}/${name}${query === "" ? "" : `?${query}`}`;
}
