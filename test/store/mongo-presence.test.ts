// Several processes on one database: what one of them holds is its own while it lives, and is repaired by any other soon after it died; one
// that was taken for dead and lives learns so, and harms nothing. At a pace of some milliseconds; the program's own is tested with the
// program.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { ObjectId } from "mongodb";
import type { Store } from "../../src/ports/store.ts";
import type { Pace } from "../../src/store/mongo/presence.ts";
import { aMessage, anEnd, type aSession, aTurn, expectCode, HOUR, NOON, newId, storedSession } from "../contracts/store/samples.ts";
import { type BreakableWay, startProxy } from "./mongo-proxy.ts";
import { type FreshDatabase, freshDatabase, type MongoForTests, type OpenOptions, startForTests } from "./mongo-server.ts";

const QUICK: Pace = { beatMs: 40, deadAfterMs: 400 };
/** Nobody is given up for standing still. */
const PATIENT: Pace = { beatMs: 40, deadAfterMs: 3_600_000 };

let mongo: MongoForTests;
let database: FreshDatabase;
const ends: (() => unknown)[] = [];
beforeAll(async () => {
	mongo = await startForTests();
}, 300_000);
afterAll(() => mongo.stop());
beforeEach(() => {
	database = freshDatabase(mongo);
});
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
	await database.drop();
}, 30_000);

async function open(options: OpenOptions = {}): Promise<Store> {
	const store = await database.open({ pace: QUICK, ...options });
	ends.push(() => store.close());
	return store;
}

/** A process that can be cut off from the database, which looks to all others as if it had died. */
async function openDoomed(options: OpenOptions = {}): Promise<{ store: Store; way: BreakableWay }> {
	const way = await startProxy(mongo.port);
	ends.push(way.stop);
	return { store: await open({ through: way.port, ...options }), way };
}

type Server = { readonly store: Store; readonly repaired: () => number; readonly failures: unknown[] };

async function openServer(options: OpenOptions = {}): Promise<Server> {
	let answers = 0;
	const failures: unknown[] = [];
	const tends = {
		onRepaired: (more: number) => {
			answers += more;
		},
		onFailed: (error: unknown) => failures.push(error),
	};
	return { store: await open({ tends, ...options }), repaired: () => answers, failures };
}

async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
	const deadline = performance.now() + withinMs;
	while (!(await holds())) {
		if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
		await Bun.sleep(10);
	}
}

const names = () => database.db.collection("sessions_processes").find().toArray();
const sessionDocument = (id: string) => database.db.collection("sessions").findOne({ _id: new ObjectId(id) });

describe("one process among others", () => {
	test("keeps its running answers through the starts and looks of the others, for as long as it lives", async () => {
		const one = await open();
		const session = await storedSession(one);
		const turn = aTurn(session);
		await one.beginTurn(turn);
		const others = [await openServer(), await openServer()];
		for (const { store } of others) expect(await store.repairInterrupted(NOON)).toBe(0);
		// Several times the time after which it would be given up.
		await Bun.sleep(QUICK.deadAfterMs * 3);
		await one.saveProgress([{ messageId: turn.answer.id, content: "half", reasoning: "" }]);
		expect((await others[0]?.store.findMessages(session.id, { newest: 1 }))?.messages[0]).toMatchObject({
			content: "half",
			status: "streaming",
		});
		expect(await one.finishAnswer(anEnd(turn.answer))).toBe(true);
		expect(others.map(({ repaired, failures }) => [repaired(), failures])).toEqual([
			[0, []],
			[0, []],
		]);
	});

	test("that died: another one ends its answers with their text, once, and frees their sessions, soon after", async () => {
		const { store: dying, way } = await openDoomed();
		const sessions = [await storedSession(dying), await storedSession(dying), await storedSession(dying)];
		const turns = sessions.map((session) => aTurn(session, { user: { clientMessageId: "t" } }));
		for (const turn of turns) await dying.beginTurn(turn);
		await dying.saveProgress(turns.map(({ answer }) => ({ messageId: answer.id, content: "half an ans", reasoning: "" })));
		const others = [await openServer(), await openServer()];
		way.cut();
		await until("all are repaired", () => others.reduce((sum, { repaired }) => sum + repaired(), 0) === 3);
		const [first] = others;
		if (first === undefined) throw new Error("no server");
		for (const [index, session] of sessions.entries()) {
			const { messages, total } = await first.store.findMessages(session.id, { newest: 5 });
			expect(messages.map(({ content, status, errorCode }) => [content, status, errorCode])).toEqual([
				[turns[index]?.userMessage.content ?? "", "sent", null],
				["half an ans", "interrupted", "interrupted"],
			]);
			expect(total).toBe(2);
			await first.store.beginTurn(aTurn(session));
		}
		await until("its name is gone", async () => (await names()).length <= 1);
	}, 30_000);

	test("that stops leaves its name struck out, and the next one takes it away", async () => {
		const one = await open();
		await one.appendMessage(aMessage(await storedSession(one)));
		expect(await names()).toMatchObject([{ ended: null }].map(() => ({ beats: expect.any(Number) })));
		await one.close();
		expect(await names()).toMatchObject([{ ended: true }]);
		const next = await open();
		await next.repairInterrupted(NOON);
		expect(await names()).toEqual([]);
	});

	test("that only reads, or writes single documents, has no name", async () => {
		const one = await open();
		const session = await storedSession(one);
		await one.findMessages(session.id, { newest: 5 });
		await one.updateSession(session.id, session.userId, { title: "x" }, NOON);
		expect(await names()).toEqual([]);
	});
});

