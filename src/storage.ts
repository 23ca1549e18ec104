// Which store the settings mean, and who may hold it. Part of the wiring.

import { existsSync } from "node:fs";
import type { Config } from "./config/options.ts";
import { PocketError } from "./domain/errors.ts";
import { databasePath, type StorePlace } from "./store/index.ts";

type StorageSettings = Pick<
	Config,
	"dataDir" | "mongodbUri" | "mongodbDb" | "mongodbUsersCollection" | "mongodbSessionsCollection" | "mongodbMessagesCollection"
>;

export function storePlace(config: StorageSettings): StorePlace {
	if (config.mongodbUri === undefined) return { kind: "sqlite", dataDir: config.dataDir };
	return {
		kind: "mongodb",
		uri: config.mongodbUri,
		database: config.mongodbDb,
		collections: {
			users: config.mongodbUsersCollection,
			sessions: config.mongodbSessionsCollection,
			messages: config.mongodbMessagesCollection,
		},
	};
}

/**
 * Keeps other servers away from a data folder that holds the database. With MongoDB several servers share one, and no folder is needed.
 * Gives what lets go. Codes: `store_locked`, `not_permitted`, `store_full`.
 */
export async function holdStore(place: StorePlace): Promise<() => void> {
	if (place.kind === "mongodb") return () => undefined;
	const { lockDataFolder } = await import("./store/sqlite/lock.ts");
	return lockDataFolder(place.dataDir).release;
}

/** For commands that would make an empty database only to find nothing in it. Codes: `not_found`. */
export function requireData(place: StorePlace): void {
	if (place.kind === "mongodb" || existsSync(databasePath(place.dataDir))) return;
	throw new PocketError("not_found", {
		sentence: `There is no database at ${databasePath(place.dataDir)}, so there are no people yet. Start the server once, or name its folder with --data-dir.`,
	});
}
