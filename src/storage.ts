// Which store the settings mean, who may hold it, and how a server opens it. Part of the wiring.

import { existsSync } from "node:fs";
import type { Config } from "./config/options.ts";
import { PocketError } from "./domain/errors.ts";
import type { Log } from "./ports/log.ts";
import type { Store } from "./ports/store.ts";
import { databasePath, openStore, type StorePlace } from "./store/index.ts";

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
 * Gives what lets go, and what tells commands beside it where it listens. Codes: `store_locked`, `not_permitted`, `store_full`.
 */
export async function holdStore(place: StorePlace): Promise<{ release(): void; noteAddress(address: string): void }> {
	if (place.kind === "mongodb") return { release: () => undefined, noteAddress: () => undefined };
	const { lockDataFolder } = await import("./store/sqlite/lock.ts");
	return lockDataFolder(place.dataDir);
}

/** For how long a start waits for a database server that is away. */
const WAIT_MS = 30_000;

export type ServerStoreOptions = {
	readonly log: Log;
	/** Writes one line for the person at the shell. */
	readonly print: (line: string) => void;
	readonly migrate: boolean;
	/** Ends the waiting for a database server with `cancelled`. */
	readonly signal: AbortSignal;
	/** Other servers took this one for dead: what runs here is to be cut off. */
	readonly onGivenUp: () => void;
};

/** Opens the store for a server, with what crashes left repaired before anybody can read. Codes as `openStore`. */
export async function openServerStore(place: StorePlace, { log, print, migrate, signal, onGivenUp }: ServerStoreOptions): Promise<Store> {
	const store = await openStore(place, {
		as: "server",
		migrate,
		waitMs: WAIT_MS,
		onWait: (hosts) => print(`Waiting for MongoDB at ${hosts}, for up to ${WAIT_MS / 1000} s.`),
		signal,
		sharing: {
			onRepaired: (answers) => log.warn({ answers }, "answers of a server that died are marked as interrupted"),
			onFailed: (error) => log.debug({ err: error }, "whether other servers live could not be seen; the next look comes in a moment"),
			onGivenUp: () => {
				log.error({}, "other servers took this one for dead; what ran here is cut off, and it goes on");
				onGivenUp();
			},
		},
	});
	try {
		// Nobody is to see an answer that seems to grow and never will.
		const answers = await store.repairInterrupted(Date.now());
		if (answers > 0) log.warn({ answers }, "answers that a crash had cut off are marked as interrupted");
	} catch (error) {
		// A full disk must not keep people from reading what is there.
		log.error({ err: error }, "answers that a crash had cut off could not be marked");
	}
	return store;
}

/** For commands that would make an empty database only to find nothing in it. Codes: `not_found`. */
export function requireData(place: StorePlace): void {
	if (place.kind === "mongodb" || existsSync(databasePath(place.dataDir))) return;
	throw new PocketError("not_found", {
		sentence: `There is no database at ${databasePath(place.dataDir)}, so there are no people yet. Start the server once, or name its folder with --data-dir.`,
	});
}

/**
 * What `migrate` does, for a server that is to do it before it starts: an older file is copied to `backups/`, then brought up. Documents need
 * no copy of ours, and are brought up when they are opened. Codes as `bringUp` of src/store/schema.ts.
 */
export async function bringUpFile(place: StorePlace, onStep: (line: string) => void): Promise<void> {
	if (place.kind === "mongodb") return;
	const { bringUp, readSchema } = await import("./store/schema.ts");
	const { current, pending } = await readSchema(place);
	if (current > 0 && pending.length > 0) await bringUp(place, { onStep });
}
