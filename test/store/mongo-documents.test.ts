// What the replaced gateway left in MongoDB, as recorded (test/fixtures/captures/mongo-documents.json): it is read with defaults for what is
// missing, written without touching what this program does not know, and the gateway's own fields keep their names and types.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { BSON, type Db, Decimal128, ObjectId } from "mongodb";
import { createPasswords, STANDARD_HASHING } from "../../src/auth/passwords.ts";
import { type Id, parseId } from "../../src/domain/id.ts";
import type { Store } from "../../src/ports/store.ts";
import { aLogin, aMessage, anEnd, aSession, aTurn, aUser, DAY, expectCode, HOUR, newId } from "../contracts/store/samples.ts";
import recorded from "../fixtures/captures/mongo-documents.json";
import { type COLLECTIONS, type FreshDatabase, freshDatabase, type MongoForTests, startForTests } from "./mongo-server.ts";

const KEPT_INDEXES = {
	users: [{ email: 1 }],
	sessions: [{ user_id: 1, created_at: -1 }],
	messages: [{ user_id: 1 }, { session_id: 1, created_at: 1 }],
};
const CAROL = idOf("6b041e0141cb1347a28169c6");
const GREETINGS = idOf("6b041e0241cb1347a28169c8");
const IMPORTED = idOf("6b041e0241cb1347a28169c9");
/** After everything that was recorded. */
const LATER = 1_795_431_939_619 + DAY;

let mongo: MongoForTests;
let database: FreshDatabase;
let db: Db;
let store: Store;

beforeAll(async () => {
	mongo = await startForTests();
}, 300_000);
afterAll(() => mongo.stop());

beforeEach(async () => {
	database = freshDatabase(mongo);
	db = database.db;
	await db.collection("users").createIndex({ email: 1 }, { unique: true });
	await db.collection("sessions").createIndex({ user_id: 1, created_at: -1 });
	await db.collection("messages").createIndexes([{ key: { user_id: 1 } }, { key: { session_id: 1, created_at: 1 } }]);
	for (const [name, documents] of Object.entries(recorded.collections)) {
		await db.collection(name).insertMany(documents.map((document) => BSON.EJSON.deserialize(document, { relaxed: false })));
	}
	store = await database.open();
});

afterEach(async () => {
	await store.close();
	await database.drop();
});

function idOf(text: string): Id {
	const id = parseId(text);
	if (id === undefined) throw new Error(`${text} is no id`);
	return id;
}

/** A document as it lies there. */
async function lying(collection: keyof typeof COLLECTIONS, id: string): Promise<Record<string, unknown>> {
	const found = await db.collection(collection).findOne({ _id: new ObjectId(id) });
	if (found === null) throw new Error(`there is no ${id}`);
	return found;
}

/** Fields of a later program, or of a person with a shell. */
const UNKNOWN = { from_tomorrow: { nested: [1, "two", Decimal128.fromString("3.30")] }, tags: ["a"] };

function addUnknown(collection: keyof typeof COLLECTIONS, id: string) {
	return db.collection(collection).updateOne({ _id: new ObjectId(id) }, { $set: UNKNOWN });
}

