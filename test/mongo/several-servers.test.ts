// Several servers of the compiled program on one database, at the pace that it has: one is killed, one is frozen and thawed, one starts
// meanwhile. What the dead held ends as `interrupted` with its text within 15 s; what the living hold is touched by nobody.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { dropDatabases, mongoSettings } from "../support/mongo-settings.ts";
import { eventually, type Person, type StoredMessage, startServer, type TestServer } from "../support/server.ts";

setDefaultTimeout(90_000);

let mongo: Mongo;
let model: ModelServer;
beforeAll(async () => {
	mongo = await startMongo();
	// Words for ever: nothing ends by itself.
	model = startModelServer({ intervalMs: 50, tokens: Array.from({ length: 5000 }, (_, index) => `word${index} `) });
}, 300_000);
afterAll(async () => {
	model.stop();
	await dropDatabases(mongo);
	await mongo.stop();
}, 30_000);

type Talk = { readonly person: Person; readonly sessionId: string; readonly stream: Awaited<ReturnType<Person["stream"]>> };

async function talk(server: TestServer): Promise<Talk> {
	const person = await server.signup();
	const sessionId = await person.createSession();
	const stream = await person.stream({ sessionId, prompt: "go on" });
	return { person, sessionId, stream };
}

/** The answer as another server tells of it. */
async function answerAt(server: TestServer, { person, sessionId }: Talk): Promise<StoredMessage> {
	const reply = await fetch(`${server.address}/api/v1/chat/sessions/${sessionId}/messages`, {
		headers: { authorization: `Bearer ${person.token}` },
	});
	const { messages }: { messages: StoredMessage[] } = JSON.parse(await reply.text());
	const answer = messages.at(-1);
	if (answer === undefined) throw new Error("no answer");
	return answer;
}

test("one dies, one is frozen, one lives, one starts: only what the first two held ends, with its text, within 15 s", async () => {
	const settings = { ...mongoSettings(mongo), UPSTREAMS: `openai+${model.baseUrl}?slots=2`, SHUTDOWN_GRACE: "200ms" };
	const [dying, frozen, living] = await Promise.all([startServer({ settings }), startServer({ settings }), startServer({ settings })]);
	const running = [await talk(dying), await talk(dying)];
	// The third has no slot: it waits in the queue, and is as much its server's as the others.
	const waiting = await talk(dying);
	await waiting.stream.until("queued");
	const cold = await talk(frozen);
	const kept = await talk(living);
	const keptWaiting = [await talk(living), await talk(living)].at(-1);
	if (keptWaiting === undefined) throw new Error("nobody waits");
	await keptWaiting.stream.until("queued");
	for (const { stream } of [...running, cold, kept]) await stream.until((event) => event.content === "word30 ");
	// Each second what has come is stored.
	await Bun.sleep(1100);

	frozen.signal("SIGSTOP");
	const diedAt = performance.now();
	await dying.kill();
	const starting = await startServer({ settings });
	const lost = [...running, waiting, cold];
	await eventually(
		"what the dead and the frozen held is interrupted",
		async () => (await Promise.all(lost.map((one) => answerAt(living, one)))).every(({ status }) => status === "interrupted"),
		15_000,
	);
	console.info(`repaired after ${((performance.now() - diedAt) / 1000).toFixed(1)} s`);
	for (const one of [...running, cold]) {
		const answer = await answerAt(starting, one);
		expect(answer).toMatchObject({ status: "interrupted", errorCode: "interrupted" });
		expect(answer.content).toStartWith("word0 word1 word2 ");
		// All but the last second of what had been told.
		expect(answer.content.split(" ").length).toBeGreaterThan(25);
	}
	expect(await answerAt(living, waiting)).toMatchObject({ content: "", status: "interrupted" });

	// Thawed, it learns that its answers are not its own any more; its readers are told, and it goes on.
	const thawedAt = performance.now();
	frozen.signal("SIGCONT");
	const told = await cold.stream.until("error");
	expect(told).toMatchObject({ code: "interrupted", retryable: true });
	expect(performance.now() - thawedAt).toBeLessThan(10_000);
	expect(frozen.output()).toContain("other servers took this one for dead");
	const again = await cold.person.stream({ sessionId: cold.sessionId, prompt: "once more" });
	await again.until("token");
	expect(await answerAt(living, cold)).toMatchObject({ status: "streaming" });

	// Of the living nothing was touched.
	expect(await answerAt(living, keptWaiting)).toMatchObject({ status: "streaming" });
	const generationId = kept.stream.events().find((event) => event.type === "start")?.generationId;
	expect((await kept.person.call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(202);
	await kept.stream.until("end");
	expect(await answerAt(starting, kept)).toMatchObject({ status: "stopped" });
	// Any server takes a new turn in a session of the dead.
	const heir = await fetch(`${starting.address}/api/v1/sessions/${running[0]?.sessionId}/messages`, {
		method: "POST",
		headers: { authorization: `Bearer ${running[0]?.person.token}`, "content-type": "application/json" },
		body: JSON.stringify({ role: "user", content: "still there?" }),
	});
	expect(heir.status).toBe(201);
	await Promise.all([frozen.stop(), living.stop(), starting.stop()]);
});
