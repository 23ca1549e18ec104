// Moving house from the store that the settings mean to another one: which two stores that are, who is kept away meanwhile, and what is
// told of what stays behind. Part of the wiring; the rule itself is in move/.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "./config/options.ts";
import { fail, PocketError } from "./domain/errors.ts";
import { type MoveReport, type MoveRows, move } from "./move/move.ts";
import type { MoveProgress } from "./move/progress.ts";
import type { CopySource, CopyTarget, LeftBehind } from "./ports/copy.ts";
import { storePlace } from "./storage.ts";
import { openCopySource, openCopyTarget } from "./store/copy.ts";
import { databasePath, type StorePlace } from "./store/index.ts";
import { createLeftBehindFile } from "./store/left-behind.ts";

export type MoveRequest = {
	/** Where to: the data folder's SQLite file, or a MongoDB address. */
	readonly to: { readonly kind: "sqlite" } | { readonly kind: "mongodb"; readonly uri: string; readonly setting: string };
	readonly dryRun: boolean;
	readonly signal: AbortSignal;
	readonly onBegin: (places: { readonly from: string; readonly to: string }) => void;
	/** Before anything is written. */
	readonly onLooked: (looked: Looked) => void;
	readonly onProgress: (progress: MoveProgress) => void;
	/** Something else that was done, as a line. */
	readonly onStep: (line: string) => void;
};

/** What was found in the source. */
export type Looked = { readonly rows: MoveRows; readonly left: LeftSummary };

export type LeftSummary = {
	/** Documents that stay behind, in all, and the first of them. */
	readonly documents: number;
	readonly first: readonly { readonly collection: string; readonly id: string; readonly reason: string }[];
	/** Fields that stay behind while their document is copied: in how many documents each. */
	readonly fields: readonly { readonly collection: string; readonly field: string; readonly documents: number }[];
	/** Where all of it is kept; `null` in a dry run, and when there is nothing. */
	readonly file: string | null;
};

export type MoveOutcome = MoveReport & { readonly from: StorePlace["kind"]; readonly to: StorePlace["kind"]; readonly place: string };

const SHOWN = 20;
const FIELDS = 100;

/** Codes: those of `move`, of opening the two stores, `store_locked` while a server holds the data folder, `wrong_use`. */
export async function moveHouse(config: Config, request: MoveRequest): Promise<MoveOutcome> {
	const from = storePlace(config);
	const to = targetPlace(config, request.to);
	requireOtherKind(from, to);
	requireSource(from);
	// One of the two is the folder's file: whoever serves it would write what the copy then lacks, or what the copy would have to replace.
	const { lockDataFolder } = await import("./store/sqlite/lock.ts");
	const lock = lockDataFolder(config.dataDir);
	let source: CopySource | undefined;
	let target: CopyTarget | undefined;
	try {
		source = await openCopySource(from, { signal: request.signal });
		target = await openCopyTarget(to, { signal: request.signal });
		const report = await run(config, request, source, target);
		return { ...report, from: from.kind, to: to.kind, place: target.location };
	} finally {
		await source?.close();
		await target?.close();
		lock.release();
	}
}

async function run(config: Config, request: MoveRequest, source: CopySource, target: CopyTarget): Promise<MoveReport> {
	const { dryRun, signal, onBegin, onLooked, onProgress } = request;
	const file = createLeftBehindFile(join(config.dataDir, "pocketllm-left-behind.ndjson"));
	const summary = createSummary();
	onBegin({ from: source.location, to: target.location });
	try {
		return await move({
			source,
			target,
			dryRun,
			signal,
			now: Date.now,
			elapsed: () => performance.now(),
			onProgress,
			onLeft(left) {
				summary.add(left);
				if (!dryRun) file.add(left);
			},
			onLooked: (rows) => onLooked({ rows, left: { ...summary.read(), file: file.keep() } }),
		});
	} catch (error) {
		throw brokenOff(error);
	} finally {
		file.discard();
	}
}

/** A store's own sentence is for people who chat. */
function brokenOff(error: unknown): unknown {
	if (!(error instanceof PocketError) || error.code !== "store_unavailable" || error.details.sentence !== undefined) return error;
	const sentence =
		"The copy was broken off, because one of the two databases stopped answering. What was copied is kept: run the same command again, and it goes on from there.";
	return new PocketError("store_unavailable", { sentence, cause: error.details.cause });
}

function targetPlace(config: Config, to: MoveRequest["to"]): StorePlace {
	const place = storePlace({ ...config, mongodbUri: to.kind === "mongodb" ? to.uri : undefined });
	return place.kind === "mongodb" && to.kind === "mongodb" ? { ...place, setting: to.setting } : place;
}

function requireOtherKind(from: StorePlace, to: StorePlace): void {
	if (from.kind !== to.kind) return;
	if (to.kind === "sqlite") {
		fail(
			"wrong_use",
			"Everything is in the SQLite file already: MONGODB_URI is not set. To copy a MongoDB database into the file, set MONGODB_URI to it; to move the file, stop the server and move its folder.",
		);
	}
	fail(
		"wrong_use",
		"Everything is in MongoDB already (MONGODB_URI). To move it to another MongoDB, use mongodump and mongorestore, which keep everything.",
	);
}

/** Before the lock, which would make the folder. */
function requireSource(from: StorePlace): void {
	if (from.kind === "mongodb" || existsSync(databasePath(from.dataDir))) return;
	fail("not_found", `There is no database at ${databasePath(from.dataDir)} that could be copied. Name its folder with --data-dir.`);
}

function createSummary() {
	let documents = 0;
	const first: LeftSummary["first"][number][] = [];
	const fields = new Map<string, { collection: string; field: string; documents: number }>();
	return {
		add({ collection, id, reason, fields: names }: LeftBehind): void {
			if (reason !== null) {
				documents += 1;
				if (first.length < SHOWN) first.push({ collection, id, reason });
			}
			for (const name of names) {
				// Names of fields can be anything, also millions of different ones.
				const field = fields.size < FIELDS || fields.has(`${collection}.${name}`) ? name : "…";
				const known = fields.get(`${collection}.${field}`) ?? { collection, field, documents: 0 };
				fields.set(`${collection}.${field}`, { ...known, documents: known.documents + 1 });
			}
		},
		read: (): Omit<LeftSummary, "file"> => ({ documents, first, fields: [...fields.values()] }),
	};
}
