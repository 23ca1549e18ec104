// Command two ends with one line of totals that a machine can read, and with a status that tells the same.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";

const checkout = join(import.meta.dir, "../..");

async function runTests(...stages: readonly string[]) {
	const child = Bun.spawn(["./install.sh", "--test", ...stages], {
		cwd: checkout,
		env: { ...readEnvironment(), CI: "true" },
		stdin: "ignore",
		stdout: "pipe",
		stderr: "pipe",
		timeout: 120_000,
	});
	const [status, output, errors] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
	return { status, lines: output.trimEnd().split("\n"), errors };
}

test("named stages alone are run, listed with their times, and summed in the last line", async () => {
	const { status, lines } = await runTests("shell scripts");
	expect(status).toBe(0);
	expect(lines.at(-1)).toBe("1 passed, 0 failed");
	expect(lines.filter((line) => /^shell scripts +1 +0 +\d+\.\d$/.test(line))).toHaveLength(1);
	expect(lines.filter((line) => line.startsWith("=== "))).toEqual(["=== shell scripts"]);
}, 120_000);

test("a stage that does not exist is wrong use, named beside those that do", async () => {
	const { status, errors } = await runTests("shell scripts", "nonsense");
	expect(status).toBe(2);
	expect(errors).toMatch(/^There is no stage nonsense; there are: types, lint, /m);
}, 120_000);
