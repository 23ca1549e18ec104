// What we promise under faults, row by row, and the table of what was seen that is printed at the end of the run. How each fault is
// injected stands in the files named after the tables; the compiler sees to it that no row is without a trial.

export const PROMISES = {
	"Upstream faults": [
		"refuses the connection",
		"accepts, then silent before headers",
		"silent between chunks",
		"ends without its end mark; resets mid-chunk",
		"garbage or invalid JSON in a frame",
		"HTML page, 500, 200 with the wrong type",
		"401/403",
		"429/503 with Retry-After",
		"a line without end",
		"UTF-8 split at any byte, CR/LF/CRLF split across chunks, BOM",
		"1 byte/s; 10,000 chunks/s; endless answer",
		"redirect",
		"end mark twice, data after the end",
		"thinking text",
	],
	"Client faults": [
		"leaves before or during the stream, comes back",
		"never reads",
		"sends the same messageId again (lost response)",
		"sends to a session whose generation somebody follows",
		"deletes the session while it generates",
		"the account is disabled or logged out meanwhile",
		"token expires mid-stream",
	],
	"Process, disk, stores": [
		"SIGTERM",
		"SIGKILL, power cut",
		"disk full",
		"database locked, slow fsync",
		"database file read-only, corrupt, or newer than the program; data folder not writable",
		"a second server on the same data folder",
		"an unexpected exception anywhere",
		"file handles used up",
		"Redis dead, frozen, restarted, flushed",
		"clock jumps a day",
		"backup during 50 streams",
	],
} as const;

export type TableName = keyof typeof PROMISES;
type RowOf<T extends TableName> = (typeof PROMISES)[T][number];

/** One fault, injected into the real program. */
export type Trial = {
	/** What was done to it; also the test's name. */
	readonly injected: string;
	/** Throws when the promise does not hold; else gives what was seen, in a few words and figures. */
	readonly run: () => Promise<string>;
};

export type Trials<T extends TableName> = Readonly<Record<RowOf<T>, readonly Trial[]>>;

type Seen = Trial & {
	readonly table: TableName;
	readonly row: string;
	readonly passed: boolean;
	readonly seen: string;
};

const results: Seen[] = [];

/** Runs a trial and keeps what was seen for the table. */
export async function perform(table: TableName, row: string, trial: Trial): Promise<void> {
	try {
		results.push({
			...trial,
			table,
			row,
			passed: true,
			seen: await trial.run(),
		});
	} catch (error) {
		const [reason = ""] = Bun.stripANSI(error instanceof Error ? error.message : String(error)).split("\n");
		results.push({ ...trial, table, row, passed: false, seen: reason });
		throw error;
	}
}

/** All rows in their order; one that was filtered out of this run is shown as such. */
export function describeResults(): string {
	const lines: string[] = [];
	for (const [table, rows] of Object.entries(PROMISES)) {
		lines.push("", table, "─".repeat(table.length));
		for (const row of rows) {
			lines.push(row);
			const seen = results.filter((result) => result.table === table && result.row === row);
			if (seen.length === 0) lines.push("  not run");
			for (const result of seen) lines.push(`  ${result.passed ? "pass" : "FAIL"}  ${result.injected}`, `        → ${result.seen}`);
		}
	}
	const failed = results.filter((result) => !result.passed).length;
	const rows = new Set(results.map((result) => `${result.table} ${result.row}`)).size;
	lines.push("", `${rows} rows, ${results.length} faults injected: ${results.length - failed} held, ${failed} did not`);
	return lines.join("\n");
}
