// The attacker's races with everything in MongoDB, where no transaction keeps two writes together, and by two servers.

import { afterAll } from "bun:test";
import { startGateway } from "../http/gateway.ts";
import { describeRaces } from "../security/races.ts";
import { describeResults } from "../security/table.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { dropDatabases, mongoSettings } from "../support/mongo-settings.ts";

let mongo: Mongo | undefined;

describeRaces("on MongoDB", async (settings) => {
	mongo ??= await startMongo();
	const shared = { ...settings, ...mongoSettings(mongo) };
	return [await startGateway({ settings: shared }), await startGateway({ settings: shared })];
});

afterAll(async () => {
	console.log(describeResults());
	if (mongo === undefined) return;
	await dropDatabases(mongo);
	await mongo.stop();
}, 60_000);
