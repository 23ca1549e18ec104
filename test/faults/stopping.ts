// The program's end, asked for or not: SIGTERM, SIGKILL, and what of an acknowledged message is on the disk. Part of the table "Process,
// disk, stores". SIGKILL at random moments under load stands in kill.suite.ts.

import { expect } from "bun:test";
import { openWorld } from "../chat/world.ts";
import { eventually, startServer } from "../support/server.ts";
import { expectClosed, time } from "./provoke.ts";
import { slowDisk } from "./surroundings.ts";
import type { Trial } from "./table.ts";
import { openWorldAmid } from "./world.ts";

export const SIGTERM_TRIALS: readonly Trial[] = [
	{
		injected: "SIGTERM before an answer that ends within the grace and one that does not",
		run: async () => {
			await using world = await openWorld({ settings: { SHUTDOWN_GRACE: "3s" } });
			const [short, long, late] = [await world.visitor(), await world.visitor(), await world.visitor()];
			const ends = await short.person.stream({ sessionId: short.sessionId, prompt: "[tokens 40] [every 20]" });
			const stays = await long.person.stream({ sessionId: long.sessionId, prompt: "[endless] [every 20]" });
			await stays.until("token");
			const at = performance.now();
			world.server.signal("SIGTERM");
			await eventually("it drains", async () => (await fetch(`${world.server.address}/readyz`)).status === 503, 2000);
			const refused = await late.person.call("POST", "/chat/stream", { sessionId: late.sessionId, prompt: "too late" });
			expect([refused.status, refused.body.code]).toEqual([503, "server_shutdown"]);
			expect((await ends.until("end")).finishReason).toBe("stop");
			expect((await stays.until("error")).code).toBe("server_shutdown");
			const toldAfter = performance.now() - at;
			expect(await stays.over()).toBe("complete");
			expect(await world.server.exited).toBe(0);
			await expectClosed(world.model.chats);
			expect(world.server.rows(short.sessionId).at(-1)).toMatchObject({ status: "sent", content: ends.text() });
			expect(world.server.rows(long.sessionId).at(-1)).toMatchObject({ status: "interrupted", content: stays.text() });
			expect(world.server.rows(late.sessionId)).toEqual([]);
			return `new turn 503; one ended whole; the other told server_shutdown after ${time(toldAfter)} (grace 3 s), its part stored; exit 0`;
		},
	},
	{
		injected: "SIGTERM twice, with a grace of 10 minutes",
		run: async () => {
			await using world = await openWorld({ settings: { SHUTDOWN_GRACE: "10m" } });
			const { person, sessionId } = await world.visitor();
			await (await person.stream({ sessionId, prompt: "[endless] [every 20]" })).until("token");
			world.server.signal("SIGTERM");
			await eventually("it drains", async () => (await fetch(`${world.server.address}/readyz`)).status === 503, 2000);
			const at = performance.now();
			world.server.signal("SIGTERM");
			await world.server.exited;
			const tookMs = performance.now() - at;
			expect(tookMs).toBeLessThan(2000);
			return `ended ${time(tookMs)} after the second`;
		},
	},
];

export const SIGKILL_TRIALS: readonly Trial[] = [
	{
		injected: "SIGKILL in the middle of 10 answers",
		run: async () => {
			await using world = await openWorld({ settings: { UPSTREAM_CONCURRENCY: "20" } });
			const visitors = await Promise.all(Array.from({ length: 10 }, () => world.visitor()));
			const streams = await Promise.all(
				visitors.map(({ person, sessionId }) => person.stream({ sessionId, prompt: "[endless] [every 20]" })),
			);
			await Promise.all(streams.map((stream) => stream.until("token")));
			const early = streams.map((stream) => stream.text());
			// The answer so far is stored at least once a second (G2); twice that on a busy machine.
			await Bun.sleep(2000);
			await world.server.kill();
			const { dataDir, port } = world.server;
			const at = performance.now();
			const again = await startServer({ dataDir, port, settings: { UPSTREAMS: `openai+${world.model.baseUrl}` } });
			const backAfter = performance.now() - at;
			try {
				for (const [index, { person, sessionId }] of visitors.entries()) {
					const [asked, answer] = await person.messages(sessionId);
					expect(asked).toMatchObject({ role: "user", status: "sent" });
					expect(answer).toMatchObject({ status: "interrupted", errorCode: "interrupted" });
					expect(answer?.content).toStartWith(early[index] ?? "nothing");
					expect(streams[index]?.text()).toStartWith(answer?.content ?? "nothing");
				}
				return `back on the same port after ${time(backAfter)}; 10 prompts there, 10 answers \`interrupted\` with what had come up to a second or two before`;
			} finally {
				await again.stop();
			}
		},
	},
	{
		injected: "power cut: fsync takes 500 ms, so that whoever does not wait for it shows",
		run: async () => {
			const disk = await slowDisk(500);
			await using world = await openWorldAmid({ before: disk.before });
			const { person, sessionId } = await world.visitor();
			const before = disk.delayed();
			const at = performance.now();
			const stream = await person.stream({ sessionId, prompt: "hello" });
			await stream.until("start");
			const startAfter = performance.now() - at;
			const endAfter = await stream.until("end").then(() => performance.now() - at);
			const askedAfter = (world.model.chats[0]?.receivedAt ?? Number.NaN) - at;
			expect(Math.min(startAfter, askedAfter)).toBeGreaterThanOrEqual(500);
			expect(endAfter - startAfter).toBeGreaterThanOrEqual(450);
			expect(disk.delayed() - before).toBeGreaterThanOrEqual(2);
			return `\`start\` after ${time(startAfter)}, the model server asked after ${time(askedAfter)}, \`end\` after ${time(endAfter)}; strace counts ${disk.delayed() - before} delayed syncs`;
		},
	},
];
