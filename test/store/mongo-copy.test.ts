// Copies between the two drivers, each against the real other one: nothing is lost, added or put in another order on the way; what another
// program, a crash or a hand has left in MongoDB comes over as it was meant, or is named.

import { Database } from "bun:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { BSON, type Db, Decimal128, ObjectId } from "mongodb";
import { createPasswords, STANDARD_HASHING } from "../../src/auth/passwords.ts";
import { type Id, parseId } from "../../src/domain/id.ts";
import { type MoveOptions, type MoveReport, move } from "../../src/move/move.ts";
import type { CopySource, CopyState, CopyTarget, LeftBehind } from "../../src/ports/copy.ts";
import type { Store } from "../../src/ports/store.ts";
import { openMongoSource, openMongoTarget } from "../../src/store/mongo/copy/open.ts";
import { openSqliteSource } from "../../src/store/sqlite/copy/source.ts";
import { openSqliteTarget } from "../../src/store/sqlite/copy/target.ts";
import { createSqliteStore } from "../../src/store/sqlite/open.ts";
import { aLogin, aMessage, anEnd, aSession, aTurn, aUser, DAY, expectCode, NOON, newId } from "../contracts/store/samples.ts";
import recorded from "../fixtures/captures/mongo-documents.json";
import { fillDatabase, personId, sessionId } from "../support/dataset.ts";
import { differingTables } from "../support/same-rows.ts";
import { COLLECTIONS, type FreshDatabase, freshDatabase, type MongoForTests, startForTests } from "./mongo-server.ts";
import { afterwards, temporaryPath } from "./temporary.ts";

const SIZE = { people: 12, sessions: 40, messages: 2600 };
const CAROL = idOf("6b041e0141cb1347a28169c6");
const GREETINGS = idOf("6b041e0241cb1347a28169c8");

let mongo: MongoForTests;
let database: FreshDatabase;
let db: Db;

beforeAll(async () => {
	mongo = await startForTests();
}, 300_000);
afterAll(() => mongo.stop());

beforeEach(() => {
	database = freshDatabase(mongo);
	db = database.db;
});
afterEach(() => database.drop());

function idOf(text: string): Id {
	const id = parseId(text);
	if (id === undefined) throw new Error(`${text} is no id`);
	return id;
}

const place = () => ({ uri: database.uri, database: "unused", collections: COLLECTIONS });

type Sides = { source: () => Promise<CopySource>; target: () => Promise<CopyTarget> };

async function run(sides: Sides, change: Partial<MoveOptions> & { breakAt?: number } = {}): Promise<MoveReport> {
	const [source, target] = [await sides.source(), await sides.target()];
	const before = await target.state();
	try {
		return await move({
			source,
			target: breaking(target, change.breakAt, before?.positions ?? {}),
			dryRun: false,
			now: () => NOON,
			elapsed: () => performance.now(),
			signal: new AbortController().signal,
			onProgress: () => undefined,
			onLeft: nothing,
			onLooked: () => undefined,
			...change,
		});
	} finally {
		await source.close();
		await target.close();
	}
}

const nothing: MoveOptions["onLeft"] = (left) => {
	throw new Error(`it stayed behind: ${JSON.stringify(left)}`);
};

/** Ends at one of its writes as a kill would: what was written is there, the position behind it is not. */
function breaking(target: CopyTarget, at: number | undefined, before: CopyState["positions"]): CopyTarget {
	let writes = 0;
	let written = before;
	return {
		...target,
		async write(collection, records, state) {
			writes += 1;
			const isLast = writes === at;
			await target.write(collection, records, isLast ? { ...state, positions: written } : state);
			if (isLast) throw new Error("broken off");
			written = state.positions;
		},
	};
}

const toMongo = (path: string): Sides => ({ source: async () => openSqliteSource(path), target: () => openMongoTarget(place()) });
const toSqlite = (path: string): Sides => ({ source: () => openMongoSource(place()), target: async () => openSqliteTarget(path) });

