// The SQLite store against kill -9, a second server, a backup in the middle of writes, and a full disk.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseId } from "../../src/domain/id.ts";
import { backupSqlite } from "../../src/store/sqlite/backup.ts";
import { createCommitter } from "../../src/store/sqlite/commit.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { findHolder, lockDataFolder } from "../../src/store/sqlite/lock.ts";
import { migrate } from "../../src/store/sqlite/migrations.ts";
import { createSqliteStore } from "../../src/store/sqlite/open.ts";
import { aMessage, aSession, expectCode, NOON, storedSession } from "../contracts/store/samples.ts";
import { afterwards, temporaryFolder, temporaryPath } from "./temporary.ts";

/** Starts a script of children/ and gives its lines as they come; it is killed after the test. */
function startChild(script: string, argument: string) {
	const child = Bun.spawn([process.execPath, join(import.meta.dir, "children", script), argument], { stdout: "pipe", stderr: "ignore" });
	afterwards(async () => {
		child.kill("SIGKILL");
		await child.exited;
	});
	return { child, lines: linesOf(child.stdout) };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
	const decoder = new TextDecoder();
	let rest = "";
	for await (const chunk of stream) {
		const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
		rest = lines.pop() ?? "";
		yield* lines;
	}
}

test("after kill -9 every acknowledged write is there, and what ran is repaired with its text", async () => {
	const path = temporaryPath();
	const { child, lines } = startChild("write-loop.ts", path);
	const names: { session?: string; running?: string } = JSON.parse((await lines.next()).value ?? "{}");
	const acknowledged: number[] = [];
	for await (const line of lines) {
		acknowledged.push(Number(line));
		if (acknowledged.length === 300) child.kill("SIGKILL");
	}
	expect(acknowledged.length).toBeGreaterThanOrEqual(300);

	const store = await createSqliteStore({ path, writer: "worker" });
	afterwards(() => store.close());
	const [session, running] = [parseId(names.session ?? ""), parseId(names.running ?? "")];
	if (session === undefined || running === undefined) throw new Error("the child named no sessions");
	const { messages, total } = await store.findMessages(session, { offset: 0, limit: 100_000 });
	const kept = new Set(messages.map((message) => Number(message.content)));
	expect(acknowledged.filter((number) => !kept.has(number))).toEqual([]);
	expect(messages).toHaveLength(total);
	expect(await store.repairInterrupted(NOON)).toBe(1);
	const answer = (await store.findMessages(running, { newest: 1 })).messages[0];
	expect(answer).toMatchObject({ status: "interrupted", errorCode: "interrupted" });
	expect(answer?.content).toMatch(/^(half )+$/);
	const db = new Database(path, { readonly: true });
	afterwards(() => db.close());
	expect(db.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
}, 30_000);

test("a second server on the same folder is refused with the first one's pid; kill -9 frees the folder", async () => {
	const folder = temporaryFolder();
	const { child, lines } = startChild("hold-lock.ts", folder);
	expect((await lines.next()).value).toBe("held");
	expect(readFileSync(join(folder, "pocketllm.pid"), "utf8")).toBe(`${child.pid}\n`);
	expect(() => lockDataFolder(folder)).toThrow(`process ${child.pid}`);
	await expectCode(
		Promise.try(() => lockDataFolder(folder)),
		"store_locked",
	);
	// A command may write meanwhile.
	const store = await createSqliteStore({ path: join(folder, "pocketllm.db"), writer: "inline" });
	await store.check();
	await store.close();
	child.kill("SIGKILL");
	await child.exited;
	const lock = lockDataFolder(folder);
	expect(readFileSync(join(folder, "pocketllm.pid"), "utf8")).toBe(`${process.pid}\n`);
	expect(() => lockDataFolder(folder)).toThrow(`process ${process.pid}`);
	// Neither those tries nor a look at the files let the kernel's lock go (POSIX drops it when any handle of the process is closed).
	const late = startChild("hold-lock.ts", folder);
	expect((await late.lines.next()).value).toBeUndefined();
	expect(await late.child.exited).not.toBe(0);
	// Who holds it is known beside it; the address once it listens, and never the one of somebody who was killed.
	expect(findHolder(folder)).toEqual({ pid: process.pid, address: undefined });
	lock.noteAddress("http://127.0.0.1:9001");
	expect(findHolder(folder)).toEqual({ pid: process.pid, address: "http://127.0.0.1:9001" });
	lock.release();
	lock.release();
	expect(existsSync(join(folder, "pocketllm.pid"))).toBe(false);
	writeFileSync(join(folder, "pocketllm.address"), "http://127.0.0.1:9002\n");
	expect(findHolder(folder)).toBeUndefined();
	const next = lockDataFolder(folder);
	expect(findHolder(folder)?.address).toBeUndefined();
	next.release();
	lockDataFolder(folder).release();
});

test("a data folder that cannot be one is refused with its name", async () => {
	const file = join(temporaryFolder(), "file");
	writeFileSync(file, "");
	expect(() => lockDataFolder(join(file, "data"))).toThrow(join(file, "data"));
	await expectCode(
		Promise.try(() => lockDataFolder(join(file, "data"))),
		"not_permitted",
	);
});

test("a backup during writes disturbs neither side, is intact and private, and holds everything acknowledged before", async () => {
	const path = temporaryPath();
	const store = await createSqliteStore({ path, writer: "worker" });
	afterwards(() => store.close());
	const session = await storedSession(store);
	await Promise.all(Array.from({ length: 200 }, () => store.appendMessage(aMessage(session, { content: "x".repeat(2000) }))));
	const to = join(dirname(path), "backups", "copy.db");
	let isDone = false;
	const writes = (async () => {
		let count = 0;
		while (!isDone) {
			await store.appendMessage(aMessage(session));
			count += 1;
		}
		return count;
	})();
	const child = Bun.spawn([process.execPath, join(import.meta.dir, "children", "backup.ts"), path, to], {
		stdout: "inherit",
		stderr: "inherit",
	});
	expect(await child.exited).toBe(0);
	isDone = true;
	expect(await writes).toBeGreaterThan(0);
	expect(statSync(to).mode & 0o777).toBe(0o600);
	expect(readdirSync(dirname(to))).toEqual(["copy.db"]);
	const copy = await createSqliteStore({ path: to, writer: "inline" });
	afterwards(() => copy.close());
	const { messages, total } = await copy.findMessages(session.id, { newest: 100_000 });
	expect(total).toBeGreaterThanOrEqual(200);
	expect(messages).toHaveLength(total);
});

test("a backup never replaces a file, and needs a database", async () => {
	const path = temporaryPath();
	const to = join(dirname(path), "copy.db");
	await expectCode(backupSqlite({ path, to }), "not_found");
	migrate({ path });
	writeFileSync(to, "mine");
	await expectCode(backupSqlite({ path, to }), "already_exists");
	expect(readFileSync(to, "utf8")).toBe("mine");
});

test("a backup of a damaged database is no backup: it fails and leaves no file", async () => {
	const path = temporaryPath();
	migrate({ path });
	const bytes = readFileSync(path);
	bytes.fill(0xa5, 4096, 3 * 4096);
	writeFileSync(path, bytes);
	const folder = join(dirname(path), "backups");
	await expectCode(backupSqlite({ path, to: join(folder, "copy.db") }), "store_damaged");
	expect(readdirSync(folder)).toEqual([]);
});

test("a database that may not grow gives store_full, keeps what it has, and takes writes again when it may", async () => {
	const path = temporaryPath();
	migrate({ path });
	const db = openConnection(path, "write");
	const committer = createCommitter({ path, open: () => db });
	afterwards(() => committer.close());
	const store = await createSqliteStore({ path, writer: "inline" });
	afterwards(() => store.close());
	const session = await storedSession(store);
	const write = () => committer.commit([{ id: 1, name: "appendMessage", args: aMessage(session, { content: "x".repeat(20_000) }) }])?.[0];
	const pages = db.query<{ page_count: number }, []>("PRAGMA page_count").get()?.page_count ?? 0;
	db.run(`PRAGMA max_page_count = ${pages + 20}`);
	let stored = 0;
	while (write()?.ok && stored < 100) stored += 1;
	expect(stored).toBeGreaterThan(0);
	expect(write()).toMatchObject({ ok: false, failure: { code: "store_full" } });
	const small = committer.commit([
		{ id: 1, name: "appendMessage", args: aMessage(session, { content: "x".repeat(20_000) }) },
		{ id: 2, name: "beat", args: undefined },
	]);
	expect(small?.map((outcome) => outcome.ok)).toEqual([false, true]);
	expect((await store.findMessages(session.id, { newest: 500 })).messages).toHaveLength(stored);
	db.run("PRAGMA max_page_count = 1000000");
	expect(write()).toEqual({ ok: true, value: undefined });
	await store.createSession(aSession(session.userId));
});

/** A file system of 24 MiB for one command, which ends with it: by root, or by anybody in a namespace of their own. `undefined` where neither is allowed. */
async function onSmallDisk(folder: string, command: readonly string[]): Promise<string | undefined> {
	const mountAndRun = `mount -t tmpfs -o size=24m none "$1" || exit 99; shift; exec "$@"`;
	for (const unshare of [
		["unshare", "--mount"],
		["unshare", "--mount", "--map-root-user"],
	]) {
		const child = Bun.spawn([...unshare, "sh", "-c", mountAndRun, "sh", folder, ...command], { stdout: "pipe", stderr: "pipe" });
		const [output, errors, status] = await Promise.all([
			new Response(child.stdout).text(),
			new Response(child.stderr).text(),
			child.exited,
		]);
		if (status === 0) return output;
		if (status !== 99 && !errors.startsWith("unshare")) throw new Error(`the command ended with ${status}: ${errors}`);
	}
	return undefined;
}

test("a full disk refuses what is new, still signs people in and ends running answers, and recovers without a restart", async () => {
	const folder = join(temporaryFolder(), "disk");
	mkdirSync(folder);
	const output = await onSmallDisk(folder, [process.execPath, join(import.meta.dir, "children", "full-disk.ts"), folder]);
	if (output === undefined) {
		console.warn("no small disk can be mounted here; the test with max_page_count stands for it");
		return;
	}
	const { accepted, full, after } = JSON.parse(output);
	expect(full).toEqual({
		turn: "store_full",
		signup: "store_full",
		read: accepted,
		login: "done",
		progress: "done",
		end: "done",
		check: "done",
	});
	expect(after).toEqual({ turn: "done", reserve: 4 * 1024 * 1024 });
}, 30_000);
