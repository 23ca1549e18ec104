// Data folders that a server must not start on: read-only, damaged, newer, taken. Part of the table "Process, disk, stores".

import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, type Ended, run, scratch } from "../support/binary.ts";
import { startServer } from "../support/server.ts";
import { time } from "./provoke.ts";
import { readOnly } from "./surroundings.ts";
import type { Trial } from "./table.ts";

let filled: Promise<string> | undefined;

/** A data folder that a server has used and left, copied for one trial. */
async function usedFolder(): Promise<string> {
	filled ??= (async () => {
		const server = await startServer({ settings: { UPSTREAMS: "" } });
		const person = await server.signup();
		const sessionId = await person.createSession();
		for (let index = 0; index < 50; index += 1) {
			await person.call("POST", `/sessions/${sessionId}/messages`, { role: "user", content: `message ${index} ${"x".repeat(500)}` });
		}
		await server.stop();
		return server.dataDir;
	})();
	const copy = join(scratch(), "data");
	cpSync(await filled, copy, { recursive: true });
	return copy;
}

function contentsOf(folder: string): Readonly<Record<string, string>> {
	const names = readdirSync(folder).filter((name) => name.startsWith("pocketllm.db"));
	return Object.fromEntries(
		names.map((name) => [name, new Bun.CryptoHasher("sha256").update(readFileSync(join(folder, name))).digest("hex")]),
	);
}

async function tryToStart(dataDir: string, before: readonly string[] = []): Promise<Ended> {
	return run(["serve", "--port", "0"], { env: { POCKETLLM_DATA_DIR: dataDir, UPSTREAMS: "" }, program: [...before, await binary()] });
}

/** That it refused with a sentence that names `path`, and touched nothing. Gives the sentence. */
function expectRefusal({ status, stdout, stderr }: Ended, path: string): string {
	expect(status).toBeGreaterThan(0);
	expect(status).toBeLessThan(10);
	expect(stdout).toBe("");
	const lines = stderr.trim().split("\n");
	expect(lines.length).toBe(1);
	const [sentence = ""] = lines;
	expect(sentence).toContain(path);
	expect(sentence).not.toMatch(/\bat \S+:\d+|SQLITE_|\$bunfs/);
	return `exit ${status}: ${sentence.replaceAll(path, "PATH")}`;
}

type Harm = { readonly what: string; readonly harm: (file: string) => void };

const HARMS: readonly Harm[] = [
	{
		what: "is overwritten with noise from its second page on",
		harm: (file) => {
			const bytes = readFileSync(file);
			bytes.fill(0xa5, 4096, 4096 * 6);
			writeFileSync(file, bytes);
		},
	},
	{ what: "is some other file", harm: (file) => writeFileSync(file, "this is no database\n".repeat(500)) },
	{ what: "is cut off in the middle", harm: (file) => truncateSync(file, 4096 * 9) },
	{
		what: "was written by a newer program",
		harm: (file) => {
			const db = new Database(file);
			db.run("PRAGMA user_version = 999");
			db.close();
		},
	},
];

export const OPENING_TRIALS: readonly Trial[] = [
	...HARMS.map(({ what, harm }) => ({
		injected: `the database file ${what}`,
		run: async () => {
			const folder = await usedFolder();
			const file = join(folder, "pocketllm.db");
			harm(file);
			const before = contentsOf(folder);
			const seen = expectRefusal(await tryToStart(folder), file);
			expect(contentsOf(folder)).toEqual(before);
			return seen;
		},
	})),
	{
		injected: "the database file cannot be written",
		run: async () => {
			const folder = await usedFolder();
			const file = join(folder, "pocketllm.db");
			const before = contentsOf(folder);
			const seen = expectRefusal(await tryToStart(folder, await readOnly(file)), file);
			expect(contentsOf(folder)).toEqual(before);
			return seen;
		},
	},
	{
		injected: "the data folder cannot be written",
		run: async () => {
			const folder = await usedFolder();
			const before = contentsOf(folder);
			const seen = expectRefusal(await tryToStart(folder, await readOnly(folder)), folder);
			expect(contentsOf(folder)).toEqual(before);
			return seen;
		},
	},
];

export const SECOND_SERVER_TRIALS: readonly Trial[] = [
	{
		injected: "`serve` on the folder of a running server",
		run: async () => {
			const server = await startServer({ settings: { UPSTREAMS: "" } });
			try {
				const at = performance.now();
				const second = await tryToStart(server.dataDir);
				const tookMs = performance.now() - at;
				const seen = expectRefusal(second, server.dataDir);
				expect(seen).toContain(String(server.pid));
				expect(tookMs).toBeLessThan(3000);
				expect((await fetch(`${server.address}/readyz`)).status).toBeOneOf([200, 503]);
				expect((await server.signup()).token).not.toBe("");
				return `after ${time(tookMs)} ${seen.replace(String(server.pid), "PID")}; the first goes on`;
			} finally {
				await server.stop();
			}
		},
	},
];
