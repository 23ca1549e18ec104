// Many readers at once, and one that never reads.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { chunk, ending, frame, lastChunk, streamHead } from "../support/model-answers.ts";
import { eventually } from "../support/server.ts";
import { openWorld } from "./world.ts";

setDefaultTimeout(60_000);

const COUNT = 300;

test("300 answers are made at the same time, beyond the 256 requests that Bun's fetch allows; nothing is lost, doubled or reordered", async () => {
	await using world = await openWorld({
		settings: { UPSTREAM_CONCURRENCY: "400", MAX_STREAMS_PER_USER: "400", FIRST_TOKEN_TIMEOUT: "50s" },
	});
	const { person } = await world.visitor();
	const sessions = await Promise.all(Array.from({ length: COUNT }, () => person.createSession()));
	// Nobody gets a token before all of them have reached the model server.
	world.model.answerWith((request) => {
		if (request.method !== "POST") return undefined;
		const words = Array.from({ length: 20 }, (_, index) => [{ wait: 10 }, frame({ content: `${request.prompt}.${index} ` })]).flat();
		const answer = [streamHead(), ...words, ...ending("stop", 1, 20), lastChunk, { end: "hang" as const }];
		return [{ repeat: () => (world.model.chats.length >= COUNT ? answer : [{ wait: 20 }]) }];
	});
	const streams = await Promise.all(sessions.map((sessionId, index) => person.stream({ sessionId, prompt: `s${index}` })));
	for (const [index, stream] of streams.entries()) {
		expect(stream.status()).toBe(200);
		expect(await stream.over()).toBe("complete");
		const tokens = stream.events().filter((event) => event.type === "token");
		expect(tokens.map((event) => event.seq)).toEqual(Array.from({ length: 20 }, (_, seq) => seq + 1));
		expect(stream.text()).toBe(Array.from({ length: 20 }, (_, word) => `s${index}.${word} `).join(""));
		expect(stream.events().at(-1)?.type).toBe("end");
	}
	expect(world.model.chats.length).toBe(COUNT);
	const stored = await Promise.all(sessions.map((sessionId) => person.messages(sessionId)));
	expect(stored.filter((messages) => messages.at(-1)?.status === "sent").length).toBe(COUNT);
});

describe("readers that never read", () => {
	const PIECES = 300;
	const PIECE = "0123456789abcdef".repeat(4096);

	test("are dropped at 1 MiB unsent: memory stays bounded, the others and the store get the whole answer", async () => {
		await using world = await openWorld({ settings: { MAX_ANSWER_BYTES: "100MiB" } });
		const { person, sessionId } = await world.visitor();
		const gate = Promise.withResolvers<void>();
		let isOpen = false;
		void gate.promise.then(() => {
			isOpen = true;
		});
		// 300 pieces of 64 KiB: 19 MiB for each reader, far more than the sockets between us hold; at a pace that a reader can follow.
		const piece = chunk(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: PIECE } }] })}\n\n`);
		const pieces = Array.from({ length: PIECES }, () => [{ wait: 10 }, piece]).flat();
		const answer = [...pieces, ...ending("stop", 1, PIECES), lastChunk, { end: "hang" as const }];
		world.model.answerWith((request) =>
			request.method === "POST" ? [streamHead(), frame({ content: "" }), { repeat: () => (isOpen ? answer : [{ wait: 20 }]) }] : undefined,
		);
		const turn = { sessionId, prompt: "a long one", messageId: "long" };
		const reading = await person.stream(turn);
		const deaf = await Promise.all(Array.from({ length: 16 }, () => person.stream(turn, { deaf: true })));
		// They have their header in their sockets by now, and read neither that nor what follows.
		await Bun.sleep(500);
		gate.resolve();
		await reading.until("end");
		expect(reading.text().length).toBe(PIECES * PIECE.length);
		// 16 readers with 19 MiB each would be 300 MiB beside the answer itself.
		expect(residentMiB(world.server.pid)).toBeLessThan(350);
		for (const stream of deaf) {
			stream.resume();
			expect(await stream.over()).toBe("broken");
			expect(stream.text().length).toBeLessThan(PIECES * PIECE.length);
			expect(stream.events().map((event) => event.type)).not.toContain("end");
		}
		const answerRow = world.server.rows(sessionId).at(-1);
		expect([answerRow?.status, answerRow?.content.length]).toEqual(["sent", PIECES * PIECE.length]);
		// And the server is well: the next turn is answered.
		world.model.answerWith(undefined);
		const next = await world.visitor();
		await (await next.person.stream({ sessionId: next.sessionId, prompt: "hello" })).until("end");
		await eventually(
			"the long answer's connection is closed",
			() => world.model.chats.every((request) => request.closedAt !== undefined),
			5000,
		);
	});
});

test("a slow reader that picks a long answer up again is waited for, and has all of it; one that comes to read nothing holds nobody up", async () => {
	await using world = await openWorld({ settings: { MAX_ANSWER_BYTES: "100MiB", GENERATION_YIELD_TIMEOUT: "1s" } });
	const { person, sessionId } = await world.visitor();
	const piece = "0123456789abcdef".repeat(64);
	const pieces = Array.from({ length: 12_000 }, () =>
		chunk(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: piece } }] })}\n\n`),
	);
	world.model.answerWith((request) =>
		request.method === "POST" ? [streamHead(), ...pieces, { repeat: () => [{ wait: 20 }] }] : undefined,
	);
	const first = await person.stream({ sessionId, prompt: "a long one" });
	const { generationId = "" } = await first.until("start");
	first.close();
	await eventually(
		"all of it has come",
		async () => (await person.call("GET", `/chat/sessions/${sessionId}/generation`)).body.seq === 12_000,
	);
	// 12 MB: more than the sockets between us hold and more than is kept for a reader.
	const slow = await person.resume(generationId, { after: 0, deaf: true });
	await Bun.sleep(1500);
	slow.resume();
	await slow.until((event) => event.seq === 12_000);
	expect(slow.text().length).toBe(12_000 * piece.length);
	slow.close();
	world.model.answerWith(undefined);
	const next = await person.stream({ sessionId, prompt: "and now" });
	expect(next.status()).toBe(200);
	await next.until("end");
});

function residentMiB(pid: number): number {
	const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
	return Number(line?.[1]) / 1024;
}
