// The disk below a running server: full, locked by another program, slow. Part of the table "Process, disk, stores".

import { expect } from "bun:test";
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { World } from "../chat/world.ts";
import { scratch } from "../support/binary.ts";
import { type Child, startChild } from "../support/child.ts";
import { eventually, type Person } from "../support/server.ts";
import { measureGaps, percentile } from "./gaps.ts";
import { time } from "./provoke.ts";
import { asSeenBy, slowDisk, smallDisk } from "./surroundings.ts";
import type { Trial } from "./table.ts";
import { openWorldAmid } from "./world.ts";

const WELL: Readonly<Record<string, string>> = { UPSTREAM_CONCURRENCY: "100", MAX_STREAMS_PER_USER: "100" };

function fillDisk(file: string): void {
	const handle = openSync(file, "w");
	try {
		const block = Buffer.alloc(4096);
		while (writeSync(handle, block) === block.length);
	} catch {
		// Full: that was the aim.
	} finally {
		closeSync(handle);
	}
}

/** Sends prompts until one is refused; what still fits into pages that are there already is taken. */
async function sendUntilRefused(person: Person, sessionId: string): Promise<number> {
	for (let taken = 0; taken < 500; taken += 1) {
		const reply = await person.call("POST", "/chat/message", { sessionId, prompt: "x".repeat(3000) });
		if (reply.body.code === "store_full") return taken;
	}
	throw new Error("a full disk took 500 prompts");
}

async function fullDisk(): Promise<string> {
	const folder = join(scratch(), "disk");
	mkdirSync(folder);
	const before = await smallDisk(folder, 24);
	await using world = await openWorldAmid({ before, dataDir: join(folder, "data"), settings: { ...WELL, LOG_LEVEL: "error" } });
	const seen = (name: string) => asSeenBy(world.server.pid, join(folder, name));
	const { person, sessionId } = await world.visitor();
	const other = await person.createSession();
	const third = await person.createSession();
	const full = await person.stream({ sessionId, prompt: "[tokens 250] [every 20]" });
	await full.until("token");
	// The room that is kept back for this day is put aside half a second after the start.
	await eventually("the reserve is there", () => statSync(seen("data/pocketllm.db-reserve"), { throwIfNoEntry: false }) !== undefined);
	fillDisk(seen("ballast"));
	const taken = await sendUntilRefused(person, third);
	const asked = world.model.chats.length;
	for (const path of ["/chat/stream", "/chat/message"]) {
		for (let round = 0; round < 5; round += 1) {
			const reply = await person.call("POST", path, { sessionId: other, prompt: "one more" });
			expect([reply.status, reply.body.code]).toEqual([507, "store_full"]);
		}
	}
	expect(world.model.chats.length).toBe(asked);
	expect(await person.messages(other)).toEqual([]);
	expect((await person.call("GET", "/chat/sessions")).status).toBe(200);
	const again = await person.signInAgain();
	expect((await again.call("POST", "/auth/logout")).status).toBe(204);
	expect((await person.call("POST", "/chat/sessions", {})).status).toBe(507);
	expect((await full.until("end")).finishReason).toBe("stop");
	expect((await person.messages(sessionId)).at(-1)).toMatchObject({ status: "sent", content: full.text() });
	rmSync(seen("ballast"));
	const at = performance.now();
	await eventually(
		"it recovers",
		async () => (await person.call("POST", "/chat/message", { sessionId: third, prompt: "and now?" })).status === 200,
	);
	return `10 prompts 507 and not one request to the model server (after ${taken} that still fitted); history, login, logout and the running answer of 250 tokens go on; well again ${time(performance.now() - at)} after there was room, without a restart`;
}

export const FULL_DISK_TRIALS: readonly Trial[] = [
	{ injected: "a disk of 24 MiB is filled to the last byte while an answer runs", run: fullDisk },
];

function lockDatabase(world: World, milliseconds: number): Promise<Child> {
	const script = join(import.meta.dir, "children", "hold-database.ts");
	return startChild({
		command: [process.execPath, script, join(world.server.dataDir, "pocketllm.db"), String(milliseconds)],
		isReady: ({ output }) => output().includes("locked"),
	});
}

/** Four answers of 50 tokens a second, measured while `meanwhile` runs. */
async function gapsDuring(world: World, meanwhile: () => Promise<unknown>): Promise<number[]> {
	const person = await world.server.signup();
	const streams = await Promise.all(
		Array.from({ length: 4 }, async () => person.stream({ sessionId: await person.createSession(), prompt: "[endless] [every 20]" })),
	);
	await Promise.all(streams.map((stream) => stream.until("token")));
	let isOver = false;
	const measured = Promise.all(streams.map((stream) => measureGaps(stream, () => isOver)));
	await meanwhile();
	isOver = true;
	const gaps = (await measured).flat();
	for (const stream of streams) stream.close();
	return gaps;
}

