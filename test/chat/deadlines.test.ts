// Deadlines and caps: each ends the answer with a sentence, keeps what had arrived, and closes the upstream connection.
// At the same time: they wait for seconds, each in a world of its own.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { ERROR_SENTENCES } from "../../src/domain/errors.ts";
import { ending, frame, lastChunk, streamHead } from "../support/model-answers.ts";
import { eventually } from "../support/server.ts";
import { openWorld } from "./world.ts";

setDefaultTimeout(60_000);

describe("FIRST_TOKEN_TIMEOUT", () => {
	test.concurrent("a model server that takes the request and says nothing: heartbeats, then upstream_timeout; the answer is `error`", async () => {
		await using world = await openWorld({ settings: { FIRST_TOKEN_TIMEOUT: "1500ms", HEARTBEAT_INTERVAL: "300ms" } });
		const { person, sessionId } = await world.visitor();
		const startedAt = performance.now();
		const stream = await person.stream({ sessionId, prompt: "[silent]" });
		await stream.until("ping");
		expect(await stream.until("error")).toEqual({
			type: "error",
			code: "upstream_timeout",
			error: ERROR_SENTENCES.upstream_timeout,
			retryable: true,
		});
		expect(performance.now() - startedAt).toBeGreaterThan(1400);
		const [prompt, answer] = await person.messages(sessionId);
		expect(prompt).toMatchObject({ content: "[silent]", status: "sent" });
		expect(answer).toMatchObject({ content: "", status: "error", errorCode: "upstream_timeout" });
		await eventually("the upstream connection is closed", () => world.model.chats.every((request) => request.closedAt !== undefined), 1000);
		const message = await person.call("POST", "/chat/message", { sessionId, prompt: "[silent]" });
		expect([message.status, message.body.code]).toEqual([504, "upstream_timeout"]);
	});

	test.concurrent("counts from sending upstream: a turn that waited longer for its place than that still gets its answer", async () => {
		await using world = await openWorld({ settings: { FIRST_TOKEN_TIMEOUT: "1s" }, query: "?slots=1" });
		const first = await world.visitor();
		const holding = await first.person.stream({ sessionId: first.sessionId, prompt: "[tokens 100] [every 20]" });
		await holding.until("token");
		const second = await world.visitor();
		const waiting = await second.person.stream({ sessionId: second.sessionId, prompt: "patient" });
		await waiting.until("end");
		expect(waiting.text()).toBe("Hello from the fake model.");
		expect((await second.person.messages(second.sessionId)).at(-1)?.timings?.queuedMs).toBeGreaterThan(1000);
	});

	test.concurrent("reasoning counts as a first sign of life", async () => {
		await using world = await openWorld({ settings: { FIRST_TOKEN_TIMEOUT: "1s", STREAM_IDLE_TIMEOUT: "10s" } });
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[reasoning] [tokens 2] [every 1500]" });
		expect((await stream.until("end")).finishReason).toBe("stop");
	});
});

test.concurrent("STREAM_IDLE_TIMEOUT: silence between two tokens ends in upstream_timeout; the part is `interrupted` and kept", async () => {
	await using world = await openWorld({ settings: { STREAM_IDLE_TIMEOUT: "1s" } });
	const { person, sessionId } = await world.visitor();
	const stream = await person.stream({ sessionId, prompt: "[tokens 5] [stall 3]" });
	expect(await stream.until("error")).toMatchObject({ code: "upstream_timeout", retryable: true });
	expect(stream.text()).toBe("t0 t1 t2 ");
	expect((await person.messages(sessionId)).at(-1)).toMatchObject({
		content: "t0 t1 t2 ",
		status: "interrupted",
		errorCode: "upstream_timeout",
	});
	await eventually("the upstream connection is closed", () => world.model.chats.at(-1)?.closedAt !== undefined, 1000);
});

test.concurrent("a slow answer that never pauses for STREAM_IDLE_TIMEOUT runs to its end, however long it takes", async () => {
	await using world = await openWorld({ settings: { STREAM_IDLE_TIMEOUT: "1500ms", FIRST_TOKEN_TIMEOUT: "1500ms" } });
	const { person, sessionId } = await world.visitor();
	const stream = await person.stream({ sessionId, prompt: "[tokens 8] [every 500]" });
	expect((await stream.until("end")).finishReason).toBe("stop");
	expect(stream.text()).toEndWith("t7 ");
});

test.concurrent("GENERATION_TIMEOUT ends an endless answer with limit_reached; the part is `interrupted` and kept", async () => {
	await using world = await openWorld({ settings: { GENERATION_TIMEOUT: "2s" } });
	const { person, sessionId } = await world.visitor();
	const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	expect(await stream.until("error")).toEqual({
		type: "error",
		code: "limit_reached",
		error: ERROR_SENTENCES.limit_reached,
		retryable: false,
	});
	expect(stream.text()).toStartWith("t0 t1 t2 ");
	expect((await person.messages(sessionId)).at(-1)).toMatchObject({
		content: stream.text(),
		status: "interrupted",
		errorCode: "limit_reached",
	});
	await eventually("the upstream connection is closed", () => world.model.chats.at(-1)?.closedAt !== undefined, 1000);
});

test.concurrent("MAX_ANSWER_BYTES ends an answer with limit_reached; what is kept is what was streamed, little more than the cap", async () => {
	await using world = await openWorld({ settings: { MAX_ANSWER_BYTES: "10KiB" } });
	const { person, sessionId } = await world.visitor();
	// At a pace at which a program that does not stop it fails here, rather than drowning the test.
	world.model.answerWith((request) =>
		request.method === "POST"
			? [streamHead(), { repeat: () => [{ wait: 10 }, frame({ content: "0123456789abcdef".repeat(32) })] }]
			: undefined,
	);
	const stream = await person.stream({ sessionId, prompt: "on and on" });
	expect((await stream.until("error")).code).toBe("limit_reached");
	const answer = (await person.messages(sessionId)).at(-1);
	expect(answer).toMatchObject({ content: stream.text(), status: "interrupted", errorCode: "limit_reached" });
	expect(Buffer.byteLength(stream.text())).toBeGreaterThan(9 * 1024);
	expect(Buffer.byteLength(stream.text())).toBeLessThan(11 * 1024);
	await eventually("the upstream connection is closed", () => world.model.chats.at(-1)?.closedAt !== undefined, 1000);
	const message = await person.call("POST", "/chat/message", { sessionId, prompt: "on and on" });
	expect([message.status, message.body.code]).toEqual([502, "limit_reached"]);
});

test.concurrent("the model's own max_tokens is no cap of ours: an `end` with finishReason `length`", async () => {
	await using world = await openWorld();
	const { person, sessionId } = await world.visitor();
	world.model.answerWith([streamHead(), frame({ content: "as far as" }), ...ending("length", 7, 3), lastChunk]);
	const stream = await person.stream({ sessionId, prompt: "long", max_tokens: 3 });
	expect((await stream.until("end")).finishReason).toBe("length");
	expect((await person.messages(sessionId)).at(-1)).toMatchObject({ status: "sent", finishReason: "length", content: "as far as" });
});
