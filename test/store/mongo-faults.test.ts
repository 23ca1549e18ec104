// The MongoDB store against a server that is killed under writes, freezes, is not there yet, or cannot be used.

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { MongoClient } from "mongodb";
import { PocketError } from "../../src/domain/errors.ts";
import type { Message } from "../../src/domain/message.ts";
import type { Session } from "../../src/domain/session.ts";
import type { Store } from "../../src/ports/store.ts";
import { createMongoStore } from "../../src/store/mongo/open.ts";
import { aMessage, anEnd, aSession, aTurn, aUser, expectCode, storedSession, tally } from "../contracts/store/samples.ts";
import { findFreePort } from "../support/child.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { COLLECTIONS } from "./mongo-server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
}, 60_000);

/** A server of our own, which may be killed; `undefined` where one is given that belongs to others. */
async function startOwn(): Promise<{ mongo: Mongo; restart: () => Promise<void>; port: number; pid: () => number } | undefined> {
	const folder = mkdtempSync(join(tmpdir(), "mongo-faults-"));
	ends.push(() => rmSync(folder, { recursive: true, force: true }));
	const options = { dataFile: join(folder, "data"), port: await findFreePort() };
	let mongo = await startMongo(options);
	if (mongo.pid === 0) {
		console.warn("MONGODB_TEST_URI names a server that is not ours to kill");
		return undefined;
	}
	ends.push(() => mongo.stop());
	return {
		mongo,
		port: options.port,
		pid: () => mongo.pid,
		async restart() {
			process.kill(mongo.pid, "SIGKILL");
			await mongo.stop();
			mongo = await startMongo(options);
		},
	};
}

function open(port: number, extra: { readonly waitMs?: number } = {}): Promise<Store> {
	const uri = `mongodb://127.0.0.1:${port}/faults`;
	return createMongoStore({ uri, database: "unused", collections: COLLECTIONS }, extra);
}

/** `undefined` when the store was away; any other failure is one of the test. */
async function unlessAway<T>(work: Promise<T>): Promise<T | "away"> {
	try {
		return await work;
	} catch (error) {
		if (error instanceof PocketError && error.code === "store_unavailable") return "away";
		throw error;
	}
}

describe("kill -9 of the server under writes", () => {
	/** Adds messages, noting which were acknowledged; an unknown one is not sent again. */
	async function addMessages(store: Store, session: Session, acknowledged: string[], isOver: () => boolean): Promise<void> {
		for (let number = 0; !isOver(); number += 1) {
			const message = aMessage(session, { content: `${crypto.randomUUID()} ${number}` });
			if ((await unlessAway(store.appendMessage(message))) !== "away") acknowledged.push(message.content);
		}
	}

	/** A client that sends every turn again under its id until it is acknowledged, and an engine that stores every end. */
	async function takeTurns(store: Store, session: Session, isOver: () => boolean): Promise<number> {
		let number = 0;
		while (!isOver()) {
			number += 1;
			const answer = await begin(store, session, `t${number}`);
			await unlessAway(store.saveProgress([{ messageId: answer.id, content: "half", reasoning: "" }]));
			while ((await unlessAway(store.finishAnswer(anEnd(answer, { content: `answer to t${number}` })))) !== true) await Bun.sleep(50);
		}
		return number;
	}

	async function begin(store: Store, session: Session, clientMessageId: string): Promise<Message> {
		while (true) {
			const turn = aTurn(session, { user: { content: clientMessageId, clientMessageId } });
			if ((await unlessAway(store.beginTurn(turn))) !== "away") return turn.answer;
			// Nothing of it is left when it is asked for the next time.
			let known = await unlessAway(store.findTurn(session.id, clientMessageId));
			while (known === "away") known = await unlessAway(store.findTurn(session.id, clientMessageId));
			expect(known).toBeUndefined();
		}
	}

	test("no acknowledged write is lost, none is doubled, and what sessions say of their messages is true", async () => {
		const server = await startOwn();
		if (server === undefined) return;
		const store = await open(server.port);
		ends.push(() => store.close());
		const shared = await storedSession(store);
		const own = [aSession(shared.userId), aSession(shared.userId), aSession(shared.userId)];
		for (const session of own) await store.createSession(session);
		const acknowledged: string[] = [];
		let isOver = false;
		const adding = Promise.all(Array.from({ length: 5 }, () => addMessages(store, shared, acknowledged, () => isOver)));
		const turning = Promise.all(own.map((session) => takeTurns(store, session, () => isOver)));
		for (let kills = 0; kills < 3; kills += 1) {
			const before = acknowledged.length;
			while (acknowledged.length < before + 100) await Bun.sleep(5);
			await server.restart();
		}
		const before = acknowledged.length;
		while (acknowledged.length < before + 100) await Bun.sleep(5);
		isOver = true;
		const [, turns] = await Promise.all([adding, turning]);

		const { messages, total } = await store.findMessages(shared.id, { offset: 0, limit: 100_000 });
		const kept = messages.map(({ content }) => content);
		expect(acknowledged.length).toBeGreaterThanOrEqual(400);
		expect(acknowledged.filter((content) => !kept.includes(content))).toEqual([]);
		expect(new Set(kept).size).toBe(kept.length);
		expect(total).toBe(kept.length);
		for (const [index, session] of own.entries()) {
			const page = await store.findMessages(session.id, { offset: 0, limit: 100_000 });
			const expected = Array.from({ length: turns[index] ?? 0 }, (_, at) => [`t${at + 1}`, `answer to t${at + 1}`]).flat();
			expect(page.messages.map(({ content }) => content)).toEqual(expected);
			expect(page.total).toBe(expected.length);
			expect(page.messages.every(({ status }) => status === "sent")).toBe(true);
		}
		// Nothing is left for a start to do.
		expect(await store.repairInterrupted(Date.now())).toBe(0);
		const client = new MongoClient(`mongodb://127.0.0.1:${server.port}`);
		ends.push(() => client.close());
		const sessions = await client.db("faults").collection("sessions").find().toArray();
		expect(sessions.filter(({ turn, appending }) => turn || appending?.length > 0)).toEqual([]);
	}, 60_000);
});