const quietSeconds = (count: number) => () => Bun.sleep(count * 1000);

/** What a fault may add to another stream's gap (G6), and as much again for a busy machine. */
const GAP_MS = 100;

export const LOCK_TRIALS: readonly Trial[] = [
	{
		injected: "another program holds the write lock for 3 s while 4 answers run",
		run: async () => {
			await using world = await openWorldAmid({ settings: WELL });
			const { person, sessionId } = await world.visitor();
			const quiet = percentile(await gapsDuring(world, quietSeconds(2)), 0.99);
			let startAfter = Number.NaN;
			const locked = await gapsDuring(world, async () => {
				const holder = await lockDatabase(world, 3000);
				const at = performance.now();
				const stream = await person.stream({ sessionId, prompt: "hello" });
				await stream.until("start");
				startAfter = performance.now() - at;
				await stream.until("end");
				expect(await holder.exited).toBe(0);
			});
			expect(startAfter).toBeGreaterThan(2000);
			expect(startAfter).toBeLessThan(5000);
			const p99 = percentile(locked, 0.99);
			expect(p99 - quiet).toBeLessThan(GAP_MS);
			return `a new prompt waited ${time(startAfter)}, then was answered; p99 of the gap between tokens ${time(quiet)} before, ${time(p99)} meanwhile`;
		},
	},
	{
		injected: "the same for 8 s, and an answer ends meanwhile",
		run: async () => {
			await using world = await openWorldAmid({ settings: WELL });
			const [{ person, sessionId }, ending] = [await world.visitor(), await world.visitor()];
			const quiet = percentile(await gapsDuring(world, quietSeconds(2)), 0.99);
			const ends = await ending.person.stream({ sessionId: ending.sessionId, prompt: "[tokens 100] [every 20]" });
			await ends.until("token");
			let refusedAfter = Number.NaN;
			const locked = await gapsDuring(world, async () => {
				const holder = await lockDatabase(world, 8000);
				const [at, asked] = [performance.now(), world.model.chats.length];
				const reply = await person.call("POST", "/chat/stream", { sessionId, prompt: "hello" });
				refusedAfter = performance.now() - at;
				expect([reply.status, reply.body.code]).toEqual([503, "store_unavailable"]);
				expect(world.model.chats.length).toBe(asked);
				expect((await person.call("GET", `/chat/sessions/${sessionId}/messages`)).status).toBe(200);
				expect((await ends.until("error")).code).toBe("store_unavailable");
				expect(await holder.exited).toBe(0);
			});
			expect(refusedAfter).toBeGreaterThan(4000);
			expect(refusedAfter).toBeLessThan(7500);
			await eventually("the answer is stored after all", () => world.server.rows(ending.sessionId).at(-1)?.status === "sent", 5000);
			expect(world.server.rows(ending.sessionId).at(-1)?.content).toBe(ends.text());
			await (await person.stream({ sessionId, prompt: "hello" })).until("end");
			const p99 = percentile(locked, 0.99);
			expect(p99 - quiet).toBeLessThan(GAP_MS);
			return `a new prompt 503 after ${time(refusedAfter)}, unknown to the model server; the answer that ended said store_unavailable and was stored whole afterwards; p99 of the gap ${time(quiet)} before, ${time(p99)} meanwhile`;
		},
	},
	{
		injected: "fsync and fdatasync take 50 ms longer while 4 answers run and prompts are sent",
		run: async () => {
			const sendFor = (person: Person, milliseconds: number) => async () => {
				const until = performance.now() + milliseconds;
				const sessionId = await person.createSession();
				while (performance.now() < until) await (await person.stream({ sessionId, prompt: "hello" })).until("end");
			};
			await using fast = await openWorldAmid({ settings: WELL });
			const before = percentile(await gapsDuring(fast, sendFor(await fast.server.signup(), 3000)), 0.99);
			const disk = await slowDisk(50);
			await using slow = await openWorldAmid({ before: disk.before, settings: WELL });
			const person = await slow.server.signup();
			const counted = disk.delayed();
			const after = percentile(await gapsDuring(slow, sendFor(person, 3000)), 0.99);
			const delayed = disk.delayed() - counted;
			expect(delayed).toBeGreaterThan(10);
			expect(after - before).toBeLessThan(GAP_MS);
			return `strace delayed ${delayed} calls; p99 of the gap between tokens ${time(before)} without, ${time(after)} with`;
		},
	},
];
