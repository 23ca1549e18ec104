// A data folder of its own for each test, removed afterwards.

import { afterEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ends: (() => unknown)[] = [];

afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

/** Runs after the test, the latest first. */
export function afterwards(end: () => unknown): void {
	ends.push(end);
}

export function temporaryFolder(): string {
	const folder = mkdtempSync(join(tmpdir(), "sqlite-store-"));
	afterwards(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

/** The path of a database that is not there yet. */
export function temporaryPath(): string {
	return join(temporaryFolder(), "pocketllm.db");
}
