// What the model server is asked: the conversation as the model is shown it, the sampling, the model. And what is kept of its answer
// beside the text.

import { describe, expect, test } from "bun:test";
import type { RecordedRequest } from "../support/model-server.ts";
import type { Person } from "../support/server.ts";
import { openWorld, useWorld } from "./world.ts";

const world = useWorld({ model: { models: ["fake", "other"], key: "sk-key" } });

type Asked = {
	readonly model?: string;
	readonly messages: readonly { readonly role: string; readonly content: string }[];
	readonly temperature?: number;
	readonly max_tokens?: number;
	readonly stream?: boolean;
};
const asked = (request: RecordedRequest | undefined): Asked => Object(request?.body);
const lastAsked = (): Asked => asked(world.model.chats.at(-1));

async function say(person: Person, sessionId: string, prompt: string): Promise<void> {
	await (await person.stream({ sessionId, prompt })).until("end");
}

describe("the model is shown", () => {
	test("what was said before, oldest first, and the new prompt exactly once, as the last", async () => {
		const { person, sessionId } = await world.visitor();
		await say(person, sessionId, "one");
		await say(person, sessionId, "two");
		await say(person, sessionId, "two");
		expect(lastAsked().messages).toEqual([
			{ role: "user", content: "one" },
			{ role: "assistant", content: "Hello from the fake model." },
			{ role: "user", content: "two" },
			{ role: "assistant", content: "Hello from the fake model." },
			{ role: "user", content: "two" },
		]);
	});

	test("on /chat/message the same", async () => {
		const { person, sessionId } = await world.visitor();
		await person.call("POST", "/chat/message", { sessionId, prompt: "one" });
		await person.call("POST", "/chat/message", { sessionId, prompt: "two" });
		expect(lastAsked().messages.map((message) => message.content)).toEqual(["one", "Hello from the fake model.", "two"]);
	});

	test("no empty answer of a turn that failed, but the part of one that was cut off", async () => {
		const { person, sessionId } = await world.visitor();
		await (await person.stream({ sessionId, prompt: "[status 500]" })).until("error");
		await (await person.stream({ sessionId, prompt: "[tokens 9] [cut 2]" })).until("error");
		await say(person, sessionId, "now");
		expect(lastAsked().messages.map((message) => message.content)).toEqual(["[status 500]", "[tokens 9] [cut 2]", "t0 t1 ", "now"]);
	});

	test("no thinking text of earlier answers", async () => {
		const { person, sessionId } = await world.visitor();
		await say(person, sessionId, "[reasoning] one");
		await say(person, sessionId, "two");
		expect(JSON.stringify(lastAsked().messages)).not.toContain("Let me think");
	});

	test("nothing of another session", async () => {
		const { person, sessionId } = await world.visitor();
		await say(person, sessionId, "here");
		await say(person, await person.createSession(), "there");
		expect(lastAsked().messages).toEqual([{ role: "user", content: "there" }]);
	});

	test("only the newest CONTEXT_MESSAGES of what was said before, with SYSTEM_PROMPT first and the prompt last", async () => {
		await using small = await openWorld({ settings: { CONTEXT_MESSAGES: "3", SYSTEM_PROMPT: "Be brief." } });
		const { person, sessionId } = await small.visitor();
		for (const prompt of ["one", "two", "three"]) await say(person, sessionId, prompt);
		expect(asked(small.model.chats.at(-1)).messages).toEqual([
			{ role: "system", content: "Be brief." },
			{ role: "assistant", content: "Hello from the fake model." },
			{ role: "user", content: "two" },
			{ role: "assistant", content: "Hello from the fake model." },
			{ role: "user", content: "three" },
		]);
	});

	test("the session's own system prompt in place of SYSTEM_PROMPT, then stored system messages, then the rest", async () => {
		await using strict = await openWorld({ settings: { SYSTEM_PROMPT: "Be brief." } });
		const { person } = await strict.visitor();
		const sessionId = await person.createSession({ systemPrompt: "Be a pirate." });
		await say(person, sessionId, "one");
		expect((await person.call("POST", `/sessions/${sessionId}/messages`, { role: "system", content: "The date is 1 May." })).status).toBe(
			201,
		);
		await say(person, sessionId, "two");
		expect(asked(strict.model.chats.at(-1)).messages).toEqual([
			{ role: "system", content: "Be a pirate." },
			{ role: "system", content: "The date is 1 May." },
			{ role: "user", content: "one" },
			{ role: "assistant", content: "Hello from the fake model." },
			{ role: "user", content: "two" },
		]);
	});
});

