// SIGKILL at random moments under 20 writers. The long form is `bun run soak kill`.

import { expect, test } from "bun:test";
import { problemsOf, runKillLoop } from "./kill-loop.ts";

const ROUNDS = 10;

test(`${ROUNDS} times SIGKILL at a random moment under 20 writers: nothing acknowledged is lost, undefined or doubled, and the same messageId never makes a second generation`, async () => {
	const seed = Date.now() % 1_000_000;
	const figures = await runKillLoop({ rounds: ROUNDS, writers: 20, seed, onRound: (line) => console.log(line) });
	console.log({ seed, ...figures });
	expect(figures.rounds).toBe(ROUNDS);
	expect(problemsOf(figures)).toEqual([]);
}, 240_000);
