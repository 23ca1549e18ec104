// Another answer, and a changed prompt: what was there before is kept as a version; lists, counts and the model see the branch in force.

import { describe, expect, test } from "bun:test";
import type { RecordedRequest } from "../support/model-server.ts";
import type { Person, StoredMessage } from "../support/server.ts";
import { useWorld } from "./world.ts";

const world = useWorld();
const contents = (messages: readonly StoredMessage[]) => messages.map((message) => message.content);
const shown = (request: RecordedRequest | undefined): string[] => {
	const { messages = [] }: { messages?: { content: string }[] } = Object(request?.body);
	return messages.map((message) => message.content);
};

/** A session where two prompts were answered with their own words. */
async function conversation(): Promise<{ person: Person; sessionId: string; messages: readonly StoredMessage[] }> {
	const { person, sessionId } = await world.visitor();
	for (const prompt of ["[tokens 1] one", "[tokens 2] two"]) await (await person.stream({ sessionId, prompt })).until("end");
	const messages = await person.messages(sessionId);
	expect(contents(messages)).toEqual(["[tokens 1] one", "t0 ", "[tokens 2] two", "t0 t1 "]);
	return { person, sessionId, messages };
}

describe("POST /chat/sessions/{id}/regenerate", () => {
	test("streams another answer to the last prompt by the frame rule; the model is shown the prompt once and the old answer not at all", async () => {
		const { person, sessionId, messages } = await conversation();
		const stream = await person.streamAt("POST", `/chat/sessions/${sessionId}/regenerate`, { temperature: 1 });
		const start = await stream.until("start");
		await stream.until("end");
		expect(await stream.over()).toBe("complete");
		for (const line of stream.raw().split("\n")) expect(line).toMatch(/^(data: \{.*\})?$/);
		expect(start.userMessageId).toBe(messages[2]?.id ?? "");
		expect(shown(world.model.chats.at(-1))).toEqual(["[tokens 1] one", "t0 ", "[tokens 2] two"]);
		expect(world.model.chats.at(-1)?.body).toMatchObject({ temperature: 1 });
		const after = await person.messages(sessionId);
		expect(after.map((message) => message.id)).toEqual([...messages.slice(0, 3).map((message) => message.id), start.messageId ?? ""]);
		expect((await person.call("GET", `/chat/sessions/${sessionId}`)).body.messageCount).toBe(4);
		expect((await person.call("GET", `/chat/sessions/${sessionId}/messages`)).body.total).toBe(4);
		const { versions = [] } = (await person.call("GET", `/chat/messages/${start.messageId}/versions`)).body;
		expect(versions.map(({ id, inForce }) => [id, inForce])).toEqual([
			[messages[3]?.id ?? "", false],
			[start.messageId ?? "", true],
		]);
	});

	test("with an empty body, as the existing client sends it, takes the defaults", async () => {
		const { person, sessionId } = await conversation();
		expect((await person.call("POST", `/chat/sessions/${sessionId}/regenerate`)).status).toBe(200);
	});

	test("while an answer is followed is 409; in an empty session there is nothing to answer; in another's, nothing at all", async () => {
		const { person, sessionId } = await world.visitor();
		const empty = await person.call("POST", `/chat/sessions/${sessionId}/regenerate`, {});
		expect(empty.body.code).toBe("nothing_to_answer");
		const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		const { generationId = "" } = await stream.until("start");
		const busy = await person.call("POST", `/chat/sessions/${sessionId}/regenerate`, {});
		expect([busy.status, busy.body.code, busy.body.generationId]).toEqual([409, "generation_in_progress", generationId]);
		const stranger = await world.server.signup();
		expect((await stranger.call("POST", `/chat/sessions/${sessionId}/regenerate`, {})).status).toBe(404);
		await person.call("POST", `/chat/generations/${generationId}/stop`);
		await stream.until("end");
	});

	test("after an answer that failed makes a good one", async () => {
		const { person, sessionId } = await world.visitor();
		world.model.answerWith((request) => (request.method === "POST" ? [{ end: "reset" }] : undefined));
		await (await person.stream({ sessionId, prompt: "hello" })).until("error");
		world.model.answerWith(undefined);
		await (await person.streamAt("POST", `/chat/sessions/${sessionId}/regenerate`, {})).until("end");
		expect(contents(await person.messages(sessionId))).toEqual(["hello", "Hello from the fake model."]);
	});

	test("that is broken off by its reader goes on and is stored, and can be picked up again", async () => {
		const { person, sessionId } = await world.visitor();
		await (await person.stream({ sessionId, prompt: "[tokens 40] [every 20]" })).until("end");
		const stream = await person.streamAt("POST", `/chat/sessions/${sessionId}/regenerate`, {});
		const { generationId = "" } = await stream.until("start");
		await stream.until((event) => event.seq === 5);
		stream.close();
		const reader = await person.resume(generationId, { after: 5 });
		await reader.until("end");
		expect(stream.events().filter((event) => event.type === "token").length).toBeGreaterThanOrEqual(5);
		expect(reader.text()).toStartWith("t5 ");
		expect((await person.messages(sessionId)).at(-1)).toMatchObject({ status: "sent", content: expect.stringMatching(/^t0 .* t39 $/) });
	});
});

