// Where things are kept in the data folder, and a driver's name → the driver, imported only when it is used.

import { join } from "node:path";
import type { Store } from "../ports/store.ts";
import type { MongoStoreOptions } from "./mongo/open.ts";
import type { SqliteStoreOptions } from "./sqlite/open.ts";

/** The database file. */
export function databasePath(dataDir: string): string {
	return join(dataDir, "pocketllm.db");
}

/** The file of signing keys. */
export function keyFilePath(dataDir: string): string {
	return join(dataDir, "signing-keys.json");
}

/** Opens the store inside the data folder. Codes as `createSqliteStore`. */
export async function openStore(dataDir: string, options: Omit<SqliteStoreOptions, "path">): Promise<Store> {
	const { createSqliteStore } = await import("./sqlite/open.ts");
	return createSqliteStore({ path: databasePath(dataDir), ...options });
}

/** Opens the store in a MongoDB database. Codes as `createMongoStore`. */
export async function openMongoStore(options: MongoStoreOptions): Promise<Store> {
	const { createMongoStore } = await import("./mongo/open.ts");
	return createMongoStore(options);
}