describe("from SQLite to MongoDB and back", () => {
	test("every row of every table is what it was, and every session in its order", async () => {
		const [path, back] = [temporaryPath(), temporaryPath()];
		await fillDatabase(path, SIZE);
		expect(await run(toMongo(path))).toMatchObject({
			outcome: "moved",
			rows: { users: 12, logins: 12, sessions: 40, messages: 2600, audit: 12 },
		});
		expect(await run(toSqlite(back))).toMatchObject({ outcome: "moved", rows: { messages: 2600 } });
		expect(differingTables(path, back)).toEqual([]);
	}, 60_000);

	test("neither source is changed by a byte", async () => {
		const [path, back] = [temporaryPath(), temporaryPath()];
		await fillDatabase(path, { people: 4, sessions: 8, messages: 100 });
		const before = await Bun.file(path).bytes();
		await run(toMongo(path));
		expect(Buffer.from(await Bun.file(path).bytes()).equals(before)).toBe(true);
		const lying = await everything();
		await run(toSqlite(back));
		expect(await everything()).toEqual(lying);
	});

	test("broken off at any of its writes, in either direction, it goes on and the result is the same", async () => {
		const path = temporaryPath();
		await fillDatabase(path, SIZE);
		await run(toMongo(path));
		const whole = await everything();
		for (const breakAt of [2, 7, 9, 10]) {
			await db.dropDatabase();
			expect(await run(toMongo(path), { breakAt }).catch((error: Error) => error.message)).toBe("broken off");
			expect(await run(toMongo(path))).toMatchObject({ outcome: "moved" });
			expect((await everything()) === whole).toBe(true);
		}
		const back = temporaryPath();
		for (const breakAt of [2, 5, 1, 1]) await run(toSqlite(back), { breakAt }).catch(() => undefined);
		await run(toSqlite(back));
		expect(differingTables(path, back)).toEqual([]);
	}, 120_000);

	test("the copy works as a store at once: turns go on in the order that was, logins refresh, versions and prompts are found", async () => {
		const path = temporaryPath();
		await fillDatabase(path, SIZE);
		const sqlite = await createSqliteStore({ path, writer: "inline" });
		const anna = aUser({ email: "anna@example.org" });
		await sqlite.createUser(anna);
		const session = aSession(anna.id);
		await sqlite.createSession(session);
		const turn = aTurn(session);
		await sqlite.beginTurn(turn);
		await sqlite.finishAnswer(anEnd(turn.answer));
		const again = aTurn(session, { answer: { versionOf: turn.answer.id, createdAt: NOON - DAY } });
		await sqlite.beginTurn({ userMessage: turn.userMessage, answer: again.answer, keepsPrompt: true, replacesFrom: turn.answer.id });
		await sqlite.finishAnswer(anEnd(again.answer, { content: "Another." }));
		const login = aLogin(anna.id);
		await sqlite.createLogin(login, "first", anna.passwordHash);
		const rotation = { now: NOON, graceMs: 10_000, idleMs: DAY, address: null };
		await sqlite.rotateRefreshToken({ ...rotation, hash: "first", successorHash: "second" });
		await sqlite.rotateRefreshToken({ ...rotation, hash: "second", successorHash: "third" });
		await sqlite.close();
		await run(toMongo(path));
		const back = temporaryPath();
		await run(toSqlite(back));

		for (const store of [await database.open(), await createSqliteStore({ path: back, writer: "inline" })]) {
			afterwards(() => store.close());
			const page = await store.findMessages(session.id, { newest: 10 });
			expect(page.messages.map(({ content }) => content)).toEqual(["What is a monad?", "Another."]);
			expect(page.total).toBe(2);
			expect((await store.findVersions(again.answer)).map(({ content }) => content)).toEqual([
				"A monoid in the category of endofunctors.",
				"Another.",
			]);
			expect((await store.findTurnOfGeneration(again.answer.generationId ?? newId(), anna.id))?.userMessage.id).toBe(turn.userMessage.id);
			await store.appendMessage(aMessage(session, { content: "and then?", createdAt: 1 }));
			expect((await store.findMessages(session.id, { newest: 1 })).messages[0]?.content).toBe("and then?");
			expect((await store.findSession(session.id, anna.id))?.messageCount).toBe(3);
			expect(await store.rotateRefreshToken({ ...rotation, hash: "second", successorHash: "third" })).toBe("repeated");
			expect(await store.rotateRefreshToken({ ...rotation, hash: "third", successorHash: "fourth" })).toBe("rotated");
			expect(await store.rotateRefreshToken({ ...rotation, hash: "first", successorHash: "second" })).toBe("reused");
			expect((await store.findMessages(sessionId(3), { newest: 500 })).total).toBeGreaterThan(0);
			expect(
				(await store.findSessions({ userId: personId(3), sortBy: "createdAt", sortOrder: "desc", skip: 0, limit: 100 })).total,
			).toBeGreaterThan(2);
		}
	}, 60_000);

	test("an answer that a crash cut off comes with what there was of it, and the next start marks it as interrupted", async () => {
		const path = temporaryPath();
		const sqlite = await createSqliteStore({ path, writer: "inline" });
		const anna = aUser({ email: "anna@example.org" });
		await sqlite.createUser(anna);
		const session = aSession(anna.id);
		await sqlite.createSession(session);
		const turn = aTurn(session);
		await sqlite.beginTurn(turn);
		await sqlite.saveProgress([{ messageId: turn.answer.id, content: "A mon", reasoning: "Let me" }]);
		await sqlite.saveProgress([{ messageId: turn.answer.id, content: "A monoid in", reasoning: "Let me think" }]);
		await sqlite.close();
		await run(toMongo(path));
		const back = temporaryPath();
		await run(toSqlite(back));
		for (const store of [await database.open(), await createSqliteStore({ path: back, writer: "inline" })]) {
			afterwards(() => store.close());
			expect(await store.repairInterrupted(NOON)).toBe(1);
			const answer = (await store.findMessages(session.id, { newest: 1 })).messages[0];
			expect(answer).toMatchObject({ content: "A monoid in", reasoning: "Let me think", status: "interrupted" });
		}
	});
});

