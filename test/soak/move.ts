// A move from SQLite to MongoDB and back by the program itself, killed with -9 at random moments on both ways and begun again until it is
// done. Afterwards the file that came back must hold what the first one held, row by row.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createRandom } from "../faults/random.ts";
import { binary, environmentOf, scratch } from "../support/binary.ts";
import { type DatasetSize, fillDatabase } from "../support/dataset.ts";
import { addressOf, startMongo } from "../support/mongo.ts";
import { differingTables } from "../support/same-rows.ts";

export type MoveOptions = DatasetSize & {
	/** The MongoDB database, which must be empty. */
	readonly uri: string;
	/** Kills on each way; the last run is left alone. */
	readonly kills: number;
	/** A kill comes at most this many milliseconds after a start, on each way. */
	readonly killWithinMs: readonly [number, number];
	readonly seed: number;
	readonly onLine?: (line: string) => void;
};

export type WayFigures = {
	/** Runs that were killed, and in which stage each was. */
	readonly killed: readonly string[];
	readonly rows: number;
	/** Rows a second of the last run, and of its copying alone. */
	readonly rowsPerSecond: number;
	/** Of all runs together, reading everything three times included. */
	readonly seconds: number;
	readonly peakMemoryMb: number;
};

export type MoveFigures = { readonly toMongo: WayFigures; readonly toSqlite: WayFigures; readonly differing: readonly string[] };

export async function runMove(options: MoveOptions): Promise<MoveFigures> {
	const random = createRandom(options.seed);
	const say = options.onLine ?? (() => undefined);
	const [here, back] = [scratch(), scratch()];
	const { rows, seconds } = await fillDatabase(join(here, "pocketllm.db"), options);
	say(`filled: ${rows} rows in ${seconds.toFixed(1)} s`);
	const ways = { ...options, random, say };
	const toMongo = await goOneWay(
		["--data-dir", here, "--json", "migrate", "--to", options.uri],
		{},
		{ ...ways, within: options.killWithinMs[0] },
	);
	const toSqlite = await goOneWay(
		["--data-dir", back, "--json", "migrate", "--to", "sqlite:"],
		{ MONGODB_URI: options.uri },
		{ ...ways, within: options.killWithinMs[1] },
	);
	return { toMongo, toSqlite, differing: differingTables(join(here, "pocketllm.db"), join(back, "pocketllm.db")) };
}

type Way = { readonly kills: number; readonly within: number; readonly random: () => number; readonly say: (line: string) => void };

type Event = {
	readonly event: string;
	readonly stage?: string;
	readonly written?: number;
	readonly seconds?: number;
	readonly rows?: Record<string, number>;
};

async function goOneWay(args: readonly string[], env: Record<string, string>, { kills, within, random, say }: Way): Promise<WayFigures> {
	const killed: string[] = [];
	const begun = performance.now();
	let peakMemoryMb = 0;
	for (let runs = 0; runs < kills + 50; runs += 1) {
		const run = await runOnce(args, env, killed.length < kills ? Math.ceil(random() * within) : undefined);
		peakMemoryMb = Math.max(peakMemoryMb, run.peakMemoryMb);
		if (run.status === undefined) {
			killed.push(run.stage);
			say(`killed while it was at "${run.stage}"`);
			continue;
		}
		const done = run.events.find(({ event }) => event === "done");
		if (run.status !== 0 || done === undefined) throw new Error(`the move ended with ${run.status}: ${run.errors}`);
		const { written = 0, seconds = 0, rows = {} } = done;
		return {
			killed,
			rows: Object.values(rows).reduce((sum, count) => sum + count, 0),
			rowsPerSecond: written / Math.max(seconds, 0.001),
			seconds: (performance.now() - begun) / 1000,
			peakMemoryMb,
		};
	}
	throw new Error("it was begun again and again, and never ended");
}

type Run = {
	readonly status: number | undefined;
	readonly events: readonly Event[];
	readonly stage: string;
	readonly errors: string;
	readonly peakMemoryMb: number;
};

/** `status` is undefined when it was killed. */
async function runOnce(args: readonly string[], env: Record<string, string>, killAfterMs: number | undefined): Promise<Run> {
	const child = Bun.spawn([await binary(), ...args], { env: environmentOf({ env }), stdin: "ignore", stdout: "pipe", stderr: "pipe" });
	let peakMemoryMb = 0;
	const look = setInterval(() => {
		peakMemoryMb = Math.max(peakMemoryMb, peakOf(child.pid));
	}, 20);
	const killer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfterMs);
	const stages: string[] = ["the beginning"];
	const [status, output, errors] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
	clearInterval(look);
	clearTimeout(killer);
	const events = output.split("\n").flatMap(eventsIn);
	for (const line of errors.split("\n")) {
		if (/^From /.test(line)) stages.push("looking");
		if (/^Found /.test(line)) stages.push("copying or verifying");
	}
	return { status: child.signalCode === "SIGKILL" ? undefined : status, events, stage: stages.at(-1) ?? "", errors, peakMemoryMb };
}

function eventsIn(line: string): readonly Event[] {
	return line.startsWith("{") && line.endsWith("}") ? [JSON.parse(line)] : [];
}

/** The most that the process has had in memory. */
function peakOf(pid: number): number {
	try {
		return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024);
	} catch {
		// Gone between two looks.
		return 0;
	}
}

/**
 * The long form: prints its figures, and gives what is wrong. Once without a kill for the rates; then a fifth of it with kills, because the
 * stand-in keeps in memory what a killed reader had asked for.
 */
export async function soakMove({ people, sessions, messages, seed }: DatasetSize & { readonly seed: number }): Promise<readonly string[]> {
	const mongo = await startMongo({ memoryMb: 10_000 });
	const problems: string[] = [];
	try {
		console.log(
			mongo.pid === 0 ? "MongoDB: MONGODB_TEST_URI" : "MongoDB: a stand-in in Java (test/support/mongo), which is slower than a mongod",
		);
		for (const [kills, share] of [
			[0, 1],
			[5, 5],
		] as const) {
			const size = { people: Math.ceil(people / share), sessions: Math.ceil(sessions / share), messages: Math.ceil(messages / share) };
			const uri = addressOf(mongo.url, `pocketllm_soak_${process.pid}_${kills}`);
			const figures = await runMove({ ...size, uri, kills, killWithinMs: [20_000, 10_000], seed, onLine: (line) => console.log(line) });
			for (const line of describe(figures)) console.log(line);
			problems.push(...figures.differing.map((table) => `${table} is not what it was`));
		}
	} finally {
		await mongo.stop();
	}
	return problems;
}

function describe({ toMongo, toSqlite }: MoveFigures): readonly string[] {
	const ways = [
		["SQLite → MongoDB", toMongo],
		["MongoDB → SQLite", toSqlite],
	] as const;
	return ways.map(([name, { rows, rowsPerSecond, seconds, killed, peakMemoryMb }]) => {
		const rate = killed.length === 0 ? `, ${Math.round(rowsPerSecond)} rows/s` : `, killed ${killed.length} times`;
		return `${name}: ${rows} rows${rate}, ${seconds.toFixed(0)} s with looking through and verifying, at most ${peakMemoryMb} MB`;
	});
}
