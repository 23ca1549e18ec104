// `bun run bench [startup|api|relay|fairness|hashing|store]`: figures beside a baseline that was measured in the same run. It never judges by
// time: it exits 0 unless it could not measure. Run it with --help for its options.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { findProgram } from "../support/tools.ts";
import { apiText, measureApi } from "./api.ts";
import { type Contestant, direct, nginx, pocketllm } from "./contestants.ts";
import { fairnessText, measureFairness } from "./fairness.ts";
import { hashingText, measureHashing } from "./hashing.ts";
import { describeMachine } from "./machine.ts";
import { type Level, measureRelays, streamsAtOnce } from "./relay.ts";
import { relayText, summarize } from "./relay-tables.ts";
import { newDataFolder, programWords, signUp, startServer } from "./server.ts";
import { measureStartup, startupText } from "./startup.ts";
import { measureStores, STORE_NAMES, type StoreName, storesText } from "./store.ts";

const HELP = `bun run bench [startup|api|relay|fairness|hashing|store] [options]      all but store when none is named

  --quick              fewer rounds; relay: 100 and 500 streams, 5 s each
  --passes N           interleaved passes of relay and api, of which the medians are shown (3)
  --seconds S          length of one measurement of relay (10)
  --wait S             relay: each pass waits up to so long until the machine is quiet, and is repeated when it was not (0)
  --levels LIST        relay: streams x tokens a second (32x50,128x50,500x50,1000x10)
  --through LIST       relay: direct,nginx,pocketllm (all)
  --program WORDS      measures this program, such as "bun cli/main.ts"; else the compiled one, built when it is stale
  --beside WORDS       relay: a second program in the same passes, such as an older build
  --messages N         store: messages of the large one (1000000; --quick: 100000)
  --stores LIST        store: sqlite,mongodb (both)
  --json FILE          writes everything that was measured`;

const BENCHES = ["startup", "api", "relay", "fairness", "hashing", "store"] as const;
/** Takes minutes by itself. */
const ONLY_WHEN_NAMED = "store";
const MAX_PEOPLE = 50;
const STREAMS_OF_A_PERSON = 20;

const say = (line: string): void => console.error(`… ${line}`);

process.exitCode = await main(Bun.argv.slice(2));

