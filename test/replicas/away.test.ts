// Several replicas while their Redis freezes, forgets everything, dies and comes back: answers flow on, nobody waits for it, nobody is told
// what is not true, and afterwards they are one service again.

import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { dropDatabases } from "../support/mongo-settings.ts";
import { type Redis, startRedis } from "../support/redis.ts";
import { eventually, type TestServer } from "../support/server.ts";
import { type Fleet, openFleet } from "./fleet.ts";

setDefaultTimeout(60_000);

let mongo: Mongo;
let redis: Redis;
let fleet: Fleet;
beforeAll(async () => {
	[mongo, redis] = await Promise.all([startMongo(), startRedis()]);
	fleet = await openFleet({ mongo, redis, count: 2, settings: { HEARTBEAT_INTERVAL: "300ms" }, query: "?slots=50" });
}, 300_000);
afterAll(async () => {
	await fleet[Symbol.asyncDispose]();
	await dropDatabases(mongo);
	await Promise.all([mongo.stop(), redis.stop()]);
}, 60_000);
afterEach(async () => {
	redis.thaw();
	await eventually("all are one service again", async () => (await Promise.all(fleet.servers.map(isWhole))).every(Boolean));
});

async function isWhole({ address }: TestServer): Promise<boolean> {
	const text = await (await fetch(`${address}/readyz`)).text();
	return text.includes('"replicas":{"status":"ok"}') && text.includes('"limiter":{"status":"ok"}');
}

const seqs = (events: readonly { readonly seq?: number }[]) => events.flatMap(({ seq }) => (seq === undefined ? [] : [seq]));
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

test("frozen for two seconds under an answer: its own reader sees no gap, the one elsewhere has every piece once it is back", async () => {
	const { person, sessionId } = await fleet.visitor();
	const own = await person.stream({ sessionId, prompt: "[tokens 200] [every 20]" });
	const { generationId = "" } = await own.until("start");
	const other = await person.at(fleet.at(1)).resume(generationId);
	await other.until(({ seq }) => seq === 10);
	redis.freeze();
	const before = own.events().length;
	await Bun.sleep(2000);
	expect(own.events().length - before).toBeGreaterThan(60);
	expect(await isWhole(fleet.at(0))).toBe(false);
	expect(await isWhole(fleet.at(1))).toBe(false);
	redis.thaw();
	await Promise.all([own.until("end"), other.until("end")]);
	expect(seqs(own.events())).toEqual(upTo(200));
	expect(seqs(other.events())).toEqual(upTo(200));
	expect(other.events().filter(({ type }) => type === "ping").length).toBeGreaterThan(2);
});

test("flushed under an answer: both readers have every piece once, and it can still be found, followed and stopped elsewhere", async () => {
	const { person, sessionId } = await fleet.visitor();
	const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	const { generationId = "" } = await own.until("start");
	const elsewhere = person.at(fleet.at(1));
	const other = await elsewhere.resume(generationId);
	for (const at of [20, 60, 100]) {
		await other.until(({ seq }) => seq === at);
		expect(await redis.command("FLUSHALL")).toBe("+OK\r\n");
	}
	await eventually(
		"it is announced anew",
		async () => (await elsewhere.call("GET", `/chat/sessions/${sessionId}/generation`)).body.seq !== 0,
	);
	const late = await elsewhere.resume(generationId, { after: 90 });
	await late.until(({ seq }) => seq === 120);
	expect((await elsewhere.call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(202);
	await Promise.all([own, other, late].map((stream) => stream.until("end")));
	const last = seqs(own.events()).at(-1) ?? 0;
	expect(seqs(other.events())).toEqual(upTo(last));
	expect(seqs(late.events())).toEqual(upTo(last, 91));
});

test("away: each answers for its own; what another makes is told from the store at its end, and a stop that nobody hears is refused", async () => {
	const { person, sessionId } = await fleet.visitor();
	const own = await person.stream({ sessionId, prompt: "[tokens 200] [every 20]", messageId: "mine" });
	const { generationId = "" } = await own.until("start");
	redis.freeze();
	await eventually("it is seen", async () => !(await isWhole(fleet.at(0))) && !(await isWhole(fleet.at(1))));
	const elsewhere = person.at(fleet.at(1));
	const before = performance.now();
	const other = await elsewhere.resume(generationId, { after: 5 });
	await other.until("start");
	const joined = await elsewhere.stream({ sessionId, prompt: "[tokens 200] [every 20]", messageId: "mine" });
	await joined.until("start");
	const stop = await elsewhere.call("POST", `/chat/generations/${generationId}/stop`);
	expect([stop.status, stop.body.code]).toEqual([503, "generation_unreachable"]);
	const next = await elsewhere.call("POST", "/chat/stream", { sessionId, prompt: "next" });
	expect([next.status, next.body.code, next.body.generationId]).toEqual([409, "generation_in_progress", generationId]);
	expect((await elsewhere.call("GET", `/chat/sessions/${sessionId}/generation`)).body).toMatchObject({ generationId, status: "streaming" });
	expect((await elsewhere.call("GET", "/auth/me")).status).toBe(200);
	expect(performance.now() - before).toBeLessThan(2500);
	const mine = await elsewhere.createSession();
	await (await elsewhere.stream({ sessionId: mine, prompt: "[tokens 3]" })).until("end");
	await own.until("end");
	for (const stream of [other, joined]) {
		await stream.until("ping");
		await stream.until("end");
		expect(stream.text()).toBe(own.text());
	}
	expect(await person.messages(sessionId)).toHaveLength(2);
});

test("killed and brought back empty: the readers elsewhere go on, nothing is lost or doubled", async () => {
	const { person, sessionId } = await fleet.visitor();
	const own = await person.stream({ sessionId, prompt: "[tokens 250] [every 20]" });
	const { generationId = "" } = await own.until("start");
	const other = await person.at(fleet.at(1)).resume(generationId);
	await other.until(({ seq }) => seq === 20);
	await redis.kill();
	await Bun.sleep(1500);
	redis = await startRedis({ port: redis.port });
	await Promise.all([own.until("end"), other.until("end")]);
	expect(seqs(own.events())).toEqual(upTo(250));
	expect(seqs(other.events())).toEqual(upTo(250));
});

test("without any Redis: what another process makes is never called interrupted; it is told from the store when it is over", async () => {
	await using apart = await openFleet({ mongo, redis: { url: "" }, count: 2, settings: { HEARTBEAT_INTERVAL: "300ms" } });
	const { person, sessionId } = await apart.visitor();
	const own = await person.stream({ sessionId, prompt: "[tokens 100] [every 20]" });
	const { generationId = "" } = await own.until("start");
	const elsewhere = person.at(apart.at(1));
	const other = await elsewhere.resume(generationId);
	await other.until("ping");
	expect((await elsewhere.call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(503);
	expect((await elsewhere.call("GET", `/chat/sessions/${sessionId}/generation`)).body).toMatchObject({ generationId, status: "streaming" });
	await Promise.all([own.until("end"), other.until("end")]);
	expect(other.text()).toBe(own.text());
	expect(await (await fetch(`${apart.at(0).address}/readyz`)).text()).not.toContain("replicas");
});
