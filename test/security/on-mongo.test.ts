// The attacks that could go otherwise where everything is in MongoDB, once more there (test/run.ts, stage "mongo suites"). Left out are those
// that never come to the store (bodies, browsers, header fields, files), and the key file: MongoDB needs a key from the settings.

import { afterAll } from "bun:test";
import { readEnvironment } from "../../src/config/environment.ts";
import { describeResults } from "./table.ts";

const SUITES = ["access-tokens", "deletion", "matrix", "others", "passwords", "refresh-tokens", "rights", "throttling"] as const;

if (readEnvironment().POCKETLLM_TEST_STORE === "mongodb") {
	for (const name of SUITES) await import(`./${name}.suite.ts`);
	afterAll(() => console.log(describeResults()));
}
