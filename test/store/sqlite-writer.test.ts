// The one writer of the SQLite store: groups, savepoints, locks held elsewhere, and the death of its thread.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { createCommitter } from "../../src/store/sqlite/commit.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { migrate } from "../../src/store/sqlite/migrations.ts";
import { composeStore, createSqliteStore } from "../../src/store/sqlite/open.ts";
import { createWorkerWriter, spawnWorker } from "../../src/store/sqlite/writer.ts";
import { aMessage, aSession, aTurn, aUser, expectCode, NOON, newId, storedSession, tally } from "../contracts/store/samples.ts";
import { afterwards, temporaryPath } from "./temporary.ts";

/** Holds the write lock, as another process would. */
function holdLock(path: string): () => void {
	const db = new Database(path);
	db.run("BEGIN IMMEDIATE");
	return () => db.close();
}

test("writes that arrive while the writer is busy share one commit", async () => {
	const path = temporaryPath();
	const store = await createSqliteStore({ path, writer: "worker" });
	afterwards(() => store.close());
	const session = await storedSession(store);
	const walAfter = async (write: () => Promise<unknown>) => {
		const db = new Database(path);
		db.run("PRAGMA wal_checkpoint(TRUNCATE)");
		db.close();
		await write();
		return statSync(`${path}-wal`).size;
	};
	// Each commit writes at least every page it changed: the session's row and its three lists, the totals, the message and its indexes.
	const one = await walAfter(() => store.appendMessage(aMessage(session)));
	const hundred = await walAfter(() => Promise.all(Array.from({ length: 100 }, () => store.appendMessage(aMessage(session)))));
	const apart = await walAfter(async () => {
		for (let count = 0; count < 100; count += 1) await store.appendMessage(aMessage(session));
	});
	expect(apart).toBeGreaterThan(one * 50);
	expect(hundred).toBeLessThan(apart / 4);
	expect((await store.findMessages(session.id, { newest: 1 })).total).toBe(201);
});

test("what a commit has gathered is one transaction: other connections see all of it or nothing", async () => {
	const path = temporaryPath();
	migrate({ path });
	const committer = createCommitter({ path });
	afterwards(() => committer.close());
	const users = [aUser(), aUser(), aUser()];
	const observer = openConnection(path, "read");
	afterwards(() => observer.close());
	const version = () => observer.query<{ data_version: number }, []>("PRAGMA data_version").get()?.data_version;
	const before = version();
	committer.commit(users.map((args, id) => ({ id, name: "createUser", args })));
	// https://sqlite.org/pragma.html#pragma_data_version: changes by one for each commit of another connection that is seen.
	expect(version()).not.toBe(before);
	expect(observer.query("SELECT count(*) AS count FROM users").get()).toEqual({ count: 3 });
});

test("a refused write takes nothing of its group with it and leaves nothing of itself", async () => {
	const path = temporaryPath();
	const store = await createSqliteStore({ path, writer: "worker" });
	afterwards(() => store.close());
	const session = await storedSession(store);
	const twin = aUser();
	const results = await Promise.allSettled([
		store.createUser(twin),
		store.createUser(aUser({ email: twin.email })),
		store.beginTurn(aTurn(session)),
		store.beginTurn(aTurn(session)),
		// Its second message has the id of a stored one: the first message of the turn must go again too.
		store.beginTurn({ ...aTurn(aSession(newId(), { id: session.id })), answer: aMessage(session) }),
		store.createUser(aUser()),
	]);
	expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected", "rejected", "fulfilled"]);
	expect((await store.findUsers({ skip: 0, limit: 10 })).total).toBe(3);
	expect((await store.findMessages(session.id, { newest: 10 })).messages).toHaveLength(2);
});

test("a write that breaks an unforeseen rule of the schema is a defect, not an expected error, and the writer goes on", async () => {
	const path = temporaryPath();
	const store = await createSqliteStore({ path, writer: "worker" });
	afterwards(() => store.close());
	const session = await storedSession(store);
	const failure = await store.createSession(session).catch((error: unknown) => error);
	expect(failure).toBeInstanceOf(Error);
	expect(failure).not.toHaveProperty("code");
	await store.createUser(aUser());
	expect((await store.findAllSessions({ skip: 0, limit: 10 })).total).toBe(1);
});

