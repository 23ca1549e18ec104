// What became of one run of `bun test`, from its exit status and its JUnit report. Running it is for test/run.ts.

export type Outcome = { readonly passed: number; readonly failed: number; readonly skipped: readonly string[] };

/** Counts a run. In CI a test that skipped itself has failed: nothing is skipped there. */
export function outcomeOf(run: { readonly status: number; readonly report: string | undefined; readonly isCi: boolean }): Outcome {
	const counts = run.report === undefined ? { tests: 0, failed: 0, skipped: 0 } : readReport(run.report);
	// A file that could not be loaded, a crash or the time limit: the report does not have it, the status does.
	const unreported = run.status !== 0 && counts.failed === 0 ? 1 : 0;
	return {
		passed: counts.tests - counts.failed - counts.skipped,
		failed: counts.failed + unreported + (run.isCi ? counts.skipped : 0),
		skipped: counts.skipped === 0 ? [] : [`${counts.skipped} tests skipped themselves`],
	};
}

/** The numbers of the outermost element, which sums all suites. */
function readReport(xml: string): { tests: number; failed: number; skipped: number } {
	const head = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? "";
	const read = (name: string): number => {
		const value = new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1];
		if (value === undefined) throw new Error(`the JUnit report of bun test has no ${name}`);
		return Number(value);
	};
	return { tests: read("tests"), failed: read("failures"), skipped: read("skipped") };
}
