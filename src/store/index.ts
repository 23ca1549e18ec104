// A driver's name → the driver, imported only when it is used. One line for each.

import type { Store } from "../ports/store.ts";
import type { SqliteStoreOptions } from "./sqlite/open.ts";

/** Opens the store inside the data folder. Codes as `createSqliteStore`. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
	const { createSqliteStore } = await import("./sqlite/open.ts");
	return createSqliteStore(options);
}
