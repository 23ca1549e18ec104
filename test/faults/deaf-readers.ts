// Readers that never read: what is kept for them, and what the others notice. Part of the table "Client faults".

import { expect } from "bun:test";
import { openWorld, type World } from "../chat/world.ts";
import { ending, frame, lastChunk, streamHead } from "../support/model-answers.ts";
import type { Person } from "../support/server.ts";
import { watchMemory } from "./memory.ts";
import type { Trial } from "./table.ts";

/** Enough that what the garbage collector happens to hold is little beside what they would hold. */
const DEAF = 96;
const PIECE = "0123456789abcdef".repeat(1024);
const PIECES = 512;
const ANSWER_MIB = (PIECE.length * PIECES) / (1024 * 1024);

/** One answer of 8 MiB at a pace that a reader can follow, with so many that do not; gives how much the server's memory grew. */
async function answerBefore(world: World, person: Person, deafReaders: number): Promise<{ grownMiB: number; brokenOff: number }> {
	const sessionId = await person.createSession();
	let isOpen = false;
	const pieces = { repeat: () => [{ wait: 5 }, frame({ content: PIECE })], times: PIECES };
	const answer = [pieces, ...ending("stop", 1, PIECES), lastChunk, { end: "hang" as const }];
	world.model.answerWith(({ method }) =>
		method === "POST" ? [streamHead(), { repeat: () => (isOpen ? answer : [{ wait: 20 }]) }] : undefined,
	);
	const turn = { sessionId, prompt: "a long one", messageId: "long" };
	const reading = await person.stream(turn);
	const deaf = await Promise.all(Array.from({ length: deafReaders }, () => person.stream(turn, { deaf: true })));
	await Bun.sleep(500);
	await using memory = watchMemory(world.server.pid);
	isOpen = true;
	await reading.until("end");
	const grownMiB = memory.grownMiB();
	expect(reading.text().length).toBe(PIECE.length * PIECES);
	const row = world.server.rows(sessionId).at(-1);
	expect([row?.status, row?.content.length]).toEqual(["sent", PIECE.length * PIECES]);
	let brokenOff = 0;
	for (const stream of deaf) {
		stream.resume();
		if ((await stream.over()) === "broken") brokenOff += 1;
		expect(stream.text().length).toBeLessThan(PIECE.length * PIECES);
		stream.close();
	}
	world.model.answerWith(undefined);
	return { grownMiB, brokenOff };
}

export const DEAF_READERS: readonly Trial[] = [
	{
		injected: `${DEAF} readers of an answer of ${ANSWER_MIB} MiB that never read, beside one that does`,
		run: async () => {
			await using world = await openWorld({ settings: { MAX_ANSWER_BYTES: "64MiB" } });
			const person = await world.server.signup();
			const without: number[] = [];
			for (let round = 0; round < 2; round += 1) without.push((await answerBefore(world, person, 0)).grownMiB);
			const { grownMiB, brokenOff } = await answerBefore(world, person, DEAF);
			expect(brokenOff).toBe(DEAF);
			const each = (grownMiB - Math.min(...without)) / DEAF;
			// 1 MiB, and as much again for what a garbage collector has not yet collected.
			expect(each).toBeLessThanOrEqual(2);
			return `all ${brokenOff} dropped, ${each.toFixed(2)} MiB kept for each at most (grew by ${grownMiB.toFixed(0)} MiB, without them by ${without.map((mib) => mib.toFixed(0)).join(" and ")}); the one that reads and the store got the whole answer`;
		},
	},
	{
		injected: "the only reader of an answer never reads",
		run: async () => {
			await using world = await openWorld({ settings: { MAX_ANSWER_BYTES: "64MiB" } });
			const { person, sessionId } = await world.visitor();
			const piece = "0123456789abcdef".repeat(256);
			world.model.answerWith(({ method }) =>
				method === "POST"
					? [streamHead(), { repeat: () => [{ wait: 1 }, frame({ content: piece })], times: 2000 }, ...ending("stop", 1, 2000), lastChunk]
					: undefined,
			);
			const stream = await person.stream({ sessionId, prompt: "a long one" }, { deaf: true });
			const deadline = performance.now() + 20_000;
			while (world.server.rows(sessionId).at(-1)?.status !== "sent" && performance.now() < deadline) await Bun.sleep(50);
			const row = world.server.rows(sessionId).at(-1);
			expect([row?.status, row?.content.length]).toEqual(["sent", 2000 * piece.length]);
			stream.resume();
			expect(await stream.over()).toBe("broken");
			return `the generation went on without it: ${row?.content.length} bytes stored as \`${row?.status}\``;
		},
	},
];
