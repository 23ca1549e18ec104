// Every attack of this folder on the compiled program, with a table of them at the end: `bun test test/security`. Each `*.suite.ts` beside
// this file is run.

import { afterAll } from "bun:test";
import { wasAskedFor } from "../support/asked.ts";
import { describeResults } from "./table.ts";

if (wasAskedFor("test/security")) {
	for (const name of [...new Bun.Glob("*.suite.ts").scanSync(import.meta.dir)].sort()) await import(`./${name}`);
	afterAll(() => console.log(describeResults()));
}
