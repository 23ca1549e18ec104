// The baseline of the startup and api benches: the least that Bun can do, as a program (children/bare.ts).

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "../support/binary.ts";
import { type Child, findFreePort, startChild } from "../support/child.ts";

const source = join(import.meta.dir, "children", "bare.ts");

/** Compiled as PocketLLM is; gives its path. */
export async function compileBare(): Promise<string> {
	const path = join(scratch(), "bare");
	const child = Bun.spawn([process.execPath, "build", source, "--compile", "--bytecode", "--format=esm", "--outfile", path], {
		stdout: "pipe",
		stderr: "pipe",
	});
	const [said, status] = await Promise.all([child.stderr.text(), child.exited]);
	if (status !== 0) throw new Error(`the baseline could not be compiled: ${said}`);
	return path;
}

export async function startBare(command: readonly string[] = [process.execPath, source], bodies: Readonly<Record<string, string>> = {}) {
	const port = await findFreePort();
	const file = join(scratch(), "bodies.json");
	writeFileSync(file, JSON.stringify(bodies));
	const child: Child = await startChild({
		command: [...command, String(port), file],
		isReady: async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok,
	});
	return { ...child, port };
}
