// Whether a folder of suites was named on the command line: `bun test test/faults`. Suites that take minutes wait for that; a plain
// `bun test` is the everyday run. (Patterns in bunfig.toml would leave them out even when they are named.)

import { readFileSync } from "node:fs";

/** Bun tells a test file nothing of its own command line, the system does. */
function commandLine(): readonly string[] {
	if (process.platform === "linux") return readFileSync("/proc/self/cmdline", "utf8").split("\0");
	const { stdout } = Bun.spawnSync(["ps", "-o", "args=", "-p", String(process.pid)]);
	return stdout.toString().trim().split(/\s+/);
}

/** Whether `folder`, or something in it, was named. */
export function wasAskedFor(folder: string): boolean {
	return commandLine().some((word) => word.replace(/^\.\//, "").startsWith(folder));
}