async function main(args: string[]): Promise<number> {
	let options: ReturnType<typeof readOptions>;
	try {
		options = readOptions(args);
	} catch (error) {
		console.error(error instanceof Error ? error.message : String(error));
		console.error("bun run bench --help says what there is.");
		return 2;
	}
	if (options.help) {
		console.log(HELP);
		return 0;
	}
	if (process.platform !== "linux") {
		console.error("The bench reads CPU time and memory from /proc, which only Linux has.");
		return 1;
	}
	const machine = describeMachine();
	console.log(`${machine.cores} cores of ${machine.processor} · ${machine.system} · Bun ${machine.bun} · pocketllm ${machine.pocketllm}`);
	const program = await programWords(options.program);
	const results: Record<string, unknown> = { machine };
	for (const bench of options.benches) {
		console.log(`\n=== ${bench}\n`);
		const { data, text } = await run(bench, program, options);
		results[bench] = data;
		console.log(text);
		if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, undefined, "\t")}\n`);
	}
	return 0;
}

type Options = ReturnType<typeof readOptions>;

async function run(
	bench: (typeof BENCHES)[number],
	program: readonly string[],
	options: Options,
): Promise<{ data: unknown; text: string }> {
	if (bench === "startup") {
		const data = await measureStartup({ program, quick: options.quick, say });
		return { data, text: startupText(data) };
	}
	if (bench === "api") {
		const data = await measureApi({ program, passes: options.passes, measureMs: options.quick ? 1500 : 4000, say });
		return { data, text: apiText(data) };
	}
	if (bench === "fairness") {
		const data = measureFairness();
		return { data, text: fairnessText(data) };
	}
	if (bench === "store") {
		const { messages, stores, quick } = options;
		const data = await measureStores({ messages, stores, samples: quick ? 100 : 500, seconds: quick ? 5 : 20, say });
		return { data, text: storesText(data) };
	}
	if (bench === "hashing") {
		const data = await measureHashing({ quick: options.quick, say });
		return { data, text: hashingText(data) };
	}
	const { levels, passes } = options;
	const measured = await measureRelays({
		contestants: await findContestants(program, options),
		levels,
		passes,
		measureMs: options.seconds * 1000,
		patienceMs: options.wait * 1000,
		say,
	});
	const rows = summarize(measured);
	return { data: { rows, passes: measured }, text: relayText(rows, passes) };
}

async function findContestants(program: readonly string[], { through, levels, beside }: Options): Promise<Contestant[]> {
	const contestants: Contestant[] = through.includes("direct") ? [direct] : [];
	if (through.includes("nginx")) {
		const found = await findProgram("nginx");
		if (found.ok) contestants.push(nginx);
		else console.log(`Without nginx, so without ratios: ${found.reason}`);
	}
	if (through.includes("pocketllm")) contestants.push(await preparePocketllm("pocketllm", program, levels));
	if (beside !== undefined) contestants.push(await preparePocketllm("beside", await programWords(beside), levels));
	return contestants;
}

/** People sign up once, before everything. */
async function preparePocketllm(name: string, program: readonly string[], levels: readonly Level[]): Promise<Contestant> {
	const count = Math.min(MAX_PEOPLE, Math.ceil(streamsAtOnce(levels) / STREAMS_OF_A_PERSON));
	say(`${count} people sign up with ${name}`);
	const dataDir = newDataFolder();
	const server = await startServer(program, dataDir);
	const people = await signUp(server.url, count).finally(server.stop);
	const streamsPerPerson = Math.ceil(streamsAtOnce(levels) / count) + 1;
	return pocketllm({ name, program, dataDir, people, streamsPerPerson });
}

function readOptions(args: string[]) {
	const { values, positionals } = parseArgs({
		args,
		allowPositionals: true,
		options: {
			quick: { type: "boolean", default: false },
			passes: { type: "string", default: "3" },
			seconds: { type: "string" },
			wait: { type: "string" },
			levels: { type: "string" },
			through: { type: "string", default: "direct,nginx,pocketllm" },
			program: { type: "string" },
			beside: { type: "string" },
			messages: { type: "string" },
			stores: { type: "string", default: STORE_NAMES.join(",") },
			json: { type: "string" },
			help: { type: "boolean", default: false },
		},
	});
	const { quick, program, beside, json, help } = values;
	const unknown = positionals.find((name) => !BENCHES.some((bench) => bench === name));
	if (unknown !== undefined) throw new Error(`There is no bench ${unknown}; there are: ${BENCHES.join(", ")}.`);
	return {
		benches: BENCHES.filter((bench) => (positionals.length === 0 ? bench !== ONLY_WHEN_NAMED : positionals.includes(bench))),
		quick,
		program,
		beside,
		json,
		help,
		messages: readMessages(values.messages ?? (quick ? "100000" : "1000000")),
		stores: values.stores.split(",").map(readStore),
		passes: readCount("--passes", values.passes),
		seconds: readSeconds(values.seconds ?? (quick ? "5" : "10")),
		wait: values.wait === undefined ? 0 : readCount("--wait", values.wait),
		levels: (values.levels ?? (quick ? "100x50,500x50" : "32x50,128x50,500x50,1000x10")).split(",").map(readLevel),
		through: values.through.split(",").map(readContestant),
	};
}

function readCount(name: string, text: string): number {
	const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
	if (count < 1) throw new Error(`${name} takes a whole number from 1 on.`);
	return count;
}

function readSeconds(text: string): number {
	const seconds = /^\d{1,3}(\.\d)?$/.test(text) ? Number(text) : 0;
	if (seconds <= 0) throw new Error("--seconds takes a number such as 10 or 0.5.");
	return seconds;
}

function readLevel(text: string): Level {
	const [, streams, rate] = /^([1-9]\d{0,3})x([1-9]\d{0,3})$/.exec(text) ?? [];
	if (streams === undefined || rate === undefined) throw new Error("--levels takes streams x tokens a second, such as 100x50,500x50.");
	return { streams: Number(streams), rate: Number(rate) };
}

function readMessages(text: string): number {
	if (!/^[1-9]\d{1,4}000$/.test(text)) throw new Error("--messages takes thousands from 10000 on, such as 100000.");
	return Number(text);
}

function readStore(text: string): StoreName {
	const name = STORE_NAMES.find((one) => one === text);
	if (name === undefined) throw new Error("--stores takes sqlite and mongodb, with a comma.");
	return name;
}

function readContestant(text: string): string {
	if (!["direct", "nginx", "pocketllm"].includes(text)) throw new Error("--through takes direct, nginx and pocketllm, with commas.");
	return text;
}
