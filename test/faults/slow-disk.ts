// Many streams and many new prompts at once, with the disk as it is and with one that takes 50 ms longer for each sync: what the readers
// notice, and how fast prompts are acknowledged. The figures are made here; what they must be is the caller's.

import { join } from "node:path";
import { startModel } from "../bench/generator.ts";
import type { Spread } from "../bench/plan.ts";
import { makeSessions, newDataFolder, programWords, requestText, signUp, startServer } from "../bench/server.ts";
import { type SlowDisk, slowDisk } from "./surroundings.ts";

export type GapPlan = {
	readonly port: number;
	readonly requests: readonly string[];
	/** The streams are started evenly over this time. */
	readonly rampMs: number;
	readonly measureMs: number;
};
export type GapReport = { readonly tokens: number; readonly broken: number; readonly gap: Spread };

export type SendPlan = { readonly port: number; readonly requests: readonly string[]; readonly perSecond: number };
export type SendReport = {
	readonly sent: number;
	readonly acknowledged: number;
	readonly ended: number;
	readonly sentPerSecond: number;
	/** Up to the last `start`. */
	readonly acknowledgedPerSecond: number;
	readonly untilStart: Spread;
};

export type DiskLoad = {
	readonly streams: number;
	readonly tokensPerSecond: number;
	readonly sendsPerSecond: number;
	readonly seconds: number;
};

export type DiskPass = { readonly gaps: GapReport; readonly sends: SendReport; readonly delayedSyncs: number };

const PEOPLE = 10;
const SETTLE_S = 3;
const SETTINGS = { UPSTREAM_CONCURRENCY: "9999", MAX_STREAMS_PER_USER: "1000", LOG_LEVEL: "error" };

/** One pass on a server of its own; `disk` is what its syncs meet. */
async function measurePass(load: DiskLoad, disk?: SlowDisk): Promise<DiskPass> {
	const model = await startModel();
	const settings = { ...SETTINGS, UPSTREAMS: `openai+http://127.0.0.1:${model.port}/v1` };
	const server = await startServer([...(disk?.before ?? []), ...(await programWords(undefined))], newDataFolder(), settings);
	try {
		const { streams, tokensPerSecond, sendsPerSecond, seconds } = load;
		const people = await signUp(server.url, PEOPLE);
		const sessions = await makeSessions(server.url, people, streams + sendsPerSecond * seconds);
		const requests = sessions.map(({ id, token }, index) => {
			const isStream = index < streams;
			const tokens = isStream ? Math.ceil(tokensPerSecond * (seconds + 30)) : 1;
			return requestText("POST", "/api/v1/chat/stream", {
				token,
				body: { sessionId: id, prompt: `tokens=${tokens} rate=${isStream ? tokensPerSecond : 50}`, messageId: `m${index}` },
			});
		});
		const before = disk?.delayed() ?? 0;
		const gapPlan: GapPlan = {
			port: server.port,
			requests: requests.slice(0, streams),
			rampMs: 2000,
			measureMs: (seconds + SETTLE_S) * 1000,
		};
		const reading = startGenerator<GapReport>("gaps.ts", gapPlan);
		await reading.isMeasuring;
		await Bun.sleep((SETTLE_S * 1000) / 2);
		const sendPlan: SendPlan = { port: server.port, requests: requests.slice(streams), perSecond: sendsPerSecond };
		const sends = await startGenerator<SendReport>("sends.ts", sendPlan).report;
		return { gaps: await reading.report, sends, delayedSyncs: (disk?.delayed() ?? 0) - before };
	} finally {
		await model.stop();
		await server.stop();
	}
}

/** The same load without and with 50 ms more for each sync. */
export async function measureSlowDisk(load: DiskLoad): Promise<{ readonly fast: DiskPass; readonly slow: DiskPass }> {
	return { fast: await measurePass(load), slow: await measurePass(load, await slowDisk(50)) };
}

function startGenerator<Report>(script: string, plan: object): { readonly isMeasuring: Promise<void>; readonly report: Promise<Report> } {
	const child = Bun.spawn([process.execPath, join(import.meta.dir, "children", script)], {
		stdin: new Blob([JSON.stringify(plan)]),
		stdout: "pipe",
		stderr: "pipe",
		timeout: 120_000,
		killSignal: "SIGKILL",
	});
	const reader = child.stderr.getReader();
	const report = (async (): Promise<Report> => {
		const [text, status] = await Promise.all([child.stdout.text(), child.exited]);
		if (status !== 0) throw new Error(`${script} failed (${child.signalCode ?? status})`);
		return JSON.parse(text);
	})();
	return { isMeasuring: reader.read().then(() => undefined), report };
}

/** Lines of figures for a person. */
export function describePass(name: string, { gaps, sends, delayedSyncs }: DiskPass): string {
	const spread = ({ p50, p99, max }: Spread) => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(0)} ms`;
	return [
		`${name}: strace delayed ${delayedSyncs} syncs`,
		`  gap between tokens  ${spread(gaps.gap)} (${gaps.tokens} tokens, ${gaps.broken} streams broken)`,
		`  new prompts         ${sends.acknowledged} of ${sends.sent} acknowledged (${sends.acknowledgedPerSecond.toFixed(1)} a second, sent at ${sends.sentPerSecond.toFixed(1)}), ${sends.ended} ended`,
		`  until \`start\`       ${spread(sends.untilStart)}`,
	].join("\n");
}
