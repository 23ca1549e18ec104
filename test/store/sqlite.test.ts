// The SQLite driver in both of its forms runs the store's suite.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSqliteStore } from "../../src/store/sqlite/open.ts";
import { type StoreUnderTest, storeContract } from "../contracts/store.ts";

async function make(writer: "worker" | "inline"): Promise<StoreUnderTest> {
	const folder = mkdtempSync(join(tmpdir(), "store-"));
	const path = join(folder, "pocketllm.db");
	const store = await createSqliteStore({ path, writer });
	return {
		store,
		another: () => createSqliteStore({ path, writer: "inline" }),
		// Whoever opens the file as its owner knows that nobody else lives.
		bury: () => Promise.resolve(),
		async end() {
			await store.close();
			rmSync(folder, { recursive: true });
		},
	};
}

storeContract("SQLite with its writer on a thread", () => make("worker"));
storeContract("SQLite with its writer inline", () => make("inline"));