describe("what a process left that died in the middle", () => {
	const ghost = new ObjectId();

	test("of storing a turn: it never began", async () => {
		const { store } = await openServer();
		const session = await storedSession(store);
		await store.appendMessage(aMessage(session, { content: "first" }));
		const { answer } = aTurn(session);
		const turn = {
			id: new ObjectId(answer.id),
			kind: "answer",
			owner: ghost,
			prompt_id: null,
			client_message_id: null,
			at: new Date(NOON),
		};
		await database.db
			.collection("sessions")
			.updateOne({ _id: new ObjectId(session.id) }, { $set: { turn, last_message: "?" }, $inc: { message_count: 2, seq: 2 } });
		await expectCode(store.beginTurn(aTurn(session)), "generation_in_progress");
		await store.repairInterrupted(NOON + HOUR);
		expect(await store.findSession(session.id, session.userId)).toMatchObject({ messageCount: 1, lastMessage: "first" });
		await store.beginTurn(aTurn(session));
	});

	test("of adding a message: it is there and counted, or neither", async () => {
		const { store } = await openServer();
		const session = await storedSession(store);
		const there = aMessage(session, { content: "there" });
		await store.appendMessage(there);
		const appending = [
			{ id: new ObjectId(there.id), owner: ghost },
			{ id: new ObjectId(newId()), owner: ghost },
		];
		await database.db
			.collection("sessions")
			.updateOne({ _id: new ObjectId(session.id) }, { $set: { appending }, $inc: { message_count: 1 } });
		await store.repairInterrupted(NOON);
		expect(await sessionDocument(session.id)).toMatchObject({ message_count: 1, appending: [] });
	});

	test("of a clearing: it is done to its end, and takes nothing that came later", async () => {
		const { store } = await openServer();
		const session = await storedSession(store);
		await store.appendMessage(aMessage(session, { content: "old" }));
		const turn = { id: new ObjectId(), kind: "clear", owner: ghost, prompt_id: null, client_message_id: null, at: new Date(NOON) };
		await database.db.collection("sessions").updateOne({ _id: new ObjectId(session.id) }, { $set: { turn } });
		await store.repairInterrupted(NOON);
		await store.appendMessage(aMessage(session, { content: "new" }));
		await store.repairInterrupted(NOON);
		const { messages, total } = await store.findMessages(session.id, { newest: 5 });
		expect([messages.map(({ content }) => content), total]).toEqual([["new"], 1]);
	});
});

