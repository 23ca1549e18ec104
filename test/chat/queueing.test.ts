// Waiting for a place: who is told what, who comes next, and when there is no room. The rules themselves are tested in test/generation.

import { describe, expect, test } from "bun:test";
import type { EventStream } from "../support/event-stream.ts";
import { eventually, type Person } from "../support/server.ts";
import { openWorld, useWorld, visitorOf } from "./world.ts";

const world = useWorld({ query: "?slots=1", settings: { MAX_STREAMS_PER_USER: "10" } });

async function stop(person: Person, stream: EventStream): Promise<void> {
	expect((await person.call("POST", `/chat/generations/${stream.events()[0]?.generationId}/stop`)).status).toBe(202);
	await stream.over();
}

/** Somebody who holds the only place until `stop`. */
async function holder(): Promise<{ person: Person; stream: EventStream }> {
	const { person, sessionId } = await world.visitor();
	const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	await stream.until("token");
	return { person, stream };
}

describe("while its turn waits, a stream says `queued`", () => {
	test("with its position, again on each change, and then goes on with tokens", async () => {
		const first = await holder();
		const visitors = [];
		for (const name of ["second", "third", "fourth"]) {
			const { person, sessionId } = await world.visitor();
			const stream = await person.stream({ sessionId, prompt: name });
			expect(stream.events()[0]?.type ?? "start").toBe("start");
			visitors.push({ person, stream });
		}
		const positions = ({ stream }: { stream: EventStream }) =>
			stream.events().flatMap((event) => (event.type === "queued" ? [event.position] : []));
		for (const [index, { stream }] of visitors.entries()) expect((await stream.until("queued")).position).toBe(index + 1);
		await stop(first.person, first.stream);
		for (const { stream } of visitors) {
			await stream.until("end");
			expect(stream.text()).toBe("Hello from the fake model.");
		}
		expect(visitors.map(positions)).toEqual([[1], [2, 1], [3, 2, 1]]);
	});

	test("and whoever picks it up again is told its place too", async () => {
		const first = await holder();
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "patient" });
		const { generationId = "" } = await stream.until("start");
		await stream.until("queued");
		const reader = await person.resume(generationId);
		expect((await reader.until("queued")).position).toBe(1);
		expect((await person.call("GET", `/chat/sessions/${sessionId}/generation`)).body).toMatchObject({
			generationId,
			status: "queued",
			seq: 0,
		});
		await stop(first.person, first.stream);
		await reader.until("end");
		// Once it has run, its old place is of no interest.
		const late = await person.resume(generationId);
		await late.until("end");
		expect(late.events().map((event) => event.type)).not.toContain("queued");
	});
});

test("a waiting turn that is stopped leaves the queue: the others move up, the model server is never asked, the prompt is kept", async () => {
	const first = await holder();
	const [second, third] = [await world.visitor(), await world.visitor()];
	const waiting = await second.person.stream({ sessionId: second.sessionId, prompt: "never asked" });
	await waiting.until("queued");
	const behind = await third.person.stream({ sessionId: third.sessionId, prompt: "moves up" });
	expect((await behind.until("queued")).position).toBe(2);
	await stop(second.person, waiting);
	expect(waiting.events().at(-1)).toMatchObject({ type: "end", finishReason: "stopped" });
	expect((await behind.until("queued")).position).toBe(1);
	expect(await second.person.messages(second.sessionId)).toMatchObject([
		{ content: "never asked", status: "sent" },
		{ content: "", status: "stopped" },
	]);
	await stop(first.person, first.stream);
	await behind.until("end");
	expect(world.model.chats.map((request) => request.prompt)).not.toContain("never asked");
});

test("somebody with many turns does not keep the others waiting: after two of them everybody else has had a turn", async () => {
	const first = await holder();
	const { person: greedy } = await world.visitor();
	const streams: EventStream[] = [];
	for (let turn = 1; turn <= 5; turn += 1) {
		streams.push(await greedy.stream({ sessionId: await greedy.createSession(), prompt: `greedy ${turn}` }));
	}
	for (let other = 1; other <= 3; other += 1) {
		const { person, sessionId } = await world.visitor();
		streams.push(await person.stream({ sessionId, prompt: `modest ${other}` }));
	}
	await stop(first.person, first.stream);
	for (const stream of streams) await stream.until("end");
	const order = world.model.chats.map((request) => request.prompt).filter((prompt) => /^(greedy|modest)/.test(prompt));
	expect(order.length).toBe(8);
	const lastModest = Math.max(...[1, 2, 3].map((other) => order.indexOf(`modest ${other}`)));
	expect(order.slice(0, lastModest).filter((prompt) => prompt.startsWith("greedy")).length).toBeLessThanOrEqual(2);
	expect(order.filter((prompt) => prompt.startsWith("greedy"))).toEqual([1, 2, 3, 4, 5].map((turn) => `greedy ${turn}`));
});

