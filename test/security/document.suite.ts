// The OpenAPI document, fuzzed: no answer of 5xx, and each one as the document describes it. The long form is `bun run soak fuzz`.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { FuzzFigures } from "../support/schemathesis.ts";
import { findSchemathesis } from "../support/schemathesis.ts";
import { type Caller, type FuzzedServer, startFuzzedServer } from "./fuzzing.ts";
import { attack } from "./table.ts";

const found = await findSchemathesis();

describe("the document, fuzzed", () => {
	if (!found.ok) {
		test.skip(`without schemathesis: ${found.reason}`, () => {});
		return;
	}
	const callers: readonly Caller[] = ["an administrator", "a user", "nobody"];
	let server: FuzzedServer;
	// All at once: most of the time is the fuzzer's own.
	let runs: ReadonlyMap<Caller, Promise<FuzzFigures>>;
	beforeAll(async () => {
		server = await startFuzzedServer();
		runs = new Map(
			callers.map((caller) => [caller, server.attackAs(caller, { seed: 1, ...(caller === "nobody" ? {} : { examples: 4 }) })]),
		);
	}, 60_000);
	afterAll(() => server.stop(), 30_000);

	for (const caller of callers) {
		attack(
			caller === "nobody" ? 9 : 11,
			`schemathesis on every operation of the OpenAPI document, as ${caller}`,
			async () => {
				const figures = await runs.get(caller);
				if (figures?.isClean !== true) throw new Error(`not as described:\n${figures?.report}`);
				expect((await server.gateway.root("GET", "/healthz")).status).toBe(200);
				return { inputs: figures.calls, held: "no 5xx; each status, content type, header field and shape as described" };
			},
			180_000,
		);
	}
});
