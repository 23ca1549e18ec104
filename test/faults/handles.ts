// A server without a file handle left. Part of the table "Process, disk, stores".

import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { eventually, type TestServer } from "../support/server.ts";
import { measureGaps, percentile } from "./gaps.ts";
import { time } from "./provoke.ts";
import { fewHandles } from "./surroundings.ts";
import type { Trial } from "./table.ts";
import { openWorldAmid } from "./world.ts";

const HANDLES = 64;

/** More connections than there are handles, none of which says anything; there when no handle is left. */
async function occupy({ port, pid }: TestServer): Promise<readonly Socket[]> {
	const sockets = Array.from({ length: 3 * HANDLES }, () => connect({ host: "127.0.0.1", port }));
	for (const socket of sockets) socket.on("error", () => {});
	// The kernel hands a connection that says nothing over after a second only (TCP_DEFER_ACCEPT, which Bun sets).
	await eventually("all handles are used up", () => readdirSync(`/proc/${pid}/fd`).length >= HANDLES);
	return sockets;
}

/** A connection of its own that is kept open; gives the status of each answer, or what happened instead. */
function openLine(port: number) {
	const socket = connect({ host: "127.0.0.1", port });
	socket.on("error", () => {});
	return {
		ask: (request: string, withinMs: number): Promise<string> =>
			new Promise((resolve) => {
				const timer = setTimeout(() => resolve("no answer"), withinMs);
				socket.once("data", (bytes: Buffer) => {
					clearTimeout(timer);
					resolve(bytes.toString("latin1").split(" ")[1] ?? "no HTTP");
				});
				socket.write(request);
			}),
		close: () => socket.destroy(),
	};
}

const HEALTH = "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

async function freshHealth(port: number, withinMs: number): Promise<string> {
	const line = openLine(port);
	const status = await line.ask(HEALTH, withinMs);
	line.close();
	return status;
}

async function useUpHandles(): Promise<string> {
	await using few = await openWorldAmid({ before: fewHandles(HANDLES), settings: { LOG_LEVEL: "error" } });
	const { port } = few.server;
	const { person, sessionId } = await few.visitor();
	const other = await person.createSession();
	const stream = await person.stream({ sessionId, prompt: "[tokens 300] [every 20]" });
	await stream.until("token");
	const kept = openLine(port);
	const probe = openLine(port);
	for (const line of [kept, probe]) expect(await line.ask(HEALTH, 2000)).toBe("200");
	let isOver = false;
	const measuring = measureGaps(stream, () => isOver);
	const sockets = await occupy(few.server);
	expect(await freshHealth(port, 1000)).toBeOneOf(["503", "no answer"]);
	const body = JSON.stringify({ sessionId: other, prompt: "hello" });
	const head = `POST /api/v1/chat/message HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${person.token}\r\ncontent-type: application/json`;
	const turn = await kept.ask(`${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`, 5000);
	expect(turn).toBe("503");
	// Refused before anything was stored, and its connection given up.
	expect(few.server.rows(other)).toEqual([]);
	const health = await probe.ask(HEALTH, 1000);
	expect(health).toBe("200");
	for (const socket of sockets) socket.destroy();
	kept.close();
	probe.close();
	const at = performance.now();
	await eventually("it answers again", async () => (await freshHealth(port, 500)) === "200");
	const backAfter = performance.now() - at;
	isOver = true;
	const p99 = percentile(await measuring, 0.99);
	expect((await stream.until("end")).finishReason).toBe("stop");
	const next = await person.call("POST", "/chat/message", { sessionId: other, prompt: "hello" });
	expect([next.status, next.body.content]).toEqual([200, "Hello from the fake model."]);
	return `new connections wait; on one that stood before: health ${health}, a prompt ${turn} before anything is stored; the running answer ended whole (p99 of its gaps ${time(p99)}); well again ${time(backAfter)} after the others left, and the next prompt is answered`;
}

/** Bun looks every 4 seconds for connections that have been quiet for 30. */
const GIVEN_BACK_MS = 45_000;

async function keepConnections(): Promise<string> {
	await using world = await openWorldAmid({ settings: { UPSTREAM_CONCURRENCY: "100", MAX_STREAMS_PER_USER: "100" } });
	const person = await world.server.signup();
	const handles = () => readdirSync(`/proc/${world.server.pid}/fd`).length;
	const before = handles();
	const streams = await Promise.all(
		Array.from({ length: 40 }, async () => person.stream({ sessionId: await person.createSession(), prompt: "hello" })),
	);
	for (const stream of streams) await stream.until("end");
	const most = handles();
	expect(most).toBeGreaterThanOrEqual(before + streams.length);
	const at = performance.now();
	await eventually("they are given back", () => handles() < before + 10, GIVEN_BACK_MS);
	return `${most} handles at the end of the answers, ${handles()} after ${time(performance.now() - at)} (${before} before)`;
}

export const HANDLE_TRIALS: readonly Trial[] = [
	{ injected: `${HANDLES} file handles in all, and ${3 * HANDLES} connections that say nothing, while an answer runs`, run: useUpHandles },
	{ injected: "40 clients that read their answers to the end and never close their connections", run: keepConnections },
];
