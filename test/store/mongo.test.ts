// The MongoDB driver runs the store's suite, against the server that test/support/mongo.ts finds; each test has a database of its own.

import { afterAll, beforeAll, setDefaultTimeout } from "bun:test";
import { type StoreUnderTest, storeContract } from "../contracts/store.ts";
import { freshDatabase, type MongoForTests, startForTests } from "./mongo-server.ts";

// Over TCP, to a server that is just warming up, on a machine that runs other files beside this one. And bun ends what a test that took too
// long had started, the server of all of them too.
setDefaultTimeout(30_000);

let mongo: MongoForTests;
beforeAll(async () => {
	mongo = await startForTests();
}, 300_000);
afterAll(() => mongo.stop());

async function make(): Promise<StoreUnderTest> {
	const database = freshDatabase(mongo);
	const store = await database.open();
	return {
		store,
		another: () => database.open(),
		bury: database.bury,
		async end() {
			await store.close();
			await database.drop();
		},
	};
}

storeContract("MongoDB", make);
