// Reads the counts from the JUnit report of `bun test`. Nothing else of the report is needed.

export type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

/** Counts of the outermost element, which sums all suites. Throws when the text is no such report. */
export function countJunit(xml: string): Counts {
	const head = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? "";
	const read = (name: string): number => {
		const value = new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1];
		if (value === undefined) throw new Error(`the JUnit report has no ${name}`);
		return Number(value);
	};
	const failed = read("failures") + (/\berrors="/.test(head) ? read("errors") : 0);
	const skipped = read("skipped");
	return { passed: read("tests") - failed - skipped, failed, skipped };
}
