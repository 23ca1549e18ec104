// SIGKILL at random moments while many people write, again and again on one data folder; what was acknowledged is looked for afterwards,
// and every turn that was cut off is sent again under its own id. The rules stand here; how many rounds is the caller's.

import { scratch } from "../support/binary.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { type Person, startServer, type TestServer } from "../support/server.ts";
import { createRandom } from "./random.ts";
import { slowDisk } from "./surroundings.ts";
import { createTurns, type Turns } from "./turns.ts";

export type KillPlan = {
	readonly rounds: number;
	readonly writers: number;
	/** The first of the program's numbers for random moments; said with the figures, so that a run can be repeated. */
	readonly seed: number;
	readonly onRound?: (line: string) => void;
};

export type KillFigures = {
	readonly rounds: number;
	readonly sent: number;
	/** Turns whose `start` had come before a kill or without one. */
	readonly acknowledged: number;
	/** Turns whose `end` had come. */
	readonly completed: number;
	/** Turns that a kill cut off, and that were sent again. */
	readonly cutOff: number;
	/** Of those: stored although nobody had been told, and answered from the store. */
	readonly storedUntold: number;
	/** Of those: unknown to the store, and begun by the second sending. */
	readonly begunAgain: number;
	readonly interrupted: number;
	/** Must all be 0. */
	readonly lost: number;
	readonly undefinedStates: number;
	readonly doubled: number;
	readonly askedTwice: number;
	readonly wrongTexts: number;
	readonly integrity: string;
};

const SETTINGS = { UPSTREAM_CONCURRENCY: "200", LOG_LEVEL: "error" };
const SHORTEST_MS = 150;
const LONGEST_MS = 2500;

/** Runs the loop; the caller judges the figures. */
export async function runKillLoop({ rounds, writers, seed, onRound = () => {} }: KillPlan): Promise<KillFigures> {
	const model = startModelServer();
	const dataDir = `${scratch()}/data`;
	const random = createRandom(seed);
	let server = await begin(model, dataDir);
	try {
		const people = await Promise.all(Array.from({ length: writers }, () => server.signup()));
		const turns = createTurns({ model, random });
		for (let round = 1; round <= rounds; round += 1) {
			const isSlow = round % 2 === 0;
			await server.stop();
			// Every second round on a slow disk: there are more moments between a commit and its acknowledgement.
			server = await begin(model, dataDir, { port: server.port, before: isSlow ? (await slowDisk(20)).before : [] });
			await writeUntilKilled(server, people, turns, SHORTEST_MS + random() * (LONGEST_MS - SHORTEST_MS));
			server = await begin(model, dataDir, { port: server.port });
			const line = await turns.check(server);
			onRound(`round ${round}${isSlow ? " (slow disk)" : ""}: ${line}`);
		}
		return { rounds, ...turns.figures(server) };
	} finally {
		model.stop();
		await server.stop();
	}
}

function begin(
	model: ModelServer,
	dataDir: string,
	more: { readonly port?: number; readonly before?: readonly string[] } = {},
): Promise<TestServer> {
	return startServer({ dataDir, settings: { UPSTREAMS: `openai+${model.baseUrl}`, ...SETTINGS }, ...more });
}

async function writeUntilKilled(server: TestServer, people: readonly Person[], turns: Turns, afterMs: number): Promise<void> {
	let isOver = false;
	const writing = people.map(async (person) => {
		while (!isOver) await turns.send(person);
	});
	await Bun.sleep(afterMs);
	isOver = true;
	await server.kill();
	await Promise.all(writing);
}

/** What of it must not be; empty when nothing was lost, left undefined, doubled, asked twice or changed. */
export function problemsOf({ lost, undefinedStates, doubled, askedTwice, wrongTexts, integrity, ...rest }: KillFigures): readonly string[] {
	const counts = { lost, undefinedStates, doubled, askedTwice, wrongTexts };
	return [
		...Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${what}: ${count}`])),
		...(integrity === "ok" ? [] : [`integrity: ${integrity}`]),
		// Kills that meet nothing show nothing.
		...(rest.cutOff < rest.rounds || rest.acknowledged < rest.rounds ? ["the kills met too few turns"] : []),
	];
}
