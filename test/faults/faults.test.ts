// The suites of this folder take minutes and other programs: they run when they are asked for, with `bun test test/faults`.

import { wasAskedFor } from "../support/asked.ts";

if (wasAskedFor("test/faults")) {
	await import("./table.suite.ts");
	await import("./cuts.suite.ts");
	await import("./kill.suite.ts");
	await import("./slow-disk.suite.ts");
}