describe("a conversation that is too long for the model", () => {
	test("is cut at its older half until it fits; the reader sees one answer, the history loses nothing", async () => {
		const { person, sessionId } = await world.visitor();
		for (let turn = 0; turn < 4; turn += 1) await say(person, sessionId, `turn ${turn}`);
		const before = world.model.chats.length;
		world.model.answerWith((request) => {
			if (request.method !== "POST" || asked(request).messages.length <= 3) return undefined;
			const body = JSON.stringify({ error: { code: 400, message: "too long", type: "exceed_context_size_error" } });
			return [{ send: `HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}` }];
		});
		const stream = await person.stream({ sessionId, prompt: "the last" });
		await stream.until("end");
		world.model.answerWith(undefined);
		expect(stream.events().map((event) => event.type)).not.toContain("error");
		expect(world.model.chats.slice(before).map((request) => asked(request).messages.length)).toEqual([9, 5, 3]);
		expect(lastAsked().messages.at(-1)).toEqual({ role: "user", content: "the last" });
		expect((await person.messages(sessionId)).length).toBe(10);
	});

	test("and does not fit even alone: context_too_long, which says what to do; it is not worth a retry", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[context]" });
		expect(await stream.until("error")).toMatchObject({ code: "context_too_long", retryable: false });
		expect((await person.messages(sessionId)).at(-1)).toMatchObject({ status: "error", errorCode: "context_too_long" });
	});
});

describe("sampling and model", () => {
	test("temperature, max_tokens and model reach the model server, and so does its key; what is not said is not sent", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "hello", temperature: 0.25, max_tokens: 77, model: "other" });
		expect((await stream.until("start")).model).toBe("other");
		await stream.until("end");
		expect(lastAsked()).toMatchObject({ temperature: 0.25, max_tokens: 77, model: "other", stream: true });
		expect(world.model.chats.at(-1)?.headers.get("authorization")).toBe("Bearer sk-key");
		expect((await person.messages(sessionId)).at(-1)?.model).toBe("other");
		await say(person, sessionId, "plain");
		expect(Object.keys(lastAsked())).not.toContain("temperature");
		expect(Object.keys(lastAsked())).not.toContain("max_tokens");
		expect(lastAsked().model).toBe("fake");
	});

	test("the session's model is asked when the request names none; the request's wins; DEFAULT_MODEL comes last", async () => {
		const { person } = await world.visitor();
		const sessionId = await person.createSession({ model: "other" });
		await say(person, sessionId, "hello");
		expect(lastAsked().model).toBe("other");
		await (await person.stream({ sessionId, prompt: "hello", model: "fake" })).until("end");
		expect(lastAsked().model).toBe("fake");
		await using choosy = await openWorld({ model: { models: ["fake", "other"] }, settings: { DEFAULT_MODEL: "other" } });
		const visitor = await choosy.visitor();
		await say(visitor.person, visitor.sessionId, "hello");
		expect(asked(choosy.model.chats.at(-1)).model).toBe("other");
	});

	test("the bounds themselves are taken, and null is as good as nothing", async () => {
		const { person, sessionId } = await world.visitor();
		for (const more of [
			{ temperature: 0 },
			{ temperature: 2 },
			{ max_tokens: 1 },
			{ temperature: null, max_tokens: null, model: null, messageId: null },
		]) {
			expect((await person.call("POST", "/chat/message", { sessionId, prompt: "hello", ...more })).status).toBe(200);
		}
	});

	for (const [member, value] of [
		["temperature", -0.1],
		["temperature", 2.1],
		["temperature", "hot"],
		["max_tokens", 0],
		["max_tokens", -5],
		["max_tokens", 1.5],
		["prompt", 7],
		["prompt", ["a"]],
		["prompt", null],
		["sessionId", "not-an-id"],
		["model", 7],
		["onDisconnect", "explode"],
	] as const) {
		test(`${member} ${JSON.stringify(value)} is 422 on /chat/stream, and nothing is stored or sent`, async () => {
			const { person, sessionId } = await world.visitor();
			const before = world.model.chats.length;
			const reply = await person.call("POST", "/chat/stream", { sessionId, prompt: "hello", [member]: value });
			expect(reply.status).toBe(422);
			expect(reply.headers.get("content-type")).toStartWith("application/problem+json");
			expect(reply.body.code).toBe(member === "sessionId" ? "invalid_id" : "validation_failed");
			expect(await person.messages(sessionId)).toEqual([]);
			expect(world.model.chats.length).toBe(before);
		});
	}
});

