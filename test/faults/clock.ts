// A wall clock that jumps a day forward and back under a running server. Part of the table "Process, disk, stores".

import { expect } from "bun:test";
import type { World } from "../chat/world.ts";
import { measureGaps } from "./gaps.ts";
import { countOf, expectFailure, provoke, time } from "./provoke.ts";
import { otherClock } from "./surroundings.ts";
import type { Trial } from "./table.ts";
import { openWorldAmid } from "./world.ts";

const DAY_S = 86_400;
const FIRST_TOKEN_MS = 3000;

/** One running answer of 5 s, measured while `jump` happens. */
async function answerAcross(world: World, jump: () => Promise<void>): Promise<number> {
	const { person, sessionId } = await world.visitor();
	const stream = await person.stream({ sessionId, prompt: "[tokens 250] [every 20]" });
	await stream.until("token");
	const gaps = measureGaps(stream, () => false);
	await jump();
	const longest = Math.max(...(await gaps));
	expect(stream.events().at(-1)?.type).toBe("end");
	expect(countOf(stream, "token")).toBe(250);
	expect(longest).toBeLessThan(1000);
	return longest;
}

export const CLOCK_TRIALS: readonly Trial[] = [
	{
		injected: "a day forward and back again, each under a running answer; then a model server that is silent",
		run: async () => {
			const clock = await otherClock();
			const settings = { ...clock.settings, FIRST_TOKEN_TIMEOUT: `${FIRST_TOKEN_MS}ms`, HEARTBEAT_INTERVAL: "500ms" };
			await using world = await openWorldAmid({ settings });
			const { person, sessionId } = await world.visitor();
			const forward = await answerAcross(world, () => clock.jump(DAY_S));
			const tomorrow = new Date((await fetch(`${world.server.address}/healthz`)).headers.get("date") ?? "").getTime();
			expect(tomorrow - Date.now()).toBeGreaterThan((DAY_S - 600) * 1000);
			// An hour's access token is over, its login is not.
			expect((await person.call("GET", "/auth/me")).status).toBe(401);
			const again = await person.signInAgain();
			await (await again.stream({ sessionId, prompt: "first" })).until("end");
			const silent = await provoke(world, { prompt: "[silent]" });
			expectFailure(silent, "upstream_timeout");
			const back = await answerAcross(world, () => clock.jump(0));
			await (await again.stream({ sessionId, prompt: "second" })).until("end");
			const silentAgain = await provoke(world, { prompt: "[silent]" });
			expectFailure(silentAgain, "upstream_timeout");
			for (const { tookMs, stream } of [silent, silentAgain]) {
				expect(Math.abs(tookMs - FIRST_TOKEN_MS)).toBeLessThan(1000);
				expect(countOf(stream, "ping")).toBeGreaterThanOrEqual(2);
			}
			const prompts = (await again.messages(sessionId)).filter(({ role }) => role === "user").map(({ content }) => content);
			expect(prompts).toEqual(["first", "second"]);
			return `both answers whole, longest gap ${time(forward)} and ${time(back)}; the deadline of ${time(FIRST_TOKEN_MS)} came after ${time(silent.tookMs)} and ${time(silentAgain.tookMs)}; "second", sent a day earlier by the clock, stands behind "first"`;
		},
	},
	{
		injected: "limits that are used up, then a day back and a day forward",
		run: async () => {
			const clock = await otherClock();
			await using world = await openWorldAmid({ settings: { ...clock.settings, RATE_LIMIT_CHAT: "2/minute", ACCESS_TOKEN_TTL: "7d" } });
			const { person, sessionId } = await world.visitor();
			const waits: number[] = [];
			const useUp = async () => {
				for (let round = 0; round < 4; round += 1) {
					const reply = await person.call("POST", "/chat/message", { sessionId, prompt: "hello" });
					if (reply.status === 429) waits.push(Number(reply.headers.get("retry-after")));
				}
			};
			await useUp();
			for (const seconds of [-DAY_S, 0, DAY_S]) {
				await clock.jump(seconds);
				await useUp();
			}
			expect(waits.length).toBeGreaterThanOrEqual(4);
			for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(1);
			expect(Math.max(...waits)).toBeLessThanOrEqual(60);
			return `${waits.length} refusals, Retry-After ${Math.min(...waits)} to ${Math.max(...waits)} s with a window of 60 s`;
		},
	},
];