test("people, sessions and messages of the replaced gateway are read as they were meant", async () => {
	expect(await store.findUserByEmail("carol@example.com")).toEqual({
		id: CAROL,
		email: "carol@example.com",
		fullName: "Carol Example",
		avatarUrl: "https://example.com/carol.png",
		passwordHash: "$2b$12$i4/OnQqBESIAqUgUFcIoleI3uB4pLSdHygB56NYsoSTkIdMVPJe8C",
		isAdmin: false,
		disabled: false,
		createdAt: 1_795_431_937_627,
		updatedAt: 1_795_431_937_627,
	});
	expect(await store.countAdmins()).toBe(1);
	const { items, total } = await store.findSessions({ userId: CAROL, sortBy: "updatedAt", sortOrder: "desc", skip: 0, limit: 20 });
	expect([items.map(({ id }) => id), total]).toEqual([[GREETINGS, IMPORTED], 2]);
	expect(items[0]).toEqual({
		id: GREETINGS,
		userId: CAROL,
		title: "Greetings",
		metadata: {},
		model: null,
		systemPrompt: null,
		createdAt: 1_795_431_938_242,
		updatedAt: 1_795_431_939_619,
		lastMessageAt: 1_795_431_939_409,
		lastMessage: "Hello from the fake.",
		messageCount: 4,
	});
	expect(items[1]).toMatchObject({ metadata: { source: "import", n: 3 }, lastMessageAt: null, lastMessage: null, messageCount: 0 });
	const page = await store.findMessages(GREETINGS, { newest: 500 });
	expect(page.total).toBe(4);
	expect(page.messages.map(({ role, content }) => [role, content])).toEqual([
		["user", "Say hello"],
		["assistant", "Hello from the fake."],
		["user", "And again, with é 你好 😀"],
		["assistant", "Hello from the fake."],
	]);
	expect(page.messages[0]).toEqual({
		...aMessage({ ...aSession(CAROL), id: GREETINGS }),
		id: idOf("6b041e0241cb1347a28169ca"),
		content: "Say hello",
		createdAt: 1_795_431_938_295,
	});
	const before = { before: idOf("6b041e0341cb1347a28169cc"), limit: 1 };
	expect((await store.findMessages(GREETINGS, before)).messages.map(({ content }) => content)).toEqual(["Hello from the fake."]);
	expect(await store.metrics({ active: 0, recent: 0 })).toMatchObject({
		users: 3,
		sessions: 2,
		messages: 4,
		userMessages: 2,
		activeUsers: 1,
	});
});

test("every recorded password verifies against the hash that is read", async () => {
	const passwords = createPasswords({ minLength: 8, hashing: STANDARD_HASHING });
	for (const { email, password } of recorded.passwords) {
		const user = await store.findUserByEmail(email);
		expect(await passwords.verify(password, user?.passwordHash)).toBe(true);
	}
}, 30_000);

test("writes keep every field that they do not mean, known or not, with its type", async () => {
	const texts = await db.collection("messages").find({}).sort({ _id: 1 }).toArray();
	for (const [name, id] of [
		["users", CAROL],
		["sessions", GREETINGS],
		["messages", String(texts[0]?._id)],
	] as const)
		await addUnknown(name, id);
	const before = { user: await lying("users", CAROL), session: await lying("sessions", GREETINGS) };

	await store.updateUser(CAROL, { fullName: "Carol Changed" }, LATER);
	await store.setAdmin(CAROL, true, LATER);
	await store.replacePasswordHash(CAROL, String(before.user.password_hash), "$argon2id$better");
	const login = aLogin(CAROL, { createdAt: LATER });
	await store.createLogin(login, "hash", "$argon2id$better");
	await store.changePassword({
		userId: CAROL,
		verifiedHash: "$argon2id$better",
		passwordHash: "$argon2id$new",
		keptLogin: login.id,
		now: LATER,
	});
	expect(await lying("users", CAROL)).toEqual({
		...before.user,
		full_name: "Carol Changed",
		is_admin: true,
		password_hash: "$argon2id$new",
		updated_at: new Date(LATER),
	});

	await store.updateSession(GREETINGS, CAROL, { model: "smol" }, LATER);
	const session = { ...aSession(CAROL), id: GREETINGS };
	const turn = aTurn(session, { user: { createdAt: LATER, content: "more" }, answer: { createdAt: LATER } });
	await store.beginTurn(turn);
	await store.finishAnswer(anEnd(turn.answer, { content: "Enough.", now: LATER + 1 }));
	expect(await lying("sessions", GREETINGS)).toEqual({
		...before.session,
		model: "smol",
		updated_at: new Date(LATER + 1),
		last_message_at: new Date(LATER + 1),
		last_message: "Enough.",
		message_count: 6,
		order_at: new Date(LATER),
		seq: 2,
	});

	const old = idOf(String(texts[2]?._id));
	const replaced = { ...aTurn(session, { user: { createdAt: LATER + 2 }, answer: { createdAt: LATER + 2 } }), replacesFrom: old };
	await store.beginTurn(replaced);
	expect(await lying("messages", String(texts[0]?._id))).toEqual({ ...texts[0], ...UNKNOWN });
	expect(await lying("messages", old)).toEqual({ ...texts[2], in_force: false, replaced_by: new ObjectId(replaced.answer.id) });
});

