// The relay bench: paced streams through PocketLLM beside nginx and beside nothing, in interleaved passes of one run. It measures; how
// that looks is for relay-tables.ts.

import type { Contestant, Relay } from "./contestants.ts";
import { type ModelStandIn, readStreams, startModel } from "./generator.ts";
import type { StreamReport } from "./plan.ts";
import { memoryOf } from "./processes.ts";
import { isDisturbed, waitForQuiet } from "./quiet.ts";

export type Level = {
	readonly streams: number;
	/** Tokens a second of each. */
	readonly rate: number;
};

export type RelayOptions = {
	readonly contestants: readonly Contestant[];
	readonly levels: readonly Level[];
	readonly passes: number;
	readonly measureMs: number;
	/** How long each pass may wait for a quiet machine; a pass that was disturbed all the same is taken again, twice at most. */
	readonly patienceMs: number;
	/** Says what is going on, for the person who waits. */
	readonly say: (line: string) => void;
};

export type RelayPass = StreamReport & {
	readonly level: Level;
	readonly pass: number;
	readonly through: string;
	readonly idlePssKb: number;
};

const STARTS_A_SECOND = 250;
const PROBES_A_SECOND = 30;
const PROBE_TOKENS = 5;
const LONGEST_PROBE_MS = 2000;
const WARM_UP = { streams: 100, measureMs: 2000 } as const;

/** How many streams one pass has at once, at most: for the limits of the relay. */
export function streamsAtOnce(levels: readonly Level[]): number {
	return Math.max(...levels.map(({ streams }) => streams)) + (PROBES_A_SECOND * LONGEST_PROBE_MS) / 1000;
}

/** Throws when a relay does not start, or a load generator fails; streams that fail are in the reports. */
export async function measureRelays(options: RelayOptions): Promise<RelayPass[]> {
	const model = await startModel();
	try {
		const passes: RelayPass[] = [];
		for (const level of options.levels) passes.push(...(await measureLevel(level, model, options)));
		return passes;
	} finally {
		await model.stop();
	}
}

/** New processes for each level: what a level leaves in memory does not count for the next. */
async function measureLevel(level: Level, model: ModelStandIn, options: RelayOptions): Promise<RelayPass[]> {
	const relays: { relay: Relay; idlePssKb: number }[] = [];
	try {
		for (const contestant of options.contestants) {
			const relay = await contestant.start(model.port);
			relays.push({ relay, idlePssKb: memoryOf(relay.pids).pssKb });
		}
		const warmUp = { streams: Math.min(level.streams, WARM_UP.streams), rate: 50 };
		for (const { relay } of relays) await runPass(relay, warmUp, model, Math.min(options.measureMs / 2, WARM_UP.measureMs));
		const passes: RelayPass[] = [];
		for (let pass = 1; pass <= options.passes; pass += 1) {
			// Each begins once: what a pass leaves behind (a warm processor, other people's tests) falls on everybody.
			const order = relays.map((_, index) => relays[(index + pass - 1) % relays.length]).filter((entry) => entry !== undefined);
			for (const { relay, idlePssKb } of order) {
				options.say(`${level.streams} × ${level.rate} tokens/s, pass ${pass} of ${options.passes}: ${relay.name}`);
				const report = await runQuietPass(relay, level, model, options);
				passes.push({ ...report, level, pass, through: relay.name, idlePssKb });
			}
		}
		return passes;
	} finally {
		for (const { relay } of relays) await relay.stop();
	}
}

async function runQuietPass(relay: Relay, level: Level, model: ModelStandIn, options: RelayOptions): Promise<StreamReport> {
	let report: StreamReport;
	let triesLeft = options.patienceMs > 0 ? 3 : 1;
	do {
		await waitForQuiet(options.patienceMs);
		report = await runPass(relay, level, model, options.measureMs);
		triesLeft -= 1;
	} while (triesLeft > 0 && isDisturbed(report) && report.trouble === null);
	return report;
}

async function runPass(relay: Relay, level: Level, model: ModelStandIn, measureMs: number): Promise<StreamReport> {
	// Short measurements, as for a look or a test, have short other phases.
	const settleMs = Math.min(1000, measureMs / 2);
	const probeMs = Math.min(LONGEST_PROBE_MS, measureMs);
	const rampMs = Math.max(settleMs, (level.streams / STARTS_A_SECOND) * 1000);
	const untilProbesEnd = rampMs + settleMs + measureMs + probeMs;
	const tokens = Array.from({ length: level.streams }, (_, index) => {
		const startsAt = (index / level.streams) * rampMs;
		const endsAt = untilProbesEnd + settleMs * ((index * 0.618_034) % 1);
		return Math.ceil(((endsAt - startsAt) / 1000) * level.rate);
	});
	const probes = Array.from({ length: Math.ceil((probeMs / 1000) * PROBES_A_SECOND) }, () => PROBE_TOKENS);
	const planned = await relay.plan([...tokens, ...probes], level.rate);
	return readStreams({
		port: relay.port,
		dialect: relay.dialect,
		modelPort: model.port,
		modelPid: model.pid,
		relayPids: relay.pids,
		streams: planned.slice(0, level.streams),
		probes: planned.slice(level.streams),
		rampMs,
		settleMs,
		measureMs,
		probeMs,
	});
}
