// Picking a running answer up again: replay from any place, then live, for any number of readers.

import { describe, expect, test } from "bun:test";
import type { EventStream } from "../support/event-stream.ts";
import { startServer } from "../support/server.ts";
import { openWorld, useWorld } from "./world.ts";

const world = useWorld();

const numbers = (stream: EventStream): (number | undefined)[] =>
	stream.events().flatMap((event) => (event.type === "token" ? [event.seq] : []));
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const wholeText = (count: number): string => Array.from({ length: count }, (_, index) => `t${index} `).join("");

describe("GET /chat/generations/{id}/events", () => {
	test("replays what was missed and goes on live: nothing lost, doubled or reordered, wherever the connection broke", async () => {
		const { person, sessionId } = await world.visitor();
		let stream = await person.stream({ sessionId, prompt: "[tokens 120] [every 10]" });
		const { generationId = "" } = await stream.until("start");
		const got: (number | undefined)[] = [];
		let text = "";
		for (const breakAt of [1, 17, 50, 51, 90]) {
			await stream.until((event) => event.seq === breakAt);
			stream.close();
			const kept = stream.events().filter((event) => event.type === "token");
			got.push(...kept.map((event) => event.seq));
			text += kept.map((event) => event.content).join("");
			stream = await person.resume(generationId, { lastEventId: String(got.at(-1)) });
		}
		await stream.until("end");
		got.push(...numbers(stream));
		text += stream.text();
		expect(got).toEqual(range(1, 120));
		expect(text).toBe(wholeText(120));
	});

	test("several readers from several places at once each get the rest, and one end", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[tokens 80] [every 10]" });
		const { generationId = "" } = await stream.until("start");
		await stream.until((event) => event.seq === 30);
		const readers = await Promise.all(
			[0, 1, 10, 29, 30, 45, 80, 500].map(async (after) => ({ after, reader: await person.resume(generationId, { after }) })),
		);
		for (const { after, reader } of readers) {
			expect(await reader.over()).toBe("complete");
			expect(numbers(reader).filter((seq) => (seq ?? 0) > after)).toEqual(after < 80 ? range(after + 1, 80) : []);
			expect(reader.events().filter((event) => event.type === "end").length).toBe(1);
			expect(reader.events().at(-1)?.type).toBe("end");
			expect(reader.events()[0]).toMatchObject({ type: "start", generationId });
		}
		await stream.over();
		expect(numbers(stream)).toEqual(range(1, 80));
	});

	test("`after` and `Last-Event-ID` name what the reader has: neither that nor anything before it comes again, also when it comes live", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[tokens 30] [every 20]" });
		const { generationId = "" } = await stream.until("start");
		const ahead = await person.resume(generationId, { after: 20 });
		const header = await person.resume(generationId, { lastEventId: "25" });
		await ahead.until("end");
		await header.until("end");
		expect(numbers(ahead)).toEqual(range(21, 30));
		expect(numbers(header)).toEqual(range(26, 30));
	});

	test("Last-Event-ID wins over `after`: a browser repeats the URL and adds the field; one that is no number counts as none", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[tokens 10]" });
		const { generationId = "" } = await stream.until("start");
		await stream.until("end");
		const both = await person.resume(generationId, { after: 2, lastEventId: "7" });
		await both.until("end");
		expect(numbers(both)).toEqual([8, 9, 10]);
		const odd = await person.resume(generationId, { after: 8, lastEventId: "seven" });
		await odd.until("end");
		expect(numbers(odd)).toEqual([9, 10]);
	});

	test("reasoning is replayed in its place", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[reasoning] [tokens 3]" });
		const { generationId = "" } = await stream.until("start");
		await stream.until("end");
		const reader = await person.resume(generationId, { after: 1 });
		await reader.until("end");
		expect(
			reader
				.events()
				.map(({ type, content, seq }) => [type, content, seq])
				.slice(1, -1),
		).toEqual([
			["reasoning", "think.", 2],
			["token", "t0 ", 3],
			["token", "t1 ", 4],
			["token", "t2 ", 5],
		]);
	});

	test("an answer that was stopped or failed is replayed with the same last event", async () => {
		const { person, sessionId } = await world.visitor();
		const failed = await person.stream({ sessionId, prompt: "[error 3]" });
		const { generationId = "" } = await failed.until("start");
		const error = await failed.until("error");
		const reader = await person.resume(generationId);
		expect(await reader.until("error")).toEqual(error);
		expect(reader.text()).toBe(failed.text());
	});

	test("after a restart of the server the text comes from the store, as one token and the end", async () => {
		await using old = await openWorld();
		const { person, sessionId } = await old.visitor();
		const stream = await person.stream({ sessionId, prompt: "[tokens 20] [reasoning]", messageId: "turn-1" });
		const { generationId = "" } = await stream.until("start");
		const end = await stream.until("end");
		const settings = { UPSTREAMS: `openai+${old.model.baseUrl}` };
		await old.server.stop();
		const again = await startServer({ dataDir: old.server.dataDir, port: old.server.port, settings });
		try {
			const reader = await person.resume(generationId);
			expect(reader.status()).toBe(200);
			expect(await reader.until("end")).toEqual(end);
			expect(reader.events().map((event) => event.type)).toEqual(["start", "reasoning", "token", "end"]);
			expect(reader.text()).toBe(wholeText(20));
			const stranger = await again.signup();
			expect((await stranger.resume(generationId)).status()).toBe(404);
		} finally {
			await again.stop();
		}
	});

	test("is nobody else's: another person's generation is answered like one that does not exist", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		const { generationId = "" } = await stream.until("start");
		const stranger = await world.server.signup();
		const foreign = await stranger.resume(generationId);
		const unknown = await stranger.resume("0123456789abcdef01234567");
		expect(foreign.status()).toBe(404);
		expect(unknown.status()).toBe(404);
		const withoutId = (text: string) => text.replace(/"requestId":"[^"]*"/, "");
		expect(withoutId(foreign.raw())).toBe(withoutId(unknown.raw()));
		expect((await stranger.resume("not-an-id")).status()).toBe(422);
		expect((await stranger.call("POST", `/chat/generations/${generationId}/stop`)).body.code).toBe("generation_not_found");
		expect((await stranger.call("GET", `/chat/sessions/${sessionId}/generation`)).status).toBe(404);
		expect((await person.call("GET", `/chat/sessions/${sessionId}/generation`)).body.status).toBe("streaming");
		await person.call("POST", `/chat/generations/${generationId}/stop`);
	});
});

describe("GET /chat/sessions/{id}/generation", () => {
	test("tells what runs there, and 204 when nothing does", async () => {
		const { person, sessionId } = await world.visitor();
		const before = await person.call("GET", `/chat/sessions/${sessionId}/generation`);
		expect([before.status, before.text]).toEqual([204, ""]);
		const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		const start = await stream.until("start");
		await stream.until((event) => event.seq === 3);
		const { body, status } = await person.call("GET", `/chat/sessions/${sessionId}/generation`);
		expect(status).toBe(200);
		expect(body).toMatchObject({ generationId: start.generationId ?? "", messageId: start.messageId ?? "", status: "streaming" });
		expect(body.seq).toBeGreaterThanOrEqual(3);
		await person.call("POST", `/chat/generations/${start.generationId}/stop`);
		await stream.until("end");
		expect((await person.call("GET", `/chat/sessions/${sessionId}/generation`)).status).toBe(204);
	});
});