describe("a process that was taken for dead and lives", () => {
	test("learns it with its next beat, takes another name, and its late ends change nothing", async () => {
		let givenUp = 0;
		const frozen = await open({
			pace: PATIENT,
			onGivenUp: () => {
				givenUp += 1;
			},
		});
		const session = await storedSession(frozen);
		const turn = aTurn(session);
		await frozen.beginTurn(turn);
		await frozen.saveProgress([{ messageId: turn.answer.id, content: "half", reasoning: "" }]);
		const { store: other } = await openServer();
		await database.bury();
		expect(await other.repairInterrupted(NOON)).toBe(1);
		await until("it knows", () => givenUp === 1);
		expect(await frozen.finishAnswer(anEnd(turn.answer))).toBe(false);
		expect((await other.findMessages(session.id, { newest: 1 })).messages[0]).toMatchObject({ content: "half", status: "interrupted" });
		// It goes on as another one, whose answers are its own again.
		const again = aTurn(session);
		await frozen.beginTurn(again);
		expect(await other.repairInterrupted(NOON)).toBe(0);
		expect(await frozen.finishAnswer(anEnd(again.answer))).toBe(true);
		expect(givenUp).toBe(1);
	});

	/** Runs `work` up to its command number `at`, and what others do meanwhile, then lets it go on. */
	async function withPause(at: number, work: (store: Store) => Promise<unknown>, meanwhile: () => Promise<unknown>): Promise<string> {
		const reached = Promise.withResolvers<void>();
		const way = await startProxy(mongo.port);
		ends.push(way.stop);
		let commands = -Infinity;
		const store = await open({
			pace: PATIENT,
			through: way.port,
			watch: (name, command) => {
				// Beats are nobody's work.
				if (command[name] === "sessions_processes") return;
				commands += 1;
				if (commands !== at) return;
				way.hold();
				reached.resolve();
			},
		});
		// Its name is there already, so that its commands are those of the work.
		await store.appendMessage(aMessage(await storedSession(store)));
		commands = 0;
		const outcome = work(store).then(
			() => "done",
			(error: unknown) => String(Reflect.get(Object(error), "code")),
		);
		const isReached = await Promise.race([reached.promise.then(() => true), outcome.then(() => false)]);
		commands = -Infinity;
		if (!isReached) return "over";
		await meanwhile();
		way.goOn();
		return outcome;
	}

	/** Number of messages as counted, as told and as there; and nobody at work any more. */
	async function expectSound(store: Store, sessionId: string, among: readonly number[]): Promise<void> {
		const session = await sessionDocument(sessionId);
		const there = await database.db.collection("messages").countDocuments({ session_id: new ObjectId(sessionId) });
		expect([session?.message_count, session?.turn ?? null, session?.appending ?? []]).toEqual([there, null, []]);
		expect(among).toContain(there);
		expect(await store.repairInterrupted(NOON)).toBe(0);
	}

	const works = {
		"beginning a turn": (session: ReturnType<typeof aSession>) => (store: Store) => store.beginTurn(aTurn(session)),
		"adding a message": (session: ReturnType<typeof aSession>) => (store: Store) => store.appendMessage(aMessage(session)),
		"clearing the messages": (session: ReturnType<typeof aSession>) => (store: Store) =>
			store.clearMessages(session.id, session.userId, NOON),
	};
	test.each(Object.entries(works))(
		"%s, stopped at each of its commands while another repairs: counts stay true, nothing is half done",
		async (name, work) => {
			const { store: other } = await openServer({ pace: PATIENT });
			for (let at = 1, isOver = false; !isOver; at += 1) {
				const session = await storedSession(other);
				await other.appendMessage(aMessage(session, { content: "before" }));
				const outcome = await withPause(at, work(session), async () => {
					await database.bury();
					await other.repairInterrupted(NOON);
					await other.appendMessage(aMessage(session, { content: "later" }));
				});
				isOver = outcome === "over";
				// The paused one may have run to its end after the repair: what it left then is repaired like anything else.
				await database.bury();
				await other.repairInterrupted(NOON);
				expect(["done", "store_unavailable", "over", "generation_in_progress"]).toContain(outcome);
				// Beside the ones of before and later. A message that was refused may stand there all the same, one that was told is there.
				const own = name === "adding a message" ? [1] : name === "beginning a turn" ? (outcome === "store_unavailable" ? [0] : [2]) : [0];
				const before = name === "clearing the messages" ? [0, 1] : [1];
				const later = outcome === "over" || (name === "clearing the messages" && at === 1) ? [0, 1] : [1];
				await expectSound(
					other,
					session.id,
					own.flatMap((one) => before.flatMap((two) => later.map((three) => one + two + three))),
				);
				expect(at).toBeLessThan(30);
			}
		},
		60_000,
	);
});

test("a database that was away for longer than anybody may stand still: nobody is given up for it", async () => {
	const ways = [await startProxy(mongo.port), await startProxy(mongo.port)];
	ends.push(...ways.map((way) => way.stop));
	let givenUp = 0;
	const onGivenUp = (): void => {
		givenUp += 1;
	};
	const servers = await Promise.all(ways.map((way) => openServer({ through: way.port, onGivenUp })));
	const turns = await Promise.all(
		servers.map(async ({ store }) => {
			const turn = aTurn(await storedSession(store));
			await store.beginTurn(turn);
			return { store, turn };
		}),
	);
	await Bun.sleep(QUICK.deadAfterMs);
	for (const way of ways) way.hold();
	await Bun.sleep(QUICK.deadAfterMs * 4);
	for (const way of ways) way.goOn();
	await Bun.sleep(QUICK.deadAfterMs * 2);
	for (const { store, turn } of turns) expect(await store.finishAnswer(anEnd(turn.answer))).toBe(true);
	expect([givenUp, ...servers.map(({ repaired }) => repaired())]).toEqual([0, 0, 0]);
}, 30_000);