test("a lock held elsewhere delays writes, never reads; writes go through when it is gone", async () => {
	for (const writer of ["worker", "inline"] as const) {
		const path = temporaryPath();
		const store = await createSqliteStore({ path, writer });
		afterwards(() => store.close());
		const user = aUser();
		await store.createUser(user);
		const release = holdLock(path);
		let isWritten = false;
		const write = store.setAdmin(user.id, true, NOON).then(() => {
			isWritten = true;
		});
		for (let look = 0; look < 8; look += 1) {
			expect((await store.findUserById(user.id))?.isAdmin).toBe(false);
			await Bun.sleep(20);
		}
		expect(isWritten).toBe(false);
		release();
		await write;
		expect((await store.findUserById(user.id))?.isAdmin).toBe(true);
	}
});

test("a lock held for longer than 5 s gives store_unavailable, nothing is written, and later writes work", async () => {
	const path = temporaryPath();
	const [worker, inline] = [await createSqliteStore({ path, writer: "worker" }), await createSqliteStore({ path, writer: "inline" })];
	afterwards(() => Promise.all([worker.close(), inline.close()]));
	const release = holdLock(path);
	const start = performance.now();
	const { codes } = await tally([
		...Array.from({ length: 5 }, () => worker.createUser(aUser())),
		inline.createUser(aUser()),
		// The readiness check gives up after 2 s.
		worker.check().finally(() => expect(performance.now() - start).toBeLessThan(4500)),
	]);
	expect(codes).toEqual(Array.from({ length: 7 }, () => "store_unavailable"));
	expect(performance.now() - start).toBeGreaterThan(4900);
	release();
	await worker.createUser(aUser());
	await inline.createUser(aUser());
	expect((await worker.findUsers({ skip: 0, limit: 1 })).total).toBe(2);
}, 20_000);

test("when the writer's thread dies, its pending writes reject, reads go on, and the next write starts a new one", async () => {
	const path = temporaryPath();
	migrate({ path });
	const spawned: Worker[] = [];
	const spawn = () => {
		const worker = spawnWorker();
		spawned.push(worker);
		return worker;
	};
	const store = composeStore({ db: openConnection(path, "read"), writer: createWorkerWriter({ path, spawn }), path });
	afterwards(() => store.close());
	const session = await storedSession(store);
	const { userMessage, answer } = aTurn(session);
	await store.beginTurn({ userMessage, answer });
	await store.saveProgress([{ messageId: answer.id, content: "one", reasoning: "" }]);
	const release = holdLock(path);
	const pending = tally([store.createUser(aUser()), store.saveProgress([{ messageId: answer.id, content: "one two", reasoning: "" }])]);
	spawned[0]?.terminate();
	expect((await pending).codes).toEqual(["store_unavailable", "store_unavailable"]);
	expect((await store.findMessages(session.id, { newest: 1 })).messages[0]?.content).toBe("one");
	release();
	await store.saveProgress([{ messageId: answer.id, content: "one two three", reasoning: "" }]);
	expect((await store.findMessages(session.id, { newest: 1 })).messages[0]?.content).toBe("one two three");
	expect(spawned).toHaveLength(2);
	await store.check();
});

test("a thread that cannot be started gives store_unavailable, and closing does not wait for it", async () => {
	const path = temporaryPath();
	migrate({ path });
	const spawn = () => new Worker(`data:text/javascript,throw new Error("no")`);
	const store = composeStore({ db: openConnection(path, "read"), writer: createWorkerWriter({ path, spawn }), path });
	await expectCode(store.createUser(aUser()), "store_unavailable");
	await expectCode(store.check(), "store_unavailable");
	await store.close();
});

test("reads work at once, before the writer's thread is up", async () => {
	const path = temporaryPath();
	migrate({ path });
	const store = await createSqliteStore({ path, writer: "worker" });
	afterwards(() => store.close());
	const order: string[] = [];
	await Promise.all([
		store.createUser(aUser()).then(() => order.push("write")),
		store.findUserByEmail("a@example.org").then(() => order.push("read")),
	]);
	expect(order).toEqual(["read", "write"]);
});

test("a writer whose database vanished says so, and works again when it is back", async () => {
	const path = temporaryPath();
	migrate({ path });
	const held: { open: () => Database } = {
		open: () => {
			throw Object.assign(new Error("unable to open database file"), { name: "SQLiteError", errno: 14 });
		},
	};
	const committer = createCommitter({ path, open: () => held.open() });
	afterwards(() => committer.close());
	const write = () => committer.commit([{ id: 1, name: "createUser", args: aUser() }])?.[0];
	expect(write()).toMatchObject({ ok: false, failure: { code: "store_unavailable" } });
	held.open = () => openConnection(path, "write");
	expect(write()).toMatchObject({ ok: true });
});