describe("PATCH /chat/messages/{id}", () => {
	test("changes a prompt and answers it anew: what followed it is gone from lists, counts and context, and kept as versions", async () => {
		const { person, sessionId, messages } = await conversation();
		const [first] = messages;
		const stream = await person.streamAt("PATCH", `/chat/messages/${first?.id}`, { content: "[tokens 3] changed" });
		const { userMessageId = "" } = await stream.until("start");
		await stream.until("end");
		expect(shown(world.model.chats.at(-1))).toEqual(["[tokens 3] changed"]);
		expect(contents(await person.messages(sessionId))).toEqual(["[tokens 3] changed", "t0 t1 t2 "]);
		const { messageCount } = (await person.call("GET", `/chat/sessions/${sessionId}`)).body;
		expect(messageCount).toBe(2);
		const { versions = [] } = (await person.call("GET", `/chat/messages/${userMessageId}/versions`)).body;
		expect(versions.map(({ content, inForce }) => [content, inForce])).toEqual([
			["[tokens 1] one", false],
			["[tokens 3] changed", true],
		]);
		await (await person.stream({ sessionId, prompt: "and on" })).until("end");
		expect(shown(world.model.chats.at(-1))).toEqual(["[tokens 3] changed", "t0 t1 t2 ", "and on"]);
	});

	test("changes no answer, nobody else's message, and none that is not in force; what is refused leaves all as it was", async () => {
		const { person, sessionId, messages } = await conversation();
		const stranger = await world.server.signup();
		const answer = await person.call("PATCH", `/chat/messages/${messages[1]?.id}`, { content: "x" });
		expect(answer.body.code).toBe("message_not_editable");
		const foreign = await stranger.call("PATCH", `/chat/messages/${messages[0]?.id}`, { content: "x" });
		const unknown = await stranger.call("PATCH", "/chat/messages/0123456789abcdef01234567", { content: "x" });
		expect([foreign.status, foreign.body.code]).toEqual([404, "message_not_found"]);
		expect([unknown.status, unknown.body.code]).toEqual([404, "message_not_found"]);
		expect((await stranger.call("GET", `/chat/messages/${messages[0]?.id}/versions`)).status).toBe(404);
		expect((await person.call("PATCH", `/chat/messages/${messages[0]?.id}`, {})).status).toBe(422);
		expect(await person.messages(sessionId)).toEqual([...messages]);
		await (await person.streamAt("PATCH", `/chat/messages/${messages[0]?.id}`, { content: "now" })).until("end");
		const old = await person.call("PATCH", `/chat/messages/${messages[2]?.id}`, { content: "x" });
		expect(old.body.code).toBe("message_not_editable");
	});

	test("is durable before the model is asked, and a model that fails leaves the changed prompt with an `error`", async () => {
		const { person, sessionId, messages } = await conversation();
		let stored: string[] = [];
		world.model.answerWith((request) => {
			if (request.method === "POST") stored = world.server.rows(sessionId).map((row) => row.content);
			return request.method === "POST" ? [{ end: "reset" }] : undefined;
		});
		const stream = await person.streamAt("PATCH", `/chat/messages/${messages[2]?.id}`, { content: "two, but better" });
		await stream.until("error");
		world.model.answerWith(undefined);
		expect(stored).toContain("two, but better");
		expect((await person.messages(sessionId)).map(({ content, status }) => [content, status])).toEqual([
			["[tokens 1] one", "sent"],
			["t0 ", "sent"],
			["two, but better", "sent"],
			["", "error"],
		]);
	});
});

test("versions go with their session, and with a clearing of its messages", async () => {
	for (const path of ["", "/messages"]) {
		const { person, sessionId } = await conversation();
		await (await person.streamAt("POST", `/chat/sessions/${sessionId}/regenerate`, {})).until("end");
		expect(world.server.rows(sessionId).length).toBe(5);
		expect((await person.call("DELETE", `/chat/sessions/${sessionId}${path}`)).status).toBe(204);
		expect(world.server.rows(sessionId)).toEqual([]);
	}
});