describe("what is kept of an answer", () => {
	test("model, finish reason, token counts and timings stand beside it in the history", async () => {
		const { person, sessionId } = await world.visitor();
		await say(person, sessionId, "[tokens 5] [every 20]");
		const answer = (await person.messages(sessionId)).at(-1);
		expect(answer).toMatchObject({ model: "fake", finishReason: "stop", usage: { promptTokens: 7, completionTokens: 5 } });
		const { queuedMs = -1, firstTokenMs = -1, totalMs = -1 } = answer?.timings ?? {};
		expect(queuedMs).toBeGreaterThanOrEqual(0);
		expect(firstTokenMs).toBeGreaterThanOrEqual(15);
		expect(totalMs).toBeGreaterThanOrEqual(firstTokenMs + 50);
	});

	test("/chat/message answers with the stored message, the answer's text and its usage", async () => {
		const { person, sessionId } = await world.visitor();
		const { status, body } = await person.call("POST", "/chat/message", { sessionId, prompt: "hello" });
		expect(status).toBe(200);
		const stored = (await person.messages(sessionId)).at(-1);
		expect(body).toEqual({
			messageId: stored?.id ?? "",
			sessionId,
			content: "Hello from the fake model.",
			role: "assistant",
			timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
			usage: { promptTokens: 7, completionTokens: 6 },
		});
	});

	for (const cue of ["[reasoning]", "[think]"]) {
		test(`thinking text (${cue}) is told as reasoning events and kept apart from the answer`, async () => {
			const { person, sessionId } = await world.visitor();
			const stream = await person.stream({ sessionId, prompt: `${cue} hello` });
			await stream.until("end");
			const reasoning = stream
				.events()
				.flatMap((event) => (event.type === "reasoning" ? [event.content] : []))
				.join("");
			expect(reasoning).toBe(cue === "[think]" ? "hmm" : "Let me think.");
			expect(stream.text()).toBe("Hello from the fake model.");
			const answer = (await person.messages(sessionId)).at(-1);
			expect(answer).toMatchObject({ content: "Hello from the fake model.", reasoning });
			const message = await person.call("POST", "/chat/message", { sessionId, prompt: `${cue} hello` });
			expect(message.body.content).toBe("Hello from the fake model.");
		});
	}

	test("the session shows the newest text, and how many messages there are", async () => {
		const { person, sessionId } = await world.visitor();
		await say(person, sessionId, "hello");
		const { body } = await person.call("GET", `/chat/sessions/${sessionId}`);
		expect(body).toMatchObject({ messageCount: 2, lastMessage: "Hello from the fake model." });
	});
});