test("a waiting turn that nobody follows gives up its place when somebody else waits behind it", async () => {
	await using small = await openWorld({ query: "?slots=1", settings: { GENERATION_YIELD_TIMEOUT: "500ms" } });
	const first = await small.visitor();
	const holding = await first.person.stream({ sessionId: first.sessionId, prompt: "[endless] [every 20]" });
	await holding.until("token");
	const left = await small.visitor();
	const asleep = await left.person.stream({ sessionId: left.sessionId, prompt: "asleep" });
	await asleep.until("queued");
	const next = await small.visitor();
	const behind = await next.person.stream({ sessionId: next.sessionId, prompt: "awake" });
	await behind.until("queued");
	asleep.close();
	await eventually("it has given up", async () => (await left.person.messages(left.sessionId)).at(-1)?.status === "stopped");
	expect((await next.person.messages(next.sessionId)).at(-1)?.status).toBe("streaming");
});

test("a waiting turn that nobody follows keeps waiting, and its answer is in the history", async () => {
	await using patient = await openWorld({ query: "?slots=1", settings: { GENERATION_YIELD_TIMEOUT: "500ms" } });
	const first = await patient.visitor();
	const holding = await first.person.stream({ sessionId: first.sessionId, prompt: "[tokens 100] [every 20]" });
	await holding.until("token");
	const { person, sessionId } = await patient.visitor();
	const stream = await person.stream({ sessionId, prompt: "asleep" });
	await stream.until("queued");
	stream.close();
	await holding.until("end");
	await eventually("it is answered", async () => (await person.messages(sessionId)).at(-1)?.status !== "streaming");
	expect((await person.messages(sessionId)).at(-1)).toMatchObject({ status: "sent", content: "Hello from the fake model." });
});

describe("limits", () => {
	test("MAX_STREAMS_PER_USER: one more of the same person waits although there are places; somebody else does not", async () => {
		await using roomy = await openWorld({ query: "?slots=8", settings: { MAX_STREAMS_PER_USER: "2" } });
		const { person } = await roomy.visitor();
		const streams: EventStream[] = [];
		for (let turn = 0; turn < 3; turn += 1) {
			streams.push(await person.stream({ sessionId: await person.createSession(), prompt: "[endless] [every 20]" }));
		}
		const [first, second, third] = streams;
		if (first === undefined || second === undefined || third === undefined) throw new Error("three streams were opened");
		await first.until("token");
		await second.until("token");
		expect((await third.until("queued")).position).toBe(1);
		const other = await visitorOf(roomy.server);
		const beside = await other.person.stream({ sessionId: other.sessionId, prompt: "hello" });
		await beside.until("end");
		expect(third.events().map((event) => event.type)).not.toContain("token");
		await stop(person, first);
		await third.until("token");
	});

	test("the slots that a model server tells itself are kept", async () => {
		await using told = await openWorld({ model: { slots: 2 }, settings: { MAX_STREAMS_PER_USER: "10", UPSTREAM_CONCURRENCY: "9" } });
		const { person } = await told.visitor();
		const streams: EventStream[] = [];
		for (let turn = 0; turn < 3; turn += 1) {
			streams.push(await person.stream({ sessionId: await person.createSession(), prompt: "[endless] [every 20]" }));
		}
		await streams[2]?.until("queued");
		expect(told.model.chats.length).toBe(2);
	});

	test("QUEUE_LIMIT: no room to wait is 503 queue_full with Retry-After, before anything is stored", async () => {
		await using narrow = await openWorld({ query: "?slots=1", settings: { QUEUE_LIMIT: "1" } });
		const first = await narrow.visitor();
		const holding = await first.person.stream({ sessionId: first.sessionId, prompt: "[endless] [every 20]" });
		await holding.until("token");
		const second = await narrow.visitor();
		const waiting = await second.person.stream({ sessionId: second.sessionId, prompt: "waits" });
		await waiting.until("queued");
		const { person, sessionId } = await narrow.visitor();
		for (const path of ["/chat/stream", "/chat/message"]) {
			const reply = await person.call("POST", path, { sessionId, prompt: "no room" });
			expect([reply.status, reply.body.code]).toEqual([503, "queue_full"]);
			expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
		}
		expect(await person.messages(sessionId)).toEqual([]);
		await stop(first.person, holding);
		await waiting.until("end");
		const stream = await person.stream({ sessionId, prompt: "room again" });
		await stream.until("end");
	});
});
