// The fairness bench: one person with fifty turns and nine with one each, through the queue that the program has, beside a plain line in
// which whoever came first goes first. Simulated time: every turn takes as long as the others.

import { createIdSource, type Id } from "../../src/domain/id.ts";
import { createQueue, type Ticket } from "../../src/generation/queue.ts";
import { show, table } from "./table.ts";

const GREEDY_TURNS = 50;
const MODEST_PEOPLE = 9;
const SLOTS = [1, 2, 4] as const;
const PER_USER = 2;

export type Fairness = {
	readonly slots: number;
	/** For each of the nine: how many turns of the greedy one began between their asking and their turn. */
	readonly overtaken: readonly number[];
	/** Turns' lengths that each of the nine waited, in the fair queue and in a plain line. */
	readonly waited: readonly number[];
	readonly waitedInLine: readonly number[];
};

export function measureFairness(): Fairness[] {
	return SLOTS.map(simulate);
}

function simulate(slots: number): Fairness {
	const newId = createIdSource(Date.now, (count) => crypto.getRandomValues(new Uint8Array(count)));
	const queue = createQueue({ limit: 1000, perUser: PER_USER, slotsOf: () => slots });
	const begun: { readonly userId: Id; readonly at: number }[] = [];
	let running: Ticket[] = [];
	let now = 0;
	const join = (userId: Id): void => {
		const ticket: Ticket = {
			id: newId(),
			userId,
			candidates: () => ["model"],
			onPosition: () => {},
			onTurn: () => {
				begun.push({ userId, at: now });
				running.push(ticket);
			},
		};
		queue.join(ticket);
	};
	const greedy = newId();
	for (let turn = 0; turn < GREEDY_TURNS; turn += 1) join(greedy);
	const asked = begun.length;
	const modest = Array.from({ length: MODEST_PEOPLE }, newId);
	for (const userId of modest) join(userId);
	while (running.length > 0) {
		now += 1;
		const ended = running;
		running = [];
		for (const ticket of ended) queue.leave(ticket);
	}
	return {
		slots,
		overtaken: modest.map((userId) => {
			const turn = begun.findIndex((entry) => entry.userId === userId);
			return begun.slice(asked, turn).filter((entry) => entry.userId === greedy).length;
		}),
		waited: modest.map((userId) => begun.find((entry) => entry.userId === userId)?.at ?? Number.NaN),
		waitedInLine: modest.map((_, index) => Math.floor((GREEDY_TURNS + index) / slots)),
	};
}

export function fairnessText(rows: readonly Fairness[]): string {
	const longest = (values: readonly number[]) => show(Math.max(...values));
	const head = ["slots", "greedy turns begun before one's own, at most", "waited at most", "in a plain line"];
	const lines = rows.map((row) => [String(row.slots), String(Math.max(...row.overtaken)), longest(row.waited), longest(row.waitedInLine)]);
	return `One person with ${GREEDY_TURNS} turns, then ${MODEST_PEOPLE} with one each; times are lengths of a turn\n\n${table(head, lines)}`;
}
