// A place → the source or the target of a copy, with its driver imported only when it is used.

import type { CopySource, CopyTarget } from "../ports/copy.ts";
import { databasePath, type StorePlace } from "./index.ts";

export type CopyOptions = { readonly signal: AbortSignal };

/** Codes as `openSqliteSource` and `openMongoSource`. */
export async function openCopySource(place: StorePlace, options: CopyOptions): Promise<CopySource> {
	if (place.kind === "mongodb") {
		const { openMongoSource } = await import("./mongo/copy/open.ts");
		return openMongoSource(place, options);
	}
	const { openSqliteSource } = await import("./sqlite/copy/source.ts");
	return openSqliteSource(databasePath(place.dataDir));
}

/** Codes as `openSqliteTarget` and `openMongoTarget`. */
export async function openCopyTarget(place: StorePlace, options: CopyOptions): Promise<CopyTarget> {
	if (place.kind === "mongodb") {
		const { openMongoTarget } = await import("./mongo/copy/open.ts");
		return openMongoTarget(place, options);
	}
	const { openSqliteTarget } = await import("./sqlite/copy/target.ts");
	return openSqliteTarget(databasePath(place.dataDir));
}
