// Where a store can be, and which driver that means; a driver is imported only when it is used. Also where things are kept in the data folder.

import { join } from "node:path";
import type { Store } from "../ports/store.ts";
import type { ConnectOptions, MongoPlace } from "./mongo/connection.ts";
import type { TendingOptions } from "./mongo/tending.ts";

/** Where a store is. What is in a URI is secret. */
export type StorePlace = { readonly kind: "sqlite"; readonly dataDir: string } | ({ readonly kind: "mongodb" } & MongoPlace);

export type OpenStoreOptions = Pick<ConnectOptions, "waitMs" | "onWait" | "signal"> & {
	/** `server` stays; `command` looks in, also beside a running server. */
	readonly as: "server" | "command";
	/** Brings an older schema up instead of refusing it. */
	readonly migrate?: boolean;
	/** Where several servers share the store: what a server that stays is told of those that died, and of being taken for one. */
	readonly sharing?: TendingOptions & { readonly onGivenUp: () => void };
};

/** The database file. */
export function databasePath(dataDir: string): string {
	return join(dataDir, "pocketllm.db");
}

/** The file of signing keys. */
export function keyFilePath(dataDir: string): string {
	return join(dataDir, "signing-keys.json");
}

/** Opens the store; one that is not there is made. Codes as `createSqliteStore` and `createMongoStore`. */
export async function openStore(place: StorePlace, { as, migrate = false, sharing, ...waiting }: OpenStoreOptions): Promise<Store> {
	switch (place.kind) {
		case "sqlite": {
			const { createSqliteStore } = await import("./sqlite/open.ts");
			return createSqliteStore({ path: databasePath(place.dataDir), writer: as === "server" ? "worker" : "inline", migrate });
		}
		case "mongodb": {
			const { createMongoStore } = await import("./mongo/open.ts");
			return createMongoStore(place, {
				migrate,
				...waiting,
				...(sharing !== undefined && { tends: sharing, onGivenUp: sharing.onGivenUp }),
			});
		}
	}
}