describe("a frozen server", () => {
	test("fails reads, writes and the check in time, and is taken up again when it goes on", async () => {
		const server = await startOwn();
		if (server === undefined) return;
		const store = await open(server.port);
		ends.push(() => store.close());
		const user = aUser();
		const start = performance.now();
		process.kill(server.pid(), "SIGSTOP");
		ends.push(() => process.kill(server.pid(), "SIGCONT"));
		const check = expectCode(store.check(), "store_unavailable").then(() => performance.now() - start);
		const { done, codes } = await tally([store.createUser(user), store.findUserByEmail(user.email)]);
		expect([done, codes]).toEqual([0, ["store_unavailable", "store_unavailable"]]);
		expect(await check).toBeLessThan(5_000);
		expect(performance.now() - start).toBeLessThan(14_000);
		process.kill(server.pid(), "SIGCONT");
		while ((await unlessAway(store.check())) === "away") expect(performance.now() - start).toBeLessThan(40_000);
		// It was done or not; then it can be done, or its address is taken, and there is one of it.
		const { codes: again } = await tally([store.createUser(user)]);
		expect([[], ["email_taken"]]).toContainEqual(again);
		expect((await store.findUsers({ skip: 0, limit: 5 })).total).toBe(1);
	}, 60_000);
});

describe("opening", () => {
	const SECRET = "Ev1l-secret";

	async function refusal(uri: string): Promise<PocketError> {
		try {
			await (await createMongoStore({ uri, database: "unused", collections: COLLECTIONS })).close();
		} catch (error) {
			expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(SECRET);
			if (error instanceof PocketError) return error;
			throw error;
		}
		throw new Error("the store opened");
	}

	test.each([
		`mongodb://person:${SECRET}@`,
		`http://person:${SECRET}@127.0.0.1/x`,
		`mongodb://person:${SECRET}:more@127.0.0.1/x`,
		`mongodb://person:${SECRET}@127.0.0.1/x?unheard=of`,
		`mongodb://person:${SECRET}@127.0.0.1:99999/x`,
		`mongodb+srv://person:${SECRET}@127.0.0.1:27017/x`,
		`${SECRET}`,
	])("what is no MongoDB address is refused as a setting, without a word of it (%#)", async (uri) => {
		expect((await refusal(uri)).code).toBe("invalid_settings");
	});

	test("a server that is not there is named by its host, and never with the password", async () => {
		const port = await findFreePort();
		const { code, message } = await refusal(`mongodb://person:${SECRET}@127.0.0.1:${port}/x`);
		expect(code).toBe("store_unavailable");
		expect(message).toContain(`127.0.0.1:${port}`);
	}, 20_000);

	test("a server of another replica set is not reached, and the sentence names that option", async () => {
		const server = await startOwn();
		if (server === undefined) return;
		const { code, message } = await refusal(`mongodb://127.0.0.1:${server.port}/x?replicaSet=another`);
		expect([code, message]).toEqual(["store_unavailable", expect.stringContaining("also its replicaSet")]);
	}, 60_000);

	test("a server that starts a little later is waited for when that is wanted", async () => {
		const port = await findFreePort();
		const opening = open(port, { waitMs: 30_000 });
		const mongo = await startMongo({ port });
		ends.push(() => mongo.stop());
		if (mongo.pid === 0) {
			await opening.catch(() => undefined);
			return;
		}
		const store = await opening;
		await store.check();
		await store.close();
	}, 60_000);
});
