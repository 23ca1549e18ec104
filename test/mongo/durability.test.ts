// What is in MongoDB when, seen beside the compiled program: the prompt before the model server is asked, the answer at least once a second,
// its end before it is told.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type Db, type Document, MongoClient, ObjectId } from "mongodb";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { databaseNameOf, dropDatabases, mongoSettings } from "../support/mongo-settings.ts";
import { startServer, type TestServer } from "../support/server.ts";

setDefaultTimeout(60_000);

let mongo: Mongo;
let client: MongoClient;
let db: Db;
let model: ModelServer;
let server: TestServer;
beforeAll(async () => {
	mongo = await startMongo();
	client = new MongoClient(mongo.url);
	model = startModelServer();
	const own = mongoSettings(mongo);
	db = client.db(databaseNameOf(own));
	server = await startServer({ settings: { ...own, UPSTREAMS: `openai+${model.baseUrl}`, SHUTDOWN_GRACE: "200ms" } });
}, 300_000);
afterAll(async () => {
	await server.stop();
	model.stop();
	await client.close();
	await dropDatabases(mongo);
	await mongo.stop();
}, 30_000);

function messagesOf(sessionId: string): Promise<Document[]> {
	return db
		.collection("messages")
		.find({ session_id: new ObjectId(sessionId) })
		.sort({ created_at: 1, seq: 1 })
		.toArray();
}

test("when the model server is asked, the prompt is there, and an empty answer that this process holds", async () => {
	const person = await server.signup();
	const sessionId = await person.createSession();
	let found: Promise<Document[]> | undefined;
	model.answerWith((request) => {
		// Asked at this very moment; the model says nothing, so nothing else can have come.
		if (request.method === "POST") found = messagesOf(sessionId);
		return undefined;
	});
	const stream = await person.stream({ sessionId, prompt: "[silent] keep me" });
	const start = await stream.until("start");
	while (found === undefined) await Bun.sleep(10);
	const [prompt, answer, ...others] = await found;
	model.answerWith(undefined);
	expect([prompt?.role, prompt?.content, prompt?.status]).toEqual(["user", "[silent] keep me", undefined]);
	expect([answer?.role, answer?.content, answer?.status, String(answer?._id)]).toEqual([
		"assistant",
		"",
		"streaming",
		start.messageId ?? "",
	]);
	expect(others).toEqual([]);
	const holders = await db.collection("sessions_processes").find().toArray();
	expect(holders.map(({ _id }) => String(_id))).toEqual([String(answer?.owner)]);
	await person.call("POST", `/chat/generations/${start.generationId}/stop`);
	await stream.until("end");
});

test("what had come a second ago is stored, and the end before it is told", async () => {
	const person = await server.signup();
	const sessionId = await person.createSession();
	const stream = await person.stream({ sessionId, prompt: "[tokens 60] [every 50]" });
	for (let second = 0; second < 2; second += 1) {
		await stream.until("token");
		const told = stream.text();
		await Bun.sleep(1200);
		const [, answer] = await messagesOf(sessionId);
		expect(answer).toMatchObject({ status: "streaming" });
		expect(answer?.content).toStartWith(told);
	}
	await stream.until("end");
	const [, answer] = await messagesOf(sessionId);
	expect([answer?.content, answer?.status, answer?.owner]).toEqual([stream.text(), undefined, undefined]);
	const session = await db.collection("sessions").findOne({ _id: new ObjectId(sessionId) });
	expect([session?.message_count, session?.turn]).toEqual([2, undefined]);
});