test("new documents hold the replaced gateway's fields under their names and in their types", async () => {
	const user = aUser({ isAdmin: true });
	await store.createUser(user);
	const session = aSession(user.id, { metadata: { source: "import" } });
	await store.createSession(session);
	const turn = aTurn(session);
	await store.beginTurn(turn);
	await store.finishAnswer(anEnd(turn.answer));
	expect(await lying("users", user.id)).toMatchObject({
		_id: new ObjectId(user.id),
		email: user.email,
		full_name: user.fullName,
		avatar_url: null,
		password_hash: user.passwordHash,
		is_admin: true,
		created_at: new Date(user.createdAt),
		updated_at: new Date(user.updatedAt),
	});
	expect(await lying("sessions", session.id)).toMatchObject({
		user_id: new ObjectId(user.id),
		title: "New Chat",
		metadata: { source: "import" },
		created_at: new Date(session.createdAt),
		last_message: "A monoid in the category of endofunctors.",
		message_count: 2,
	});
	for (const [id, role, content] of [
		[turn.userMessage.id, "user", "What is a monad?"],
		[turn.answer.id, "assistant", "A monoid in the category of endofunctors."],
	] as const) {
		expect(await lying("messages", id)).toMatchObject({
			session_id: new ObjectId(session.id),
			user_id: new ObjectId(user.id),
			role,
			content,
			created_at: new Date(session.createdAt),
		});
	}
});

test("older shapes: members that are missing or null have their defaults, and the other spellings are read", async () => {
	const [noAdmin, byHand] = recorded.olderShapes.users.map(({ document }) => BSON.EJSON.deserialize(document, { relaxed: false }));
	await db.collection("users").insertMany([
		{ ...noAdmin, email: "setup@example.com" },
		{ ...byHand, _id: new ObjectId() },
		{ email: "other@example.com", password_hash: "x", name: "Other", avatar: "https://x/a.png" },
		{ email: "nameless@example.com", password_hash: "x", full_name: null, name: "Not this" },
	]);
	expect(await store.findUserByEmail("setup@example.com")).toMatchObject({ isAdmin: false, disabled: false, fullName: "Demo User" });
	expect(await store.findUserByEmail("min@example.com")).toMatchObject({
		fullName: null,
		avatarUrl: null,
		isAdmin: false,
		createdAt: Date.UTC(2024, 0, 2, 3, 4, 5),
	});
	const other = await store.findUserByEmail("other@example.com");
	expect(other).toMatchObject({ fullName: "Other", avatarUrl: "https://x/a.png" });
	expect(Math.abs((other?.createdAt ?? 0) - Date.now())).toBeLessThan(HOUR);
	expect(await store.updateUser(other?.id ?? newId(), { fullName: null }, LATER)).toMatchObject({ fullName: null });
	expect(await store.findUserByEmail("nameless@example.com")).toMatchObject({ fullName: null });

	const ids = [new ObjectId(), new ObjectId(), new ObjectId()];
	const user_id = new ObjectId(CAROL);
	await db.collection("sessions").insertMany([
		...recorded.olderShapes.sessions.map(({ document }, index) => ({
			...BSON.EJSON.deserialize(document, { relaxed: false }),
			_id: ids[index],
			user_id,
		})),
		{
			_id: ids[2],
			user_id,
			title: "long",
			last_message: `${"x".repeat(199)}🦊 and more`,
			message_count: null,
			metadata: { at: new Date(0) },
		},
	]);
	const [old, untitled, long] = await Promise.all(ids.map((id) => store.findSession(idOf(String(id)), CAROL)));
	expect(old).toMatchObject({ title: "old", lastMessageAt: null, lastMessage: null, metadata: null, messageCount: 0 });
	expect(untitled).toMatchObject({ title: "New Chat", metadata: {} });
	expect(long).toMatchObject({ lastMessage: "x".repeat(199), messageCount: 0, metadata: { at: "1970-01-01T00:00:00.000Z" } });
	const list = await store.findSessions({ userId: CAROL, sortBy: "title", sortOrder: "asc", skip: 0, limit: 100 });
	expect(list.total).toBe(5);
});

