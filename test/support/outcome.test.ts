// The counts of command two come from real reports of `bun test`, made here from small suites.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Outcome, outcomeOf } from "./outcome.ts";

const HEAD = 'import { expect, test } from "bun:test";\n';
const PASSING = `${HEAD}test("a < b & 'c'", () => {}); test("d", () => {});`;

let folder: string;
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "pocketllm-outcome-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(files: Readonly<Record<string, string>>, isCi = false): Promise<Outcome> {
	for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, `${name}.test.ts`), content);
	const report = join(folder, "report.xml");
	const child = Bun.spawn([process.execPath, "test", "--reporter=junit", `--reporter-outfile=${report}`], {
		cwd: folder,
		stdio: ["ignore", "ignore", "ignore"],
	});
	const status = await child.exited;
	return outcomeOf({ status, report: existsSync(report) ? readFileSync(report, "utf8") : undefined, isCi });
}

test("tests that pass are counted over all files", async () => {
	expect(await run({ one: PASSING, two: PASSING })).toEqual({ passed: 4, failed: 0, skipped: [] });
});

test("a failed test is counted once", async () => {
	expect(await run({ one: PASSING, two: `${HEAD}test("no", () => expect(1).toBe(2));` })).toEqual({ passed: 2, failed: 1, skipped: [] });
});

test("a file that cannot be loaded is a failure", async () => {
	const outcome = await run({ one: PASSING, two: "import './absent.ts';" });
	expect(outcome.passed).toBe(2);
	expect(outcome.failed).toBeGreaterThan(0);
});

test("a run that finds no test, or crashes before its report, is a failure", async () => {
	expect(await run({})).toEqual({ passed: 0, failed: 1, skipped: [] });
	expect(await run({ one: "process.exit(3);" })).toEqual({ passed: 0, failed: 1, skipped: [] });
});

test("a test that skips itself is named, and in CI a failure", async () => {
	const files = { one: `${PASSING} test.skip("not now", () => {});` };
	expect(await run(files)).toEqual({ passed: 2, failed: 0, skipped: ["1 tests skipped themselves"] });
	expect(await run(files, true)).toEqual({ passed: 2, failed: 1, skipped: ["1 tests skipped themselves"] });
});
