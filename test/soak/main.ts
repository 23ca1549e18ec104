// The long forms of the suites that need time: kills, a slow disk, moves between the stores, the OpenAPI document fuzzed, and a mix of everything that people do, with memory watched.
// Usage: bun run soak [kill|disk|move|fuzz|mix…] [--rounds 50] [--seconds 600] [--messages 500000] [--seed 1]

import { parseArgs } from "node:util";
import { problemsOf, runKillLoop } from "../faults/kill-loop.ts";
import { describePass, measureSlowDisk } from "../faults/slow-disk.ts";
import { soakFuzz } from "./fuzz.ts";
import { runMix } from "./mix.ts";
import { soakMove } from "./move.ts";

type Options = { readonly rounds: number; readonly seconds: number; readonly messages: number; readonly seed: number };

/** Each prints its figures and gives what is wrong. */
const PARTS: Readonly<Record<string, (options: Options) => Promise<readonly string[]>>> = {
	kill: async ({ rounds, seed }) => {
		const figures = await runKillLoop({ rounds, writers: 20, seed, onRound: (line) => console.log(line) });
		console.log(figures);
		return problemsOf(figures);
	},
	disk: measureDisk,
	move: ({ messages, seed }) => soakMove({ people: Math.ceil(messages / 500), sessions: Math.ceil(messages / 25), messages, seed }),
	fuzz: ({ seconds, seed }) => soakFuzz({ seconds, seed }),
	mix: ({ seconds, seed }) => runMix({ seconds, seed, streams: 100 }),
};

const PASSES = 3;
const RISE_MS = 20;

async function measureDisk(): Promise<readonly string[]> {
	const problems: string[] = [];
	for (let pass = 1; pass <= PASSES; pass += 1) {
		const { fast, slow } = await measureSlowDisk({ streams: 200, tokensPerSecond: 20, sendsPerSecond: 100, seconds: 10 });
		const rise = slow.gaps.gap.p99 - fast.gaps.gap.p99;
		console.log(`pass ${pass} of ${PASSES}`);
		console.log(describePass("the disk as it is", fast));
		console.log(describePass("50 ms more for each sync", slow));
		console.log(`p99 of the gap between tokens rises by ${rise.toFixed(1)} ms`);
		if (slow.delayedSyncs === 0) problems.push(`pass ${pass}: strace delayed nothing`);
		if (rise >= RISE_MS) problems.push(`pass ${pass}: p99 of the gap rose by ${rise.toFixed(1)} ms`);
		for (const { gaps, sends } of [fast, slow]) {
			if (gaps.broken > 0) problems.push(`pass ${pass}: ${gaps.broken} streams broke`);
			if (sends.ended < sends.sent) problems.push(`pass ${pass}: ${sends.sent - sends.ended} prompts without an end`);
		}
	}
	return problems;
}

async function main(): Promise<number> {
	const { values, positionals } = parseArgs({
		allowPositionals: true,
		options: {
			rounds: { type: "string", default: "50" },
			seconds: { type: "string", default: "600" },
			messages: { type: "string", default: "500000" },
			seed: { type: "string", default: String(Date.now() % 1_000_000) },
		},
	});
	const options = {
		rounds: Number(values.rounds),
		seconds: Number(values.seconds),
		messages: Number(values.messages),
		seed: Number(values.seed),
	};
	const names = positionals.length > 0 ? positionals : Object.keys(PARTS);
	const problems: string[] = [];
	for (const name of names) {
		const part = PARTS[name];
		if (part === undefined) {
			console.error(`There is no part ${name}; there are: ${Object.keys(PARTS).join(", ")}.`);
			return 2;
		}
		console.log(`\n=== ${name} (seed ${options.seed})`);
		problems.push(...(await part(options)).map((problem) => `${name}: ${problem}`));
	}
	console.log(problems.length === 0 ? "\nAll held." : `\n${problems.join("\n")}`);
	return problems.length === 0 ? 0 : 1;
}

process.exit(await main());