/** All documents of the database, but for the moments of copying. */
async function everything(): Promise<string> {
	const names = (await db.listCollections().toArray()).map(({ name }) => name).sort();
	const texts: string[] = [];
	for (const name of names.filter((other) => other !== "users_state")) {
		texts.push(`${name} ${BSON.EJSON.stringify(await db.collection(name).find().sort({ _id: 1 }).toArray(), { relaxed: false })}`);
	}
	return texts.join("\n");
}

describe("the replaced gateway's database", () => {
	beforeEach(async () => {
		for (const [name, documents] of Object.entries(recorded.collections)) {
			await db.collection(name).insertMany(documents.map((document) => BSON.EJSON.deserialize(document, { relaxed: false })));
		}
	});

	/** Copies, and opens the result. */
	async function moved(onLeft: MoveOptions["onLeft"] = nothing): Promise<Store> {
		const path = temporaryPath();
		await run(toSqlite(path), { onLeft });
		const store = await createSqliteStore({ path, writer: "inline" });
		afterwards(() => store.close());
		return store;
	}

	test("comes over whole: everybody's password, and every conversation as it was", async () => {
		const store = await moved();
		const passwords = createPasswords({ minLength: 8, hashing: STANDARD_HASHING });
		for (const { email, password } of recorded.passwords) {
			expect(await passwords.verify(password, (await store.findUserByEmail(email))?.passwordHash)).toBe(true);
		}
		expect(await store.findUserById(CAROL)).toMatchObject({ email: "carol@example.com", fullName: "Carol Example", isAdmin: false });
		const { items } = await store.findSessions({ userId: CAROL, sortBy: "updatedAt", sortOrder: "desc", skip: 0, limit: 20 });
		expect(items.map(({ title, metadata, messageCount }) => [title, metadata, messageCount])).toEqual([
			["Greetings", {}, 4],
			["New chat", { source: "import", n: 3 }, 0],
		]);
		const page = await store.findMessages(GREETINGS, { newest: 500 });
		expect(page.messages.map(({ content }) => content)).toEqual([
			"Say hello",
			"Hello from the fake.",
			"And again, with é 你好 😀",
			"Hello from the fake.",
		]);
	}, 30_000);

	test("what is missing has its default, and a count that drifted or is missing is counted", async () => {
		await db.collection("sessions").updateOne({ _id: new ObjectId(GREETINGS) }, { $unset: { message_count: "", title: "" } });
		await db
			.collection("users")
			.insertOne({ email: "Mixed.Case@Example.com", password_hash: "x", name: "Other", avatar: "https://x/a.png" });
		const store = await moved();
		expect(await store.findSession(GREETINGS, CAROL)).toMatchObject({ messageCount: 4, title: "New Chat" });
		expect(await store.findUserByEmail("mixed.case@example.com")).toMatchObject({
			fullName: "Other",
			avatarUrl: "https://x/a.png",
			isAdmin: false,
		});
	});

	test("what cannot be read is named with its reason, its content is told whole, and everything else comes over", async () => {
		const session_id = new ObjectId(GREETINGS);
		const user_id = new ObjectId(CAROL);
		const odd = { text: new ObjectId(), session: new ObjectId(), orphan: new ObjectId(), double: new ObjectId(), nameless: new ObjectId() };
		await db.collection<{ _id: unknown; [field: string]: unknown }>("messages").insertMany([
			{ _id: "m1", session_id, user_id, role: "user", content: "an id of another kind" },
			{ _id: odd.text, session_id: "greetings", user_id, role: "user", content: "names no session" },
			{ _id: odd.orphan, session_id: new ObjectId(), user_id, role: "user", content: "of nobody" },
		]);
		await db.collection("sessions").insertOne({ _id: odd.session, user_id: "carol", title: "of nobody" });
		await db.collection("users").insertMany([
			{ _id: odd.double, email: "CAROL@example.com", password_hash: "x" },
			{ _id: odd.nameless, password_hash: "x", secret: Decimal128.fromString("7.0") },
		]);
		const left: LeftBehind[] = [];
		const store = await moved((one) => left.push(one));
		expect(left.map(({ collection, id, reason, fields }) => [collection, id, reason, fields])).toEqual([
			["users", String(odd.double), "has the e-mail address of another person", []],
			["users", String(odd.nameless), "has no e-mail address", []],
			["sessions", String(odd.session), "names no person (user_id)", []],
			["messages", String(odd.text), "names no session (session_id)", []],
			["messages", '{"_id":"m1"}', "has an _id that is no ObjectId", []],
			["messages", String(odd.orphan), "belongs to a session that is not there", []],
		]);
		expect(left[1]?.content).toContain('"secret":{"$numberDecimal":"7.0"}');
		expect((await store.metrics({ active: 0, recent: 0 })).messages).toBe(4);
	});

	test("fields that nobody here knows are counted before anything is written, and told with their types", async () => {
		await db.collection("users").updateMany({}, { $set: { plan: "gold", seats: Decimal128.fromString("3.0") } });
		await db.collection("messages").updateOne({ content: "Say hello" }, { $set: { rating: 5 } });
		const left: LeftBehind[] = [];
		const path = temporaryPath();
		await run(toSqlite(path), {
			onLeft: (one) => left.push(one),
			onLooked: () =>
				expect([left.length, new Database(path, { create: true }).query("SELECT name FROM sqlite_schema").all()]).toEqual([4, []]),
		});
		expect(left.map(({ collection, reason, fields }) => [collection, reason, fields.join()])).toEqual([
			["users", null, "plan,seats"],
			["users", null, "plan,seats"],
			["users", null, "plan,seats"],
			["messages", null, "rating"],
		]);
		expect(left[0]?.content).toBe('{"plan":"gold","seats":{"$numberDecimal":"3.0"}}');
	});

	test("messages of the same millisecond keep the order of their ids, whatever order they were written in", async () => {
		const at = new Date(1_795_431_950_000);
		const many = Array.from({ length: 5 }, (_, index) => ({
			_id: new ObjectId(),
			session_id: new ObjectId(GREETINGS),
			user_id: new ObjectId(CAROL),
			role: "user",
			content: `${index}`,
			created_at: at,
		}));
		await db.collection("messages").insertMany(many.toReversed());
		const { messages } = await (await moved()).findMessages(GREETINGS, { newest: 5 });
		expect(messages.map(({ content }) => content).join("")).toBe("01234");
	});

	test("what a crash of this program left half done counts as its repair would end it", async () => {
		const first = await database.open();
		const carol = await first.findUserById(CAROL);
		const [kept, ended] = [aLogin(CAROL), aLogin(CAROL)];
		for (const login of [kept, ended]) await first.createLogin(login, `hash of ${login.id}`, carol?.passwordHash ?? "");
		await first.createResetToken("spent", CAROL, NOON + DAY);
		await first.close();
		const mark = { id: new ObjectId(), at: new Date(NOON), except: new ObjectId(kept.id) };
		await db.collection("users").updateOne({ _id: new ObjectId(CAROL) }, { $set: { ending_logins: mark } });
		await db
			.collection("users_reset_tokens")
			.updateOne({}, { $set: { spent: { by: new ObjectId(), password_hash: carol?.passwordHash ?? "", at: new Date(NOON) } } });
		await db.collection<{ _id: ObjectId }>("sessions_removals").insertOne({ _id: new ObjectId("a".repeat(24)) });
		await db
			.collection("messages")
			.insertOne({ session_id: new ObjectId("a".repeat(24)), user_id: new ObjectId(CAROL), content: "deleted", role: "user" });
		const store = await moved();
		expect((await store.findLogin(kept.id))?.login.revokedAt).toBeNull();
		expect((await store.findLogin(ended.id))?.login.revokedAt).toBe(NOON);
		await expectCode(store.resetPassword("spent", "$argon2id$x", NOON), "invalid_reset_token");
	});
});

describe("a MongoDB target", () => {
	test("that holds anything of anybody is refused, and named", async () => {
		const path = temporaryPath();
		await fillDatabase(path, { people: 2, sessions: 2, messages: 4 });
		await db.collection("messages").insertOne({ content: "somebody's" });
		await expectCode(run(toMongo(path)), "already_exists");
		expect(await db.collection("messages").countDocuments()).toBe(1);
		expect(await db.collection("users").countDocuments()).toBe(0);
	});

	test("that is half filled is refused by a server, by migrate and as a source, until the copy is finished", async () => {
		const path = temporaryPath();
		await fillDatabase(path, { people: 2, sessions: 2, messages: 4 });
		await run(toMongo(path), { breakAt: 4 }).catch(() => undefined);
		await expectCode(database.open(), "already_exists");
		await expectCode(openMongoSource(place()), "already_exists");
		await run(toMongo(path));
		const store = await database.open();
		expect((await store.findUsers({ skip: 0, limit: 10 })).total).toBe(2);
		await store.close();
	});
});
