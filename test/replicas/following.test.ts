// An answer that is made by one replica, as seen through the others: followed from any place on, joined, looked at, stopped, made way for.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { dropDatabases } from "../support/mongo-settings.ts";
import { type Redis, startRedis } from "../support/redis.ts";
import { eventually } from "../support/server.ts";
import { type Fleet, openFleet } from "./fleet.ts";

setDefaultTimeout(60_000);

let mongo: Mongo;
let redis: Redis;
let fleet: Fleet;
beforeAll(async () => {
	[mongo, redis] = await Promise.all([startMongo(), startRedis()]);
	fleet = await openFleet({ mongo, redis, count: 3, settings: { HEARTBEAT_INTERVAL: "500ms" }, query: "?slots=50" });
}, 300_000);
afterAll(async () => {
	await fleet[Symbol.asyncDispose]();
	await dropDatabases(mongo);
	await Promise.all([mongo.stop(), redis.stop()]);
}, 60_000);

const seqs = (events: readonly { readonly seq?: number }[]) => events.flatMap(({ seq }) => (seq === undefined ? [] : [seq]));
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe("an answer of another replica", () => {
	test("is followed live through all others: the same pieces with the same numbers, then its end", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[reasoning] [tokens 60] [every 20]" });
		const { generationId = "" } = await own.until("start");
		await own.until("token");
		const others = await Promise.all([1, 2].map((index) => person.at(fleet.at(index)).resume(generationId)));
		for (const other of others) {
			expect(other.status()).toBe(200);
			await other.until("end");
		}
		await own.until("end");
		const told = own.events().filter(({ type }) => type !== "ping" && type !== "queued");
		for (const other of others) expect(other.events().filter(({ type }) => type !== "ping" && type !== "queued")).toEqual(told);
		expect(await others[0]?.over()).toBe("complete");
	});

	test("is picked up from any piece on, also one that has not come yet, by number and by Last-Event-ID", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[tokens 80] [every 20]" });
		const { generationId = "" } = await own.until("start");
		await own.until(({ seq }) => seq === 20);
		const elsewhere = person.at(fleet.at(1));
		const [late, byHeader, early] = await Promise.all([
			elsewhere.resume(generationId, { after: 7 }),
			elsewhere.resume(generationId, { lastEventId: "13" }),
			elsewhere.resume(generationId, { after: 60 }),
		]);
		await Promise.all([late, byHeader, early].map((stream) => stream.until("end")));
		expect(seqs(late.events())).toEqual(upTo(80, 8));
		expect(seqs(byHeader.events())).toEqual(upTo(80, 14));
		expect(seqs(early.events())).toEqual(upTo(80, 61));
		expect(byHeader.raw()).toContain("id: 14\n");
	});

	test("that has ended within the last minute is replayed piece by piece", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[tokens 30]" });
		const { generationId = "" } = await own.until("start");
		await own.until("end");
		const other = await person.at(fleet.at(2)).resume(generationId, { after: 10 });
		await other.until("end");
		expect(seqs(other.events())).toEqual(upTo(30, 11));
	});

	test("that goes on while its reader leaves one replica for another is read without a gap", async () => {
		const { person, sessionId } = await fleet.visitor();
		let stream = await person.stream({ sessionId, prompt: "[tokens 120] [every 10]" });
		const { generationId = "" } = await stream.until("start");
		const read: number[] = [];
		for (let hop = 1; ; hop += 1) {
			const last = await stream.until(({ type, seq }) => type === "end" || seq === Math.min(120, (read.at(-1) ?? 0) + 17));
			read.push(...seqs(stream.events()).filter((seq) => seq > (read.at(-1) ?? 0)));
			stream.close();
			if (last.type === "end" || read.at(-1) === 120) break;
			stream = await person.at(fleet.at(hop % 3)).resume(generationId, { after: read.at(-1) ?? 0 });
		}
		expect(read).toEqual(upTo(120));
	});

	test("that is long is told whole to somebody who comes late", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[tokens 20000]" });
		const { generationId = "" } = await own.until("start");
		const other = await person.at(fleet.at(1)).resume(generationId);
		await Promise.all([own.until("end"), other.until("end")]);
		expect(other.text()).toBe(own.text());
		expect(seqs(other.events())).toEqual(upTo(20_000));
	});

	test("waits with heartbeats and its places in the queue", async () => {
		await using narrow = await openFleet({ mongo, redis, count: 2, settings: { HEARTBEAT_INTERVAL: "300ms" }, query: "?slots=1" });
		const { person, sessionId } = await narrow.visitor();
		const first = await person.stream({ sessionId, prompt: "[endless] [every 50]" });
		await first.until("token");
		const { person: bert, sessionId: bertsSession } = await narrow.visitor();
		const second = await bert.stream({ sessionId: bertsSession, prompt: "[tokens 3]" });
		const { generationId = "" } = await second.until("start");
		const other = await bert.at(narrow.at(1)).resume(generationId);
		expect(await other.until("queued")).toMatchObject({ position: 1 });
		await other.until("ping");
		first.close();
		expect((await person.call("POST", `/chat/generations/${first.events()[0]?.generationId}/stop`)).status).toBe(202);
		await other.until("end");
		expect(other.text()).toBe("t0 t1 t2 ");
	});

	test("that fails tells the same error", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[every 100] [reset 6]" });
		const { generationId = "" } = await own.until("start");
		const other = await person.at(fleet.at(1)).resume(generationId);
		const [here, there] = await Promise.all([own.until("error"), other.until("error")]);
		expect(there).toEqual(here);
		expect(await other.over()).toBe("complete");
	});

	test("is nobody else's to see: 404 on every verb, as for one that is not there", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[endless] [every 50]" });
		const { generationId = "" } = await own.until("start");
		const { person: stranger } = await fleet.visitor();
		const elsewhere = stranger.at(fleet.at(1));
		for (const id of [generationId, "0".repeat(24)]) {
			expect((await elsewhere.call("GET", `/chat/generations/${id}/events`)).status).toBe(404);
			expect((await elsewhere.call("POST", `/chat/generations/${id}/stop`)).status).toBe(404);
		}
		expect((await elsewhere.call("GET", `/chat/sessions/${sessionId}/generation`)).status).toBe(404);
		expect((await person.at(fleet.at(2)).call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(202);
		await own.until("end");
	});
});

