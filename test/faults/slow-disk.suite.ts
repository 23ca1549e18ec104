// A disk that takes 50 ms longer for each sync, under 200 streams and 100 new prompts a second. The bounds here are generous, because
// other things run on the machine that tests; the figures are printed, and `bun run soak disk` takes its time over them.

import { expect, test } from "bun:test";
import { describePass, measureSlowDisk } from "./slow-disk.ts";

test("200 streams flow on while fsync takes 50 ms, and 100 new prompts a second are acknowledged", async () => {
	const load = { streams: 200, tokensPerSecond: 15, sendsPerSecond: 100, seconds: 5 };
	const { fast, slow } = await measureSlowDisk(load);
	console.log(describePass("the disk as it is", fast));
	console.log(describePass("50 ms more for each sync", slow));
	console.log(`p99 of the gap rises by ${(slow.gaps.gap.p99 - fast.gaps.gap.p99).toFixed(1)} ms`);
	expect(slow.delayedSyncs).toBeGreaterThan(20);
	for (const { gaps, sends } of [fast, slow]) {
		expect(gaps.broken).toBe(0);
		expect([sends.sent, sends.acknowledged, sends.ended]).toEqual([500, 500, 500]);
	}
	expect(slow.sends.acknowledgedPerSecond).toBeGreaterThan(60);
	expect(slow.gaps.gap.p99 - fast.gaps.gap.p99).toBeLessThan(100);
}, 180_000);
