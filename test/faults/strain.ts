// A running server under strain: exceptions, and a backup. Part of the table "Process, disk, stores".

import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { join } from "node:path";
import { useWorld } from "../chat/world.ts";
import { time } from "./provoke.ts";
import type { Trial } from "./table.ts";

const world = useWorld({ settings: { UPSTREAM_CONCURRENCY: "100", MAX_STREAMS_PER_USER: "100" } });

export const EXCEPTION_TRIALS: readonly Trial[] = [
	{
		injected: "rows that cannot be read (no JSON where JSON must be), met by two requests and by the making of an answer",
		run: async () => {
			const [{ person, sessionId }, other] = [await world.visitor(), await world.visitor()];
			await (await person.stream({ sessionId, prompt: "hello" })).until("end");
			const good = await person.createSession();
			const running = await other.person.stream({ sessionId: other.sessionId, prompt: "[tokens 100] [every 20]" });
			await running.until("token");
			world.server.write("UPDATE messages SET usage = '{no JSON' WHERE session_id = ? AND role = 'assistant'", sessionId);
			const list = await person.call("GET", `/chat/sessions/${sessionId}/messages`);
			const stream = await person.stream({ sessionId, prompt: "again" });
			const error = await stream.until("error");
			world.server.write("UPDATE sessions SET metadata = '{no JSON' WHERE id = ?", sessionId);
			const session = await person.call("GET", `/chat/sessions/${sessionId}`);
			for (const reply of [list, session]) {
				expect([reply.status, reply.body.code]).toEqual([500, "internal"]);
				expect(reply.headers.get("content-type")).toStartWith("application/problem+json");
				expect(reply.text).not.toMatch(/JSON|SQL|\.ts|\bat /);
			}
			expect(error).toMatchObject({ code: "internal" });
			expect(stream.raw()).not.toMatch(/JSON Parse|\.ts/);
			expect(world.server.output()).toContain(String(list.headers.get("x-request-id")));
			await (await person.stream({ sessionId: good, prompt: "hello" })).until("end");
			expect((await running.until("end")).finishReason).toBe("stop");
			expect((await fetch(`${world.server.address}/healthz`)).status).toBe(200);
			return "500 `internal` twice, one `error` event `internal`, nothing of the cause told; another session, another person's stream and the process go on";
		},
	},
];

export const BACKUP_TRIALS: readonly Trial[] = [
	{
		injected: "a backup by another process in the middle of 50 answers, with new prompts all the while",
		run: async () => {
			const people = await Promise.all(Array.from({ length: 5 }, () => world.server.signup()));
			const sessions = await Promise.all(
				people.flatMap((person) => Array.from({ length: 10 }, async () => ({ person, id: await person.createSession() }))),
			);
			const streams = await Promise.all(
				sessions.map(({ person, id }) => person.stream({ sessionId: id, prompt: "[tokens 150] [every 20]" })),
			);
			const starts = await Promise.all(streams.map((stream) => stream.until("start")));
			const acknowledged = starts.flatMap(({ userMessageId = "", messageId = "" }) => [userMessageId, messageId]);
			const to = join(world.server.dataDir, "backups", `copy-${Date.now()}.db`);
			const script = join(import.meta.dir, "../store/children/backup.ts");
			const at = performance.now();
			const backup = Bun.spawn([process.execPath, script, join(world.server.dataDir, "pocketllm.db"), to], {
				stdout: "inherit",
				stderr: "inherit",
			});
			const [writer = await world.server.signup()] = people;
			const sessionId = await writer.createSession();
			let sent = 0;
			while (backup.exitCode === null) {
				await (await writer.stream({ sessionId, prompt: "meanwhile" })).until("end");
				sent += 1;
			}
			expect(await backup.exited).toBe(0);
			const tookMs = performance.now() - at;
			for (const stream of streams) expect((await stream.until("end")).finishReason).toBe("stop");
			const copy = new Database(to, { readonly: true });
			try {
				expect(copy.query("PRAGMA integrity_check").values()).toEqual([["ok"]]);
				const there = new Set(
					copy
						.query<{ id: string }, []>("SELECT id FROM messages")
						.all()
						.map(({ id }) => id),
				);
				expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
			} finally {
				copy.close();
			}
			return `took ${time(tookMs)}; integrity ok; all ${acknowledged.length} messages acknowledged before it are there; 50 answers ended whole, ${sent} prompts answered meanwhile`;
		},
	},
];