test("a session without a count shows none until something is written into it; its messages are counted exactly all the time", async () => {
	await db.collection("sessions").updateOne({ _id: new ObjectId(GREETINGS) }, { $unset: { message_count: "" } });
	expect((await store.findSession(GREETINGS, CAROL))?.messageCount).toBe(0);
	expect((await store.findMessages(GREETINGS, { newest: 1 })).total).toBe(4);
	await store.appendMessage(aMessage({ ...aSession(CAROL), id: GREETINGS }));
	expect((await store.findSession(GREETINGS, CAROL))?.messageCount).toBe(5);
	expect((await store.findMessages(GREETINGS, { newest: 1 })).total).toBe(5);
});

test("what is written now comes after every old message, also when the clock is behind them", async () => {
	const session = { ...aSession(CAROL), id: GREETINGS };
	const late = aMessage(session, { content: "written last", createdAt: 1 });
	await store.appendMessage(late);
	const { messages } = await store.findMessages(GREETINGS, { newest: 2 });
	expect(messages.map(({ content }) => content)).toEqual(["Hello from the fake.", "written last"]);
	expect(messages[1]).toEqual(late);
});

test("old messages of the same millisecond keep the order of their ids, in every window", async () => {
	const at = new Date(1_795_431_950_000);
	const many = Array.from({ length: 6 }, (_, index) => ({
		_id: new ObjectId(),
		session_id: new ObjectId(IMPORTED),
		user_id: new ObjectId(CAROL),
		role: "user",
		content: `${index}`,
		created_at: at,
	}));
	await db.collection("messages").insertMany(many.toReversed());
	await store.appendMessage(aMessage({ ...aSession(CAROL), id: IMPORTED }, { content: "6", createdAt: at.getTime() }));
	const look = async (window: Parameters<Store["findMessages"]>[1]) => {
		const { messages, total } = await store.findMessages(IMPORTED, window);
		return `${messages.map(({ content }) => content).join("")} of ${total}`;
	};
	expect(await look({ newest: 3 })).toBe("456 of 7");
	expect(await look({ offset: 2, limit: 3 })).toBe("234 of 7");
	expect(await look({ before: idOf(String(many[3]?._id)), limit: 2 })).toBe("12 of 7");
	const session = { ...aSession(CAROL), id: IMPORTED };
	await store.beginTurn({ ...aTurn(session, { user: { content: "x" } }), replacesFrom: idOf(String(many[2]?._id)) });
	expect(await look({ newest: 9 })).toBe("01x of 4");
});

test("the replaced gateway's indexes are taken as they are", async () => {
	for (const [name, keys] of Object.entries(KEPT_INDEXES)) {
		const there = (await db.collection(name).listIndexes().toArray()).map(({ key }) => JSON.stringify(key));
		for (const key of keys) expect(there.filter((other) => other === JSON.stringify(key))).toHaveLength(1);
	}
});

test("the published account is there to be locked out, even as the last administrator", async () => {
	const demo = await store.findUserByEmail("demo@pocketllm.com");
	expect(demo?.isAdmin).toBe(true);
	await expectCode(store.setAdmin(demo?.id ?? newId(), false, LATER), "last_admin");
	await store.lockOut(demo?.id ?? newId(), LATER);
	expect(await store.countAdmins()).toBe(0);
});
