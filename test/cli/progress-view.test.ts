// How a long command tells how far it is, where there is no terminal: a plain line now and then, lines of JSON, or nothing. The bar of a
// terminal is looked at in test/store/mongo-move.test.ts.

import { expect, test } from "bun:test";
import { countOf, createProgressView } from "../../cli/progress-view.ts";
import type { Shell } from "../../cli/shell.ts";
import type { MoveProgress } from "../../src/wiring.ts";

const HALF: MoveProgress = { stage: "copy", collection: "messages", done: 261_000, total: 523_650, rate: 3912.4, secondsLeft: 67.1 };

function view(change: Partial<Pick<Shell, "json" | "quiet">> = {}) {
	const said: string[] = [];
	const given: unknown[] = [];
	let now = 1000;
	const shell: Shell = {
		json: false,
		quiet: false,
		verbose: false,
		give: ({ json }) => given.push(json),
		say: (line) => said.push(line),
		terminal: { isTerminal: false, color: false },
		settings: () => Promise.reject(new Error("it asks for none")),
		...change,
	};
	const { show } = createProgressView(shell, () => now);
	const showAt = (at: number, progress = HALF): void => {
		now = at;
		show(progress);
	};
	return { said, given, showAt };
}

test("without a terminal a line tells rows, rate and time left, at most every five seconds", () => {
	const { said, showAt } = view();
	for (const at of [1100, 3000, 6000, 6100, 10_900, 11_000]) showAt(at);
	showAt(20_000, { ...HALF, stage: "look", total: null, secondsLeft: null });
	showAt(30_000, { ...HALF, stage: "verify", secondsLeft: 7322 });
	expect(said).toEqual([
		"Copying messages: 261,000 of 523,650, 3,912/s, 1 min 8 s left",
		"Copying messages: 261,000 of 523,650, 3,912/s, 1 min 8 s left",
		"Looking through messages: 261,000, 3,912/s",
		"Verifying messages: 261,000 of 523,650, 3,912/s, 2 h 2 min left",
	]);
});

test("with --json each is one object with whole numbers, and no line", () => {
	const { said, given, showAt } = view({ json: true });
	showAt(6000);
	expect([said, given]).toEqual([[], [{ event: "progress", ...HALF, rate: 3912, secondsLeft: 68 }]]);
});

test("what there is one of is told as one", () => {
	expect([countOf("sessions", 1), countOf("sessions", 20_000), countOf("users", 1), countOf("users", 0)]).toEqual([
		"1 session",
		"20,000 sessions",
		"1 person",
		"0 people",
	]);
});
