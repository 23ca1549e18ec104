// The compiled program in the place of the gateway that it replaces, on what that one left in MongoDB (as recorded): people sign in with
// their passwords and find their history; ids, flags and unknown fields stay; the published account is shut.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { BSON, type Db, Decimal128, type Document, MongoClient, ObjectId, type WithId } from "mongodb";
import recorded from "../fixtures/captures/mongo-documents.json";
import { run } from "../support/binary.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { databaseNameOf, dropDatabases, type MongoSettings, mongoSettings } from "../support/mongo-settings.ts";
import { type Body, eventually, startServer, type TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const CAROL = "6b041e0141cb1347a28169c6";
const GREETINGS = "6b041e0241cb1347a28169c8";
/** Of a later program, or of a person with a shell. */
const UNKNOWN = { from_tomorrow: { nested: [1, "two", Decimal128.fromString("3.30")] }, tags: ["a"] };

let mongo: Mongo;
let client: MongoClient;
let model: ModelServer;
beforeAll(async () => {
	mongo = await startMongo();
	client = new MongoClient(mongo.url);
	model = startModelServer({ tokens: ["Hello ", "again."] });
}, 300_000);
afterAll(async () => {
	model.stop();
	await client.close();
	await dropDatabases(mongo);
	await mongo.stop();
}, 30_000);

/** A database as the replaced gateway left it, and the settings that name it. */
async function oldDatabase(): Promise<{ readonly db: Db; readonly settings: MongoSettings & { readonly UPSTREAMS: string } }> {
	const settings = { ...mongoSettings(mongo), UPSTREAMS: `openai+${model.baseUrl}` };
	const db = client.db(databaseNameOf(settings));
	await db.collection("users").createIndex({ email: 1 }, { unique: true });
	await db.collection("sessions").createIndex({ user_id: 1, created_at: -1 });
	await db.collection("messages").createIndexes([{ key: { user_id: 1 } }, { key: { session_id: 1, created_at: 1 } }]);
	for (const [name, documents] of Object.entries(recorded.collections)) {
		const found = documents.map((document) => BSON.EJSON.deserialize(document, { relaxed: false }));
		await db.collection(name).insertMany(found.map((document) => ({ ...document, ...UNKNOWN })));
	}
	return { db, settings };
}

async function call(server: TestServer, method: string, path: string, { token, body }: { token?: string; body?: object } = {}) {
	const response = await fetch(`${server.address}/api/v1${path}`, {
		method,
		headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
		...(body !== undefined && { body: JSON.stringify(body) }),
	});
	const reply: Body = JSON.parse(await response.text());
	return { status: response.status, reply };
}

const passwordOf = (email: string): string => recorded.passwords.find((entry) => entry.email === email)?.password ?? "";

test("people sign in with their passwords, whose hashes become argon2id; everything else of theirs stays as it was", async () => {
	const { db, settings } = await oldDatabase();
	const before = await db.collection("users").find().toArray();
	const server = await startServer({ settings });
	for (const { email } of recorded.passwords.filter(({ email }) => !email.startsWith("demo@"))) {
		const wrong = await call(server, "POST", "/auth/login", { body: { email, password: "something-else-9" } });
		expect(wrong.status).toBe(401);
		// Twice: against the old hash, and against the new one.
		for (let turn = 0; turn < 2; turn += 1) {
			const { status, reply } = await call(server, "POST", "/auth/login", { body: { email, password: passwordOf(email) } });
			expect([status, reply.user?.email]).toEqual([200, email]);
			const { password_hash: hash, ...rest }: Partial<WithId<Document>> = (await db.collection("users").findOne({ email })) ?? {};
			expect(hash).toStartWith("$argon2id$");
			const { password_hash: former, ...old }: Partial<WithId<Document>> = before.find((user) => user.email === email) ?? {};
			expect(former).toStartWith("$2b$12$");
			expect(rest).toEqual({ ...old });
			expect(reply.user?.id).toBe(String(old._id));
		}
	}
	await server.stop();
});

test("history is there, goes on, and keeps what this program does not know", async () => {
	const { db, settings } = await oldDatabase();
	const server = await startServer({ settings });
	const login = await call(server, "POST", "/auth/login", {
		body: { email: "carol@example.com", password: passwordOf("carol@example.com") },
	});
	const token = login.reply.token ?? "";
	expect(login.reply.user?.id).toBe(CAROL);
	const list = await call(server, "GET", "/chat/sessions", { token });
	expect(list.reply.total).toBe(2);
	const page = await call(server, "GET", `/chat/sessions/${GREETINGS}/messages`, { token });
	expect(page.reply.messages?.map(({ role, content }) => [role, content])).toEqual([
		["user", "Say hello"],
		["assistant", "Hello from the fake."],
		["user", "And again, with é 你好 😀"],
		["assistant", "Hello from the fake."],
	]);
	const message = await call(server, "POST", "/chat/message", { token, body: { sessionId: GREETINGS, prompt: "And now?" } });
	expect([message.status, message.reply.content]).toEqual([200, "Hello again."]);
	const asked: { messages?: { content: string }[] } = Object(model.chats.at(-1)?.body);
	expect(asked.messages?.map(({ content }) => content)).toEqual([...(page.reply.messages ?? []).map(({ content }) => content), "And now?"]);
	const after = await call(server, "GET", `/chat/sessions/${GREETINGS}`, { token });
	expect(after.reply).toMatchObject({ title: "Greetings", messageCount: 6, lastMessage: "Hello again." });
	await server.stop();

	const old = BSON.EJSON.deserialize(recorded.collections.sessions[0] ?? {}, { relaxed: false });
	const session = await db.collection("sessions").findOne({ _id: new ObjectId(GREETINGS) });
	expect(session).toMatchObject({ ...UNKNOWN, user_id: old.user_id, title: old.title, created_at: old.created_at, metadata: {} });
	// Of the old messages not a byte changed; the new ones have the old fields.
	for (const recordedMessage of recorded.collections.messages) {
		const document = BSON.EJSON.deserialize(recordedMessage, { relaxed: false });
		expect(await db.collection("messages").findOne({ _id: document._id })).toEqual({ ...document, ...UNKNOWN });
	}
	const [prompt, answer] = await db
		.collection("messages")
		.find({ content: { $in: ["And now?", "Hello again."] } })
		.sort({ _id: 1 })
		.toArray();
	for (const one of [prompt, answer]) {
		expect(one).toMatchObject({ session_id: new ObjectId(GREETINGS), user_id: new ObjectId(CAROL), created_at: expect.any(Date) });
	}
	expect([prompt?.role, answer?.role]).toEqual(["user", "assistant"]);
});

test.each(["serve", "migrate"])("the published account is disabled and demoted by %s, even as the last administrator", async (command) => {
	const { db, settings } = await oldDatabase();
	const shut = async (): Promise<boolean> => {
		const demo = await db.collection("users").findOne({ email: "demo@pocketllm.com" });
		return demo?.is_admin === false && demo.disabled === true;
	};
	expect(await shut()).toBe(false);
	if (command === "migrate") {
		const { status, stderr } = await run(["migrate"], { env: settings });
		expect([status, stderr]).toEqual([0, expect.stringContaining("disabled demo@pocketllm.com, whose password is published\n")]);
		expect(await shut()).toBe(true);
		return;
	}
	const server = await startServer({ settings });
	await eventually("it is shut, and a setup link is offered", async () => (await shut()) && server.output().includes("/setup#"));
	expect(server.output()).toContain("demo@pocketllm.com had its published password");
	const login = await call(server, "POST", "/auth/login", { body: { email: "demo@pocketllm.com", password: "demo123" } });
	expect([login.status, login.reply.code]).toEqual([403, "account_disabled"]);
	await server.stop();
});

test("collections under other names, and the database that MONGODB_DB names", async () => {
	const { db, settings } = await oldDatabase();
	for (const name of ["users", "sessions", "messages"]) await db.collection(name).rename(`old_${name}`);
	const env = {
		...settings,
		MONGODB_URI: mongo.url,
		MONGODB_DB: db.databaseName,
		MONGODB_USERS_COLLECTION: "old_users",
		MONGODB_SESSIONS_COLLECTION: "old_sessions",
		MONGODB_MESSAGES_COLLECTION: "old_messages",
	};
	const server = await startServer({ settings: env });
	const login = await call(server, "POST", "/auth/login", {
		body: { email: "carol@example.com", password: passwordOf("carol@example.com") },
	});
	const page = await call(
		server,
		"GET",
		`/chat/sessions/${GREETINGS}/messages`,
		login.reply.token === undefined ? {} : { token: login.reply.token },
	);
	expect(page.reply.total).toBe(4);
	await server.stop();
});
