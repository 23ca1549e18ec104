// Many people who ask, leave, come back, stop, ask again, edit and delete, all at once and for a long time; every answer is compared with
// what the model said, and the server's memory with what it was after the warm-up. What one person does stands in visits.ts.

import { Database } from "bun:sqlite";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ownMiB } from "../faults/memory.ts";
import { createRandom } from "../faults/random.ts";
import { startModelServer } from "../support/model-server.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { createVisits, type Visits } from "./visits.ts";

export type MixPlan = {
	/** In all, the warm-up included. */
	readonly seconds: number;
	/** How many visits there are at once. */
	readonly streams: number;
	readonly seed: number;
};

type Level = { readonly memoryMiB: number; readonly handles: number; readonly databaseMiB: number };

const PEOPLE = 25;
/** Longer than an ended answer is kept for replay (60 s), and than an idle server waits before it cleans up (10 s). */
const QUIET_S = 75;
const WARM_UP_SHARE = 0.2;
/** What a server may have more after the long run than after the warm-up: noise of a garbage collector, not growth. */
const GROWTH_MIB = 30;

const SETTINGS = { UPSTREAM_CONCURRENCY: "300", MAX_STREAMS_PER_USER: "100", LOG_LEVEL: "error" };

/** Runs the mix, prints what happened, and gives what is wrong. */
export async function runMix({ seconds, streams, seed }: MixPlan): Promise<readonly string[]> {
	const model = startModelServer();
	const server = await startServer({ settings: { UPSTREAMS: `openai+${model.baseUrl}`, ...SETTINGS } });
	try {
		const people = await Promise.all(Array.from({ length: PEOPLE }, () => server.signup()));
		const random = createRandom(seed);
		const visits = createVisits({ address: server.address, random });
		const run = async (forSeconds: number): Promise<Level> => {
			const until = performance.now() + forSeconds * 1000;
			const work = async (index: number): Promise<void> => {
				const person = people[index % people.length];
				while (person !== undefined && performance.now() < until) await visits.visit(person);
			};
			await Promise.all(Array.from({ length: streams }, (_, index) => work(index)));
			return rest(server);
		};
		const warm = await run(seconds * WARM_UP_SHARE);
		console.log(`after ${(seconds * WARM_UP_SHARE).toFixed(0)} s and a rest: ${describeLevel(warm)}`);
		const end = await run(seconds * (1 - WARM_UP_SHARE));
		console.log(`after ${seconds} s and a rest: ${describeLevel(end)}`);
		console.log(visits.describe());
		return problemsOf(visits, warm, end, server);
	} finally {
		model.stop();
		await server.stop();
	}
}

async function rest({ pid, dataDir }: TestServer): Promise<Level> {
	await Bun.sleep(QUIET_S * 1000);
	return {
		memoryMiB: ownMiB(pid),
		handles: readdirSync(`/proc/${pid}/fd`).length,
		databaseMiB: Bun.file(join(dataDir, "pocketllm.db")).size / (1024 * 1024),
	};
}

function describeLevel({ memoryMiB, handles, databaseMiB }: Level): string {
	return `${memoryMiB.toFixed(1)} MiB of memory, ${handles} file handles, a database of ${databaseMiB.toFixed(1)} MiB`;
}

function problemsOf(visits: Visits, warm: Level, end: Level, server: TestServer): readonly string[] {
	const problems = [...visits.problems()];
	const growth = end.memoryMiB - warm.memoryMiB;
	console.log(`memory grew by ${growth.toFixed(1)} MiB, file handles by ${end.handles - warm.handles}`);
	if (growth > GROWTH_MIB) problems.push(`memory grew by ${growth.toFixed(1)} MiB`);
	if (end.handles > warm.handles + 10) problems.push(`${end.handles - warm.handles} file handles were not given back`);
	const db = new Database(join(server.dataDir, "pocketllm.db"), { readonly: true });
	const running = db.query<{ count: number }, []>("SELECT count(*) AS count FROM messages WHERE status = 'streaming'").get();
	db.close();
	if (running?.count !== 0) problems.push(`${running?.count} answers are still \`streaming\``);
	if (/"level":"error"/.test(server.output())) problems.push(`the log has errors: ${server.output().slice(-2000)}`);
	return problems;
}
