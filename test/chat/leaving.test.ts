// A client that leaves: the answer goes on without it, and what ends it in the end.

import { describe, expect, test } from "bun:test";
import { eventually } from "../support/server.ts";
import { openWorld, useWorld } from "./world.ts";

const world = useWorld();

describe("a client that leaves loses nothing", () => {
	test("before the first token: the answer is complete in the history", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[tokens 30] [every 20]" });
		stream.close();
		await eventually("the answer is complete", async () => (await person.messages(sessionId)).at(-1)?.status === "sent");
		expect((await person.messages(sessionId)).at(-1)?.content).toBe(Array.from({ length: 30 }, (_, i) => `t${i} `).join(""));
	});

	test("in the middle: the answer is complete in the history, and the model server was asked once", async () => {
		const { person, sessionId } = await world.visitor();
		const asked = world.model.chats.length;
		const stream = await person.stream({ sessionId, prompt: "[tokens 40] [every 20]" });
		await stream.until((event) => event.seq === 10);
		stream.close();
		await eventually("the answer is complete", async () => (await person.messages(sessionId)).at(-1)?.status === "sent");
		expect((await person.messages(sessionId)).at(-1)?.content).toBe(Array.from({ length: 40 }, (_, i) => `t${i} `).join(""));
		expect(world.model.chats.length).toBe(asked + 1);
	});

	test("also a client of /chat/message", async () => {
		const { person, sessionId } = await world.visitor();
		const leaving = new AbortController();
		const answer = fetch(`${world.server.address}/api/v1/chat/message`, {
			method: "POST",
			headers: { "content-type": "application/json", authorization: `Bearer ${person.token}` },
			body: JSON.stringify({ sessionId, prompt: "[tokens 20] [every 20]" }),
			signal: leaving.signal,
		}).catch(() => "left");
		await eventually("the turn is there", async () => (await person.messages(sessionId)).length === 2);
		leaving.abort();
		expect(await answer).toBe("left");
		await eventually("the answer is complete", async () => (await person.messages(sessionId)).at(-1)?.status === "sent");
		expect((await person.messages(sessionId)).at(-1)?.content).toEndWith("t19 ");
	});
});

test('`"onDisconnect":"stop"`: within a second of the close the upstream connection is closed, and the part is stored as `stopped`', async () => {
	const { person, sessionId } = await world.visitor();
	const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]", onDisconnect: "stop" });
	await stream.until((event) => event.seq === 5);
	const request = world.model.chats.at(-1);
	const leftAt = performance.now();
	stream.close();
	await eventually("the upstream connection is closed", () => request?.closedAt !== undefined, 5000);
	expect((request?.closedAt ?? Number.NaN) - leftAt).toBeLessThan(1000);
	await eventually("the part is stored", async () => (await person.messages(sessionId)).at(-1)?.status === "stopped", 2000);
	expect((await person.messages(sessionId)).at(-1)?.content).toStartWith("t0 t1 t2 t3 t4 ");
});

describe("an answer that nobody follows", () => {
	test("goes on for GENERATION_ORPHAN_TIMEOUT, then is stopped and kept as `stopped`", async () => {
		await using small = await openWorld({ settings: { GENERATION_ORPHAN_TIMEOUT: "1500ms" } });
		const { person, sessionId } = await small.visitor();
		const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		// As long as somebody follows, it is no orphan.
		await Bun.sleep(2000);
		expect(stream.events().at(-1)?.type).toBe("token");
		const leftAt = performance.now();
		stream.close();
		await eventually("it is stopped", async () => (await person.messages(sessionId)).at(-1)?.status === "stopped");
		expect(performance.now() - leftAt).toBeGreaterThan(1400);
		expect(small.model.chats.at(-1)?.closedAt).toBeDefined();
		expect((await person.messages(sessionId)).at(-1)?.content).toStartWith("t0 t1 ");
	});

	test("gives its place up after GENERATION_YIELD_TIMEOUT, but only while somebody else waits for it", async () => {
		await using small = await openWorld({ settings: { GENERATION_YIELD_TIMEOUT: "1s" }, query: "?slots=1" });
		const left = await small.visitor();
		const stream = await left.person.stream({ sessionId: left.sessionId, prompt: "[endless] [every 20]" });
		await stream.until("token");
		stream.close();
		await Bun.sleep(2500);
		// Nobody waits: it goes on.
		expect((await left.person.messages(left.sessionId)).at(-1)?.status).toBe("streaming");
		const next = await small.visitor();
		const waiting = await next.person.stream({ sessionId: next.sessionId, prompt: "my turn" });
		await waiting.until("end");
		expect(waiting.text()).toBe("Hello from the fake model.");
		expect((await left.person.messages(left.sessionId)).at(-1)?.status).toBe("stopped");
	});

	test("keeps its place against others while it is followed", async () => {
		await using small = await openWorld({ settings: { GENERATION_YIELD_TIMEOUT: "500ms" }, query: "?slots=1" });
		const first = await small.visitor();
		const stream = await first.person.stream({ sessionId: first.sessionId, prompt: "[tokens 100] [every 20]" });
		await stream.until("token");
		const next = await small.visitor();
		const waiting = await next.person.stream({ sessionId: next.sessionId, prompt: "my turn" });
		expect((await stream.until("end")).finishReason).toBe("stop");
		await waiting.until("end");
	});
});
