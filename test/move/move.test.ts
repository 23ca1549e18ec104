// The rule of moving house, with a real database file as its target: it goes on wherever it was broken off, takes nothing that is not the
// same on both sides, and never mixes. What the drivers make of it is tested with them (test/store/mongo-copy.test.ts).

import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PocketError } from "../../src/domain/errors.ts";
import { type MoveOptions, type MoveReport, move } from "../../src/move/move.ts";
import type { MoveProgress } from "../../src/move/progress.ts";
import type { CopyRecords, CopySource, CopyTarget } from "../../src/ports/copy.ts";
import { openSqliteTarget } from "../../src/store/sqlite/copy/target.ts";
import { createSqliteStore } from "../../src/store/sqlite/open.ts";
import { aUser } from "../contracts/store/samples.ts";
import { type DatasetSize, datasetSource, personId, sessionId } from "../support/dataset.ts";

const SIZE: DatasetSize = { people: 20, sessions: 40, messages: 3000 };

const folders: string[] = [];
afterEach(() => {
	for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newPath(): string {
	const folder = mkdtempSync(join(tmpdir(), "move-"));
	folders.push(folder);
	return join(folder, "pocketllm.db");
}

type Change = Partial<MoveOptions> & { readonly wrap?: (target: CopyTarget) => CopyTarget };

async function run(path: string, { wrap = (target) => target, ...change }: Change = {}): Promise<MoveReport> {
	const target = wrap(openSqliteTarget(path));
	try {
		return await move({
			source: datasetSource(SIZE),
			target,
			dryRun: false,
			now: () => 1_800_000_000_000,
			elapsed: () => performance.now(),
			signal: new AbortController().signal,
			onProgress: () => undefined,
			onLeft: () => undefined,
			onLooked: () => undefined,
			...change,
		});
	} finally {
		await target.close();
	}
}

async function failureOf(promise: Promise<unknown>): Promise<PocketError> {
	try {
		await promise;
	} catch (error) {
		if (error instanceof PocketError) return error;
		throw error;
	}
	throw new Error("it did not fail");
}

/** Every row of every table of the copy, but for the moments of copying. */
function contents(path: string): string {
	const db = new Database(path, { readonly: true });
	const tables = db
		.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'copy_state' ORDER BY name")
		.all();
	const text = tables.map(({ name }) => `${name}\n${JSON.stringify(db.query(`SELECT * FROM "${name}" ORDER BY 1`).all())}`).join("\n");
	db.close();
	return text;
}

/** Fails at one call of `write`: before it, or after it was done. */
function failing(at: number, when: "before" | "after"): (target: CopyTarget) => CopyTarget {
	let calls = 0;
	return (target) => ({
		...target,
		async write(collection, records, state) {
			calls += 1;
			if (calls === at && when === "before") throw new Broken();
			await target.write(collection, records, state);
			if (calls === at) throw new Broken();
		},
	});
}

class Broken extends Error {}

describe("a copy", () => {
	test("holds everything, is a store at once, and leaves nothing beside it", async () => {
		const path = newPath();
		const seen: MoveProgress[] = [];
		const report = await run(path, { onProgress: (progress) => seen.push(progress) });
		expect(report).toMatchObject({ outcome: "moved", rows: { users: 20, sessions: 40, messages: 3000 }, written: 3113 });
		expect(readdirSync(join(path, ".."))).toEqual(["pocketllm.db"]);
		expect(new Set(seen.map(({ stage }) => stage))).toEqual(new Set(["look", "copy", "verify"]));
		const store = await createSqliteStore({ path, writer: "inline" });
		const page = await store.findMessages(sessionId(3), { newest: 500 });
		expect(page.messages.length).toBe(page.total);
		expect((await store.findSession(sessionId(3), personId(3)))?.messageCount).toBe(page.total);
		expect((await store.metrics({ active: 0, recent: 0 })).messages).toBe(3000);
		await store.close();
	});

	test("broken off before or after any of its writes it goes on, and the result is the same to the last byte", async () => {
		const whole = newPath();
		await run(whole);
		const expected = contents(whole);
		for (const when of ["before", "after"] as const) {
			for (let at = 1; at <= 8; at += 1) {
				const path = newPath();
				expect(await run(path, { wrap: failing(at, when) }).catch((error: unknown) => error)).toBeInstanceOf(Broken);
				expect(existsSync(path)).toBe(false);
				expect((await run(path)).outcome).toBe("moved");
				expect(contents(path) === expected).toBe(true);
			}
		}
	}, 30_000);

	test("broken off again and again it writes each time only what is missing", async () => {
		const path = newPath();
		for (let attempt = 0; attempt < 3; attempt += 1) {
			await run(path, { wrap: failing(3, "after") }).catch(() => undefined);
		}
		const report = await run(path);
		expect(report.written).toBeLessThan(3000);
		expect(report.rows.messages).toBe(3000);
	});

	test("run again when it is there it writes nothing and says so", async () => {
		const path = newPath();
		await run(path);
		const before = contents(path);
		expect(await run(path)).toMatchObject({ outcome: "there", written: 0, rows: { messages: 3000 } });
		expect(contents(path)).toBe(before);
	});

	test("cancelled it ends with what to do, and goes on", async () => {
		const path = newPath();
		const cancel = new AbortController();
		const failure = await failureOf(
			run(path, {
				signal: cancel.signal,
				onProgress: ({ stage, collection }) => stage === "copy" && collection === "messages" && cancel.abort(),
			}),
		);
		expect([failure.code, failure.message]).toEqual(["cancelled", expect.stringContaining("the same command goes on")]);
		expect(existsSync(path)).toBe(false);
		expect((await run(path)).written).toBeLessThan(3113);
	});

	test("a dry run writes nothing at all", async () => {
		const path = newPath();
		expect(await run(path, { dryRun: true })).toMatchObject({ outcome: "looked", rows: { users: 20 } });
		expect(readdirSync(join(path, ".."))).toEqual([]);
	});
});

describe("a copy is refused", () => {
	test("where data stands already; an empty database that a server has just made is as good as none", async () => {
		const path = newPath();
		const store = await createSqliteStore({ path, writer: "inline" });
		await store.check();
		await store.close();
		expect((await run(path)).outcome).toBe("moved");
		const other = newPath();
		const used = await createSqliteStore({ path: other, writer: "inline" });
		await used.createUser(aUser());
		await used.close();
		const before = contents(other);
		const failure = await failureOf(run(other));
		expect([failure.code, failure.message]).toEqual(["already_exists", expect.stringContaining(other)]);
		expect(contents(other)).toBe(before);
	});

	test("where another source's copy stands, finished or not", async () => {
		const path = newPath();
		const other = { ...datasetSource(SIZE), identity: "another" };
		await run(path, { wrap: failing(2, "after") }).catch(() => undefined);
		expect((await failureOf(run(path, { source: other }))).message).toContain("an unfinished copy of another source (generated)");
		await run(path);
		expect((await failureOf(run(path, { source: other }))).message).toContain("holds data already");
	});

	test("when the source has changed since it was finished", async () => {
		const path = newPath();
		await run(path);
		const failure = await failureOf(run(path, { source: datasetSource({ ...SIZE, messages: 3001 }) }));
		expect(failure.code).toBe("already_exists");
		expect(failure.message).toMatch(/changed since \(.*messages/);
	});

	test("when the source changes while it is copied; the next run begins anew and holds the change", async () => {
		const path = newPath();
		let isChanged = false;
		const source = changed(datasetSource(SIZE), () => isChanged);
		const wrap = (target: CopyTarget): CopyTarget => ({
			...target,
			async settle() {
				await target.settle();
				isChanged = true;
			},
		});
		const failure = await failureOf(run(path, { source, wrap }));
		expect([failure.code, failure.message]).toEqual(["already_exists", expect.stringContaining("was written to while it was copied")]);
		expect(existsSync(path)).toBe(false);
		expect((await run(path, { source })).outcome).toBe("moved");
		expect(contents(path)).toContain('"full_name":"Changed"');
	});

	test("when a record of it is not as it was; the next run begins anew", async () => {
		const path = newPath();
		const failure = await failureOf(run(path, { wrap: (target) => ({ ...target, write: lossy(target) }) }));
		expect([failure.code, failure.message]).toEqual(["store_damaged", expect.stringContaining("messages")]);
		expect(existsSync(path)).toBe(false);
		expect((await run(path)).outcome).toBe("moved");
	});

	test("when a session of it shows another number of messages than it has", async () => {
		const path = newPath();
		const failure = await failureOf(run(path, { wrap: (target) => ({ ...target, settle: () => Promise.resolve() }) }));
		expect([failure.code, failure.message]).toEqual(["store_damaged", expect.stringContaining("the count of session")]);
	});

	test("where a database of somebody's lies under the name of the unfinished copy", async () => {
		const path = newPath();
		const incoming = path.replace("pocketllm.db", "pocketllm-incoming.db");
		const store = await createSqliteStore({ path: incoming, writer: "inline" });
		await store.createUser(aUser());
		await store.close();
		const before = readFileSync(incoming);
		expect((await failureOf(run(path))).message).toContain(incoming);
		expect(readFileSync(incoming).equals(before)).toBe(true);
	});

	test("where a file stands that is no database", async () => {
		const path = newPath();
		writeFileSync(path, "a letter".repeat(1000));
		expect((await failureOf(run(path))).code).toBe("store_damaged");
	});
});

/** The first person's name is another one as soon as `isChanged`. */
function changed(source: CopySource, isChanged: () => boolean): CopySource {
	const read: CopySource["read"] = (collection, after) => altered(source.read(collection, after), isChanged);
	return { ...source, read, inspect: (collection) => altered(source.read(collection, null), isChanged) };
}

async function* altered<R extends object>(records: AsyncIterable<R>, isChanged: () => boolean): AsyncGenerator<R> {
	for await (const record of records)
		yield isChanged() && "email" in record && record.email === "person0@example.org" ? { ...record, fullName: "Changed" } : record;
}

/** Loses the end of one text. */
function lossy(target: CopyTarget): CopyTarget["write"] {
	return (collection, records, state) =>
		target.write(
			collection,
			records.map((record, index) => (collection === "messages" && index === 7 ? clipped(record) : record)),
			state,
		);
}

function clipped<R extends CopyRecords[keyof CopyRecords]>(record: R): R {
	return "content" in record ? { ...record, content: record.content.slice(0, -1) } : record;
}
