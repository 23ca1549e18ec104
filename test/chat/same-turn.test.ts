// The client's own id of a turn: sent twice, one generation and one result (G5).

import { describe, expect, test } from "bun:test";
import { startServer } from "../support/server.ts";
import { openWorld, useWorld } from "./world.ts";

const world = useWorld();

describe("the same messageId sent again", () => {
	test("while it runs joins the generation, from its beginning", async () => {
		const { person, sessionId } = await world.visitor();
		const asked = world.model.chats.length;
		const turn = { sessionId, prompt: "[tokens 40] [every 20]", messageId: "msg_1700000000000_abc" };
		const first = await person.stream(turn);
		await first.until((event) => event.seq === 10);
		const second = await person.stream(turn);
		await Promise.all([first.over(), second.over()]);
		const said = (events: typeof first) => events.events().filter((event) => event.type !== "ping");
		expect(said(second)).toEqual(said(first));
		expect(second.text()).toEndWith("t39 ");
		expect(world.model.chats.length).toBe(asked + 1);
		expect((await person.messages(sessionId)).length).toBe(2);
	});

	test("after a lost connection joins the generation that goes on", async () => {
		const { person, sessionId } = await world.visitor();
		const turn = { sessionId, prompt: "[tokens 40] [every 20]", messageId: "again" };
		const first = await person.stream(turn);
		await first.until((event) => event.seq === 5);
		first.close();
		const second = await person.stream(turn);
		expect((await second.until("end")).messageId).toBe("again");
		expect(second.events()[0]).toEqual(first.events()[0] ?? { type: "none" });
		expect(second.text()).toStartWith("t0 t1 ");
		expect(second.text()).toEndWith("t39 ");
		expect((await person.messages(sessionId)).length).toBe(2);
	});

	test("after the end gives the stored answer as a stream, and does not ask the model again", async () => {
		const { person, sessionId } = await world.visitor();
		const turn = { sessionId, prompt: "hello", messageId: "again" };
		const first = await person.stream(turn);
		const end = await first.until("end");
		const asked = world.model.chats.length;
		const second = await person.stream(turn);
		expect(await second.until("end")).toEqual(end);
		expect(second.text()).toBe(first.text());
		expect(world.model.chats.length).toBe(asked);
		// Also over the other route.
		const message = await person.call("POST", "/chat/message", turn);
		expect(message.body).toMatchObject({ messageId: end.assistantMessageId ?? "", content: first.text(), role: "assistant" });
		expect(world.model.chats.length).toBe(asked);
		expect((await person.messages(sessionId)).length).toBe(2);
	});

	test("after a restart of the server gives the stored answer, with its usage and its end", async () => {
		await using old = await openWorld();
		const { person, sessionId } = await old.visitor();
		const turn = { sessionId, prompt: "hello", messageId: "again" };
		const first = await person.stream(turn);
		const end = await first.until("end");
		const settings = { UPSTREAMS: `openai+${old.model.baseUrl}` };
		await old.server.stop();
		const again = await startServer({ dataDir: old.server.dataDir, port: old.server.port, settings });
		try {
			const second = await person.stream(turn);
			expect(await second.until("end")).toEqual(end);
			expect(second.events()[0]).toEqual(first.events()[0] ?? { type: "none" });
			expect(second.text()).toBe(first.text());
			expect(old.model.chats.length).toBe(1);
		} finally {
			await again.stop();
		}
	});

	test("after a crash says `interrupted`, with the part that was stored; never a second generation", async () => {
		await using old = await openWorld();
		const { person, sessionId } = await old.visitor();
		const turn = { sessionId, prompt: "[endless] [every 20]", messageId: "again" };
		const first = await person.stream(turn);
		await first.until("token");
		await Bun.sleep(2500);
		const settings = { UPSTREAMS: `openai+${old.model.baseUrl}` };
		await old.server.kill();
		const again = await startServer({ dataDir: old.server.dataDir, port: old.server.port, settings });
		try {
			const second = await person.stream(turn);
			expect(await second.until("error")).toMatchObject({ code: "interrupted", retryable: true });
			expect(second.text()).toStartWith("t0 t1 ");
			expect(first.text()).toStartWith(second.text());
			expect(old.model.chats.length).toBe(1);
		} finally {
			await again.stop();
		}
	});

	test("with another prompt is refused: 409, while it runs and afterwards, on both routes", async () => {
		const { person, sessionId } = await world.visitor();
		const turn = { sessionId, prompt: "[tokens 30] [every 20]", messageId: "mine" };
		const first = await person.stream(turn);
		await first.until("token");
		for (const path of ["/chat/stream", "/chat/message"]) {
			const reply = await person.call("POST", path, { ...turn, prompt: "another" });
			expect([reply.status, reply.body.code]).toEqual([409, "message_id_conflict"]);
		}
		expect((await first.until("end")).finishReason).toBe("stop");
		const later = await person.call("POST", "/chat/stream", { ...turn, prompt: "another" });
		expect([later.status, later.body.code]).toEqual([409, "message_id_conflict"]);
		expect((await person.messages(sessionId)).length).toBe(2);
	});

	test("in another session is another turn", async () => {
		const { person, sessionId } = await world.visitor();
		const other = await person.createSession();
		for (const id of [sessionId, other]) {
			const stream = await person.stream({ sessionId: id, prompt: `to ${id}`, messageId: "same" });
			await stream.until("end");
		}
		expect((await person.messages(other)).map((message) => message.content)).toEqual([`to ${other}`, "Hello from the fake model."]);
	});

	test("20 times at the same moment makes one generation and one message of the person; all 20 get the same answer", async () => {
		const { person, sessionId } = await world.visitor();
		const asked = world.model.chats.length;
		const turn = { sessionId, prompt: "[tokens 20] [every 20]", messageId: "once" };
		const streams = await Promise.all(Array.from({ length: 20 }, () => person.stream(turn)));
		for (const stream of streams) {
			expect(stream.status()).toBe(200);
			expect(await stream.over()).toBe("complete");
			expect(stream.events()[0]).toEqual(streams[0]?.events()[0] ?? { type: "none" });
			expect(stream.text()).toBe(Array.from({ length: 20 }, (_, i) => `t${i} `).join(""));
			expect(stream.events().at(-1)).toMatchObject({ type: "end", messageId: "once" });
		}
		expect(world.model.chats.length).toBe(asked + 1);
		expect((await person.messages(sessionId)).map((message) => message.role)).toEqual(["user", "assistant"]);
	});

	test("shows in the history as the message's own messageId", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "hello", messageId: "mine" });
		await stream.until("end");
		expect((await person.messages(sessionId)).map((message) => message.messageId)).toEqual(["mine", undefined]);
	});

	for (const [what, messageId] of [
		["an empty one", ""],
		["one of 201 characters", "x".repeat(201)],
		["a number", 7],
	] as const) {
		test(`must be a text of 1 to 200 characters: ${what} is 422`, async () => {
			const { person, sessionId } = await world.visitor();
			const reply = await person.call("POST", "/chat/stream", { sessionId, prompt: "hello", messageId });
			expect([reply.status, reply.body.code]).toEqual([422, "validation_failed"]);
			expect(await person.messages(sessionId)).toEqual([]);
		});
	}
});
