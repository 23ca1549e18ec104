// What is refused changes nothing, and what ends is told truly: races between turns, deletions and model servers that come and go.

import { describe, expect, test } from "bun:test";
import { startModelServer } from "../support/model-server.ts";
import { eventually, startServer } from "../support/server.ts";
import { useWorld, visitorOf } from "./world.ts";

const world = useWorld();

describe("a turn that is refused", () => {
	test("leaves the running answer alone: an unknown model, an edit of what is no prompt", async () => {
		const { person, sessionId } = await world.visitor();
		const first = await person.stream({ sessionId, prompt: "[tokens 120] [every 20]" });
		const { messageId = "" } = await first.until("start");
		await first.until("token");
		first.close();
		const unknown = await person.call("POST", "/chat/stream", { sessionId, prompt: "x", model: "nope" });
		expect([unknown.status, unknown.body.code]).toEqual([404, "model_not_found"]);
		const edit = await person.call("PATCH", `/chat/messages/${messageId}`, { content: "x" });
		expect([edit.status, edit.body.code]).toEqual([409, "message_not_editable"]);
		await eventually("it is answered", async () => (await person.messages(sessionId)).at(-1)?.status === "sent");
		expect((await person.messages(sessionId)).length).toBe(2);
	});

	test("of two edits of one prompt at once, one is made and the other is told that the prompt is no longer there to edit", async () => {
		const { person, sessionId } = await world.visitor();
		const first = await person.stream({ sessionId, prompt: "one" });
		const { userMessageId = "" } = await first.until("start");
		await first.until("end");
		const edits = await Promise.all(
			["two", "three"].map((content) => person.streamAt("PATCH", `/chat/messages/${userMessageId}`, { content })),
		);
		for (const edit of edits) if (edit.status() === 200) await edit.until("end");
		expect(edits.map((edit) => edit.status()).sort()).toEqual([200, 409]);
		expect((await person.messages(sessionId)).length).toBe(2);
	});
});

test("a session that is deleted while a turn is sent: nothing goes on, and no `end` says that something was stored", async () => {
	const { person } = await world.visitor();
	for (let round = 0; round < 12; round += 1) {
		const sessionId = await person.createSession();
		const before = world.model.chats.length;
		const sending = person.stream({ sessionId, prompt: "[tokens 60] [every 20]" });
		await Bun.sleep(round % 4);
		const deletion = await person.call("DELETE", `/chat/sessions/${sessionId}`);
		const stream = await sending;
		await stream.over();
		expect([204, 404]).toContain(deletion.status);
		const said = stream.raw();
		if (stream.status() === 200) expect(said).not.toContain('"finishReason":"stop"');
		await eventually("the model is asked no more", () => world.model.chats.slice(before).every((chat) => chat.closedAt !== undefined));
	}
});

test("a model that no server which is up offers is not asked for elsewhere because another server is down", async () => {
	const model = startModelServer();
	const server = await startServer({ settings: { UPSTREAMS: `openai+${model.baseUrl},openai+http://127.0.0.1:9/v1` } });
	try {
		const { person, sessionId } = await visitorOf(server);
		const stream = await person.stream({ sessionId, prompt: "x", model: "nope" });
		expect((await stream.until("error")).code).toBe("upstream_unreachable");
		expect(model.chats.length).toBe(0);
	} finally {
		model.stop();
		await server.stop();
	}
});

test("a waiting turn is taken by a model server that comes back, without waiting for the busy one", async () => {
	const busy = startModelServer();
	const away = startModelServer();
	const server = await startServer({ settings: { UPSTREAMS: `openai+${busy.baseUrl}?slots=1,openai+${away.baseUrl}?slots=1` } });
	let back: ReturnType<typeof startModelServer> | undefined;
	try {
		away.stop();
		const first = await visitorOf(server);
		await (await first.person.stream({ sessionId: first.sessionId, prompt: "[endless] [every 20]" })).until("token");
		const second = await visitorOf(server);
		// The first to meet the server that is away goes on at the busy one; from then on that is known.
		await (await second.person.stream({ sessionId: second.sessionId, prompt: "[endless] [every 20]" })).until("token");
		const third = await visitorOf(server);
		const waiting = await third.person.stream({ sessionId: third.sessionId, prompt: "my turn" });
		await waiting.until("queued");
		back = startModelServer({ port: away.port });
		expect((await waiting.until("end")).finishReason).toBe("stop");
		expect(back.chats.length).toBe(1);
	} finally {
		busy.stop();
		back?.stop();
		await server.stop();
	}
});

test("onDisconnect stop holds for another answer too", async () => {
	const { person, sessionId } = await world.visitor();
	await (await person.stream({ sessionId, prompt: "[endless] [every 20]" })).until("token");
	const { body } = await person.call("GET", `/chat/sessions/${sessionId}/generation`);
	await person.call("POST", `/chat/generations/${body.generationId}/stop`);
	const again = await person.streamAt("POST", `/chat/sessions/${sessionId}/regenerate`, { onDisconnect: "stop" });
	await again.until("token");
	again.close();
	await eventually("it is stopped", async () => (await person.messages(sessionId)).at(-1)?.status === "stopped");
});
