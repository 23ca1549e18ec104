// Settings that let the program keep everything in a MongoDB server for tests, in a database of their own.

import { MongoClient } from "mongodb";
import { addressOf, type Mongo } from "./mongo.ts";

/** A signing key that is good enough. */
export const KEY = "kX9-x2Lq0PzA7mN4-vB8cT3rW6yH1jD5sF";

let databases = 0;

export type MongoSettings = { readonly MONGODB_URI: string; readonly JWT_SECRET: string };

export function mongoSettings(mongo: Pick<Mongo, "url">): MongoSettings {
	databases += 1;
	return { MONGODB_URI: addressOf(mongo.url, `pocketllm_cli_${process.pid}_${databases}`), JWT_SECRET: KEY };
}

/** Leaves nothing behind in a server that belongs to others. */
export async function dropDatabases(mongo: Pick<Mongo, "url">): Promise<void> {
	const client = new MongoClient(mongo.url);
	for (let number = 1; number <= databases; number += 1) await client.db(`pocketllm_cli_${process.pid}_${number}`).dropDatabase();
	await client.close();
}

/** The database that those settings name. */
export function databaseNameOf({ MONGODB_URI }: Pick<MongoSettings, "MONGODB_URI">): string {
	return /\/(pocketllm_cli_\d+_\d+)/.exec(MONGODB_URI)?.[1] ?? "";
}
