// Pages of the lists of everything, at any depth, for administrators. SQLite can only count its way to a page, and while it counts, every
// stream on this thread waits; so it walks the small index of ids, from whichever end is nearer, and in steps that others come between.

import type { Database } from "bun:sqlite";
import type { Range } from "../../../ports/store.ts";
import type { SqlValues } from "../rows.ts";
import type { Read } from "./read.ts";

/** Whole statements; each takes `$from`, and gives what lies behind that id in its direction. */
export type Walk = {
	/** The rows of a page, behind `$skip` others, at most `$limit`. */
	readonly page: string;
	/** The one id behind `$skip` others. */
	readonly step: string;
};

export type Pages = { readonly newestFirst: Walk; readonly oldestFirst: Walk };

/** What comes before and behind every id there is. */
const FIRST = "";
const LAST = "g";
/** Half a millisecond. */
const STEP_ROWS = 25_000;

type Deps = { readonly db: Database; readonly read: Read };

/** Rows `skip` to `skip + limit`, newest first by id: ids are made when things are. Rows that come or go meanwhile may shift it by as many. */
export async function readPage<Row>({ db, read }: Deps, pages: Pages, { skip, limit }: Range, total: number): Promise<readonly Row[]> {
	const count = Math.min(limit, total - skip);
	if (count <= 0) return [];
	const behind = total - skip - count;
	if (skip <= behind) return walk<Row>({ db, read }, pages.newestFirst, LAST, skip, count);
	return (await walk<Row>({ db, read }, pages.oldestFirst, FIRST, behind, count)).toReversed();
}

async function walk<Row>({ db, read }: Deps, { page, step }: Walk, start: string, rows: number, limit: number): Promise<readonly Row[]> {
	let from = start;
	let skip = rows;
	for (; skip > STEP_ROWS; skip -= STEP_ROWS) {
		const last = await read(() => db.query<{ id: string }, [SqlValues]>(step).get({ from, skip: STEP_ROWS - 1 }));
		if (last === null) return [];
		from = last.id;
		await new Promise<void>((resolve) => setImmediate(resolve));
	}
	return read(() => db.query<Row, [SqlValues]>(page).all({ from, skip, limit }));
}
