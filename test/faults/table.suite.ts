// Every row of the three tables of what we promise under faults, each fault injected into the compiled program.

import { afterAll, describe, test } from "bun:test";
import { CLIENT_TRIALS } from "./client.ts";
import { PROCESS_TRIALS } from "./process.ts";
import { describeResults, perform, type TableName, type Trials } from "./table.ts";
import { UPSTREAM_TRIALS } from "./upstream.ts";

const TABLES: { readonly [T in TableName]: Trials<T> } = {
	"Upstream faults": UPSTREAM_TRIALS,
	"Client faults": CLIENT_TRIALS,
	"Process, disk, stores": PROCESS_TRIALS,
};

const TABLE_NAMES = ["Upstream faults", "Client faults", "Process, disk, stores"] as const;

for (const table of TABLE_NAMES) {
	describe(table, () => {
		for (const [row, trials] of Object.entries(TABLES[table])) {
			for (const trial of trials) test(`${row} · ${trial.injected}`, () => perform(table, row, trial), 120_000);
		}
	});
}

afterAll(() => console.log(describeResults()));
