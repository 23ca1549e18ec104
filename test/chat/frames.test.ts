// The frame rule, to the byte, and what goes out at once. The existing client splits on a blank line, strips `data: `, parses JSON, and
// shows to the person whatever does not parse.

import { describe, expect, test } from "bun:test";
import { ending, frame, lastChunk, streamHead } from "../support/model-answers.ts";
import { useWorld } from "./world.ts";

const world = useWorld({ settings: { HEARTBEAT_INTERVAL: "200ms" } });
const ID = /^[0-9a-f]{24}$/;

describe("the frame rule of /chat/stream", () => {
	test("every frame is one line `data: <json>` and a blank line: LF only, no id, event, retry, comment or [DONE]", async () => {
		const { person, sessionId } = await world.visitor();
		const prompt = "[tokens 40] [every 30] [reasoning] please";
		const stream = await person.stream({ sessionId, prompt });
		expect(await stream.over()).toBe("complete");
		const frames = stream.raw().split("\n\n");
		expect(frames.pop()).toBe("");
		expect(frames.length).toBe(stream.events().length);
		for (const frame of frames) {
			expect(frame).toMatch(/^data: \{.*\}$/);
			expect(frame).not.toContain("\n");
			expect(frame).not.toContain("\r");
			expect(frame).toBe(`data: ${JSON.stringify(JSON.parse(frame.slice(6)))}`);
		}
		expect(frames.filter((frame) => frame === 'data: {"type":"ping"}').length).toBe(
			stream.events().filter((event) => event.type === "ping").length,
		);
	});

	test("text of the model cannot end a frame: line ends, separators, NUL and frames within it arrive as text", async () => {
		const { person, sessionId } = await world.visitor();
		const hostile =
			'a\n\nb\r\n\r\nc\rd\u2028e\u2029f\u0000g\ufeffh\u0085i\n\ndata: {"type":"end"}\n\ndata: [DONE]\n\n: comment\nid: 7\n\n👩‍🚀 </script>';
		world.model.answerWith([streamHead(), frame({ content: hostile }), ...ending("stop", 7, 1), lastChunk]);
		const stream = await person.stream({ sessionId, prompt: "be hostile" });
		expect(await stream.over()).toBe("complete");
		world.model.answerWith(undefined);
		for (const line of stream.raw().split("\n")) expect(line).toMatch(/^(data: \{[^\n\r]*\})?$/);
		expect(stream.events().map((event) => event.type)).toEqual(["start", "token", "end"]);
		expect(stream.text()).toBe(hostile);
		expect((await person.messages(sessionId)).at(-1)?.content).toBe(hostile);
	});

	test("the events come as start, then tokens numbered from 1, then one end; each with its members", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "hello", messageId: "turn-1" });
		await stream.over();
		const [start, ...rest] = stream.events();
		const end = rest.pop();
		expect(start).toEqual({
			type: "start",
			messageId: expect.stringMatching(ID),
			userMessageId: expect.stringMatching(ID),
			generationId: expect.stringMatching(ID),
			model: "fake",
		});
		expect(rest.map((event) => event.type)).toEqual(rest.map(() => "token"));
		expect(rest.map((event) => event.seq)).toEqual(rest.map((_, index) => index + 1));
		expect(rest.map((event) => event.content).join("")).toBe("Hello from the fake model.");
		expect(end).toEqual({
			type: "end",
			messageId: "turn-1",
			assistantMessageId: start?.messageId ?? "",
			finishReason: "stop",
			usage: { promptTokens: 7, completionTokens: 6 },
		});
	});

	test("without an id of the client's own, `end` carries the stored message's id", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "hello" });
		const end = await stream.until("end");
		expect(end.messageId).toBe(end.assistantMessageId ?? "");
		expect((await person.messages(sessionId)).map((message) => message.id)).toContain(end.messageId ?? "");
	});

	test("the header says text/event-stream, no-store, and no buffering", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "hello" });
		expect(stream.status()).toBe(200);
		expect(stream.headers.get("content-type")).toMatch(/^text\/event-stream\b/);
		expect(stream.headers.get("cache-control")).toBe("no-store");
		expect(stream.headers.get("x-accel-buffering")).toBe("no");
		await stream.over();
	});
});

describe("what the resume route adds to the frame rule", () => {
	test("token and reasoning events have an `id:` line with their seq; nothing else has one", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[reasoning] hello" });
		const { generationId = "" } = await stream.until("start");
		await stream.over();
		const resumed = await person.resume(generationId);
		expect(await resumed.over()).toBe("complete");
		const frames = resumed.raw().split("\n\n");
		expect(frames.pop()).toBe("");
		for (const frame of frames) {
			const { type, seq }: { type: string; seq?: number } = JSON.parse(frame.replace(/^id: \d+\n/, "").slice("data: ".length));
			if (type === "token" || type === "reasoning") expect(frame).toStartWith(`id: ${seq}\ndata: {`);
			else expect(frame).toMatch(/^data: \{.*\}$/);
		}
		expect(frames.filter((frame) => frame.startsWith("id: ")).length).toBe(8);
	});
});

describe("the header and the first frame go out at once", () => {
	test("while the model server is silent; then it says every HEARTBEAT_INTERVAL that it lives", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[silent]" });
		expect(stream.headerAfterMs()).toBeLessThan(2000);
		const { generationId } = await stream.until("start");
		for (let count = 0; count < 3; count += 1) await stream.until("ping");
		expect(stream.events().map((event) => event.type)).not.toContain("token");
		await person.call("POST", `/chat/generations/${generationId}/stop`);
		await stream.until("end");
	});

	test("while the turn waits for a place; heartbeats come then too", async () => {
		const { person } = await world.visitor();
		const streams = [];
		// Two at once for one person; the third waits.
		for (let count = 0; count < 3; count += 1) {
			streams.push(await person.stream({ sessionId: await person.createSession(), prompt: "[silent]" }));
		}
		const waiting = streams[2];
		if (waiting === undefined) throw new Error("three streams were opened");
		expect(waiting.headerAfterMs()).toBeLessThan(2000);
		expect((await waiting.until("queued")).position).toBe(1);
		await waiting.until("ping");
		await waiting.until("ping");
		for (const stream of streams) {
			const generationId = stream.events()[0]?.generationId;
			expect((await person.call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(202);
			await stream.over();
		}
	});
});