describe("a turn that another replica makes", () => {
	test("is joined with the same messageId, as a stream and as a whole; another prompt is refused", async () => {
		const { person, sessionId } = await fleet.visitor();
		const turn = { sessionId, prompt: "[tokens 40] [every 20]", messageId: "mine" };
		const own = await person.stream(turn);
		await own.until("token");
		const joined = await person.at(fleet.at(1)).stream(turn);
		const whole = person.at(fleet.at(2)).call("POST", "/chat/message", turn);
		expect((await person.at(fleet.at(1)).call("POST", "/chat/stream", { ...turn, prompt: "else" })).status).toBe(409);
		await Promise.all([own.until("end"), joined.until("end")]);
		expect(joined.events().filter(({ type }) => type !== "ping")).toEqual(own.events().filter(({ type }) => type !== "ping"));
		expect((await whole).body.content).toBe(own.text());
		expect(fleet.model.chats.filter(({ prompt }) => prompt === turn.prompt)).toHaveLength(1);
	});

	test("is begun once by three that get the same messageId at the same moment", async () => {
		const { person, sessionId } = await fleet.visitor();
		for (let round = 1; round <= 8; round += 1) {
			const turn = { sessionId, prompt: `[tokens 10] [every 10] three at once ${round}`, messageId: `once${round}` };
			const streams = await Promise.all([0, 1, 2].map((index) => person.at(fleet.at(index)).stream(turn)));
			await Promise.all(streams.map((stream) => stream.until("end")));
			expect(new Set(streams.map((stream) => stream.text())).size).toBe(1);
			expect(fleet.model.chats.filter(({ prompt }) => prompt === turn.prompt)).toHaveLength(1);
			expect(await person.messages(sessionId)).toHaveLength(2 * round);
		}
	});

	test("is stopped through any other, within a second, and keeps what had come", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		const { generationId = "" } = await own.until("start");
		await own.until(({ seq }) => seq === 5);
		const before = performance.now();
		expect((await person.at(fleet.at(2)).call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(202);
		expect(await own.until("end")).toMatchObject({ finishReason: "stopped" });
		expect(performance.now() - before).toBeLessThan(1000);
		const [, answer] = await person.at(fleet.at(1)).messages(sessionId);
		expect(answer).toMatchObject({ status: "stopped", content: own.text() });
		expect((await person.at(fleet.at(2)).call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(202);
	});

	test("is shown by the session through any other, and by nothing when it is over", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		const { generationId, messageId } = await own.until("start");
		await own.until(({ seq }) => seq === 8);
		const shown = await person.at(fleet.at(1)).call("GET", `/chat/sessions/${sessionId}/generation`);
		expect(shown.body).toMatchObject({ generationId, messageId, status: "streaming" });
		expect(shown.body.seq).toBeGreaterThanOrEqual(8);
		await person.at(fleet.at(1)).call("POST", `/chat/generations/${generationId}/stop`);
		await own.until("end");
		expect((await person.at(fleet.at(1)).call("GET", `/chat/sessions/${sessionId}/generation`)).status).toBe(204);
	});

	test("stands in the way while somebody follows it, wherever: 409 with its id", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		const { generationId = "" } = await own.until("start");
		const refused = await person.at(fleet.at(1)).call("POST", "/chat/stream", { sessionId, prompt: "next" });
		expect(refused.status).toBe(409);
		expect(refused.body).toMatchObject({ code: "generation_in_progress", generationId });
		// The reader goes on at a third replica, and counts there.
		const other = await person.at(fleet.at(2)).resume(generationId);
		await other.until("token");
		own.close();
		await Bun.sleep(500);
		expect((await person.call("POST", "/chat/stream", { sessionId, prompt: "next" })).status).toBe(409);
		other.close();
		const next = await person.at(fleet.at(1)).stream({ sessionId, prompt: "[tokens 3] next" });
		await next.until("end");
		const messages = await person.messages(sessionId);
		expect(messages.map(({ status }) => status)).toEqual(["sent", "stopped", "sent", "sent"]);
	});

	test("ends when its owner sends a new one elsewhere while nobody follows it: stop and rephrase", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		await own.until(({ seq }) => seq === 5);
		own.close();
		const next = await person.at(fleet.at(1)).stream({ sessionId, prompt: "[tokens 3]" });
		await next.until("end");
		expect((await person.messages(sessionId)).map(({ status }) => status)).toEqual(["sent", "stopped", "sent", "sent"]);
	});

	test("of two at the same moment in one session one is refused", async () => {
		const { person, sessionId } = await fleet.visitor();
		const streams = await Promise.all(
			[0, 1].map((index) => person.at(fleet.at(index)).stream({ sessionId, prompt: `[tokens 100] [every 20] ${index}` })),
		);
		expect(streams.map((stream) => stream.status()).sort()).toEqual([200, 409]);
		for (const stream of streams) if (stream.status() === 200) await stream.until("end");
		expect(await person.messages(sessionId)).toHaveLength(2);
	});

	test("is stopped before its session is deleted", async () => {
		const { person, sessionId } = await fleet.visitor();
		const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		await own.until("token");
		expect((await person.at(fleet.at(1)).call("DELETE", `/chat/sessions/${sessionId}`)).status).toBe(204);
		expect(["end", "error"]).toContain((await own.until(({ type }) => type === "end" || type === "error")).type);
		await eventually("the model server is let go", () => fleet.model.chats.at(-1)?.closedAt !== undefined);
	});

	test("ends with its login, and so does its reading elsewhere, within five seconds", async () => {
		const { person, sessionId } = await fleet.visitor();
		const again = await person.signInAgain();
		const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		const { generationId = "" } = await own.until("start");
		const [mine, others] = await Promise.all([person, again].map((login) => login.at(fleet.at(1)).resume(generationId)));
		await others?.until("token");
		await again.at(fleet.at(2)).call("POST", "/auth/logout");
		expect(await others?.until("error")).toMatchObject({ code: "signed_out" });
		expect((await again.at(fleet.at(1)).call("GET", "/auth/me")).status).toBe(401);
		const before = performance.now();
		await person.at(fleet.at(2)).call("POST", "/auth/logout");
		expect((await person.at(fleet.at(1)).call("GET", "/auth/me")).status).toBe(401);
		for (const stream of [own, mine]) expect(await stream?.until(({ type }) => type === "end" || type === "error")).toBeDefined();
		expect(performance.now() - before).toBeLessThan(5000);
	});
});

test("nobody follows it anywhere: it ends after the orphan timeout; a follower elsewhere keeps it alive", async () => {
	await using short = await openFleet({ mongo, redis, count: 2, settings: { GENERATION_ORPHAN_TIMEOUT: "1500ms" } });
	const { person, sessionId } = await short.visitor();
	const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	const { generationId = "" } = await own.until("start");
	const other = await person.at(short.at(1)).resume(generationId);
	await other.until("token");
	own.close();
	await Bun.sleep(4000);
	expect(other.events().some(({ type }) => type === "end")).toBe(false);
	const looked = await person.call("GET", `/chat/sessions/${sessionId}/generation`);
	expect(looked.body).toMatchObject({ generationId, status: "streaming" });
	other.close();
	await eventually("it ends", async () => (await person.messages(sessionId)).at(-1)?.status === "stopped", 6000);
});
