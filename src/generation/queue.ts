// The fair queue: who gets the next free slot of a model server. Round robin by person, first come first served within a person,
// never more at once for one person than allowed. Pure bookkeeping: no clock, no I/O; the engine tells it what happens. Where several
// processes share the model servers, a board decides over all their turns; while it is away, this process decides over its own.

import type { Id } from "../domain/id.ts";
import type { BoardVerdict, Elsewhere, OwnTurns, SlotBoard } from "../ports/slot-board.ts";

export type Ticket = {
	readonly id: Id;
	readonly userId: Id;
	/** The model servers that could take this turn now, best first; asked each time a slot is free. */
	readonly candidates: () => readonly string[];
	/** It is this turn's turn, on that model server. Called at most once. */
	readonly onTurn: (upstream: string) => void;
	/** Its place among those who wait, from 1; called on each change. */
	readonly onPosition: (position: number) => void;
};

export type QueueOptions = {
	/** How many may wait in all. */
	readonly limit: number;
	/** How many one person may have running. */
	readonly perUser: number;
	/** How many answers a model server makes at once. */
	readonly slotsOf: (upstream: string) => number;
	/** Where other processes see these turns; `undefined`: there are none. */
	readonly board?: SlotBoard | undefined;
};

export type Queue = {
	/** Whether one more may wait. */
	hasRoom(): boolean;
	/** Takes a turn; gives it a slot at once when one is free. */
	join(ticket: Ticket): void;
	/** A waiting turn gives up, or a running one has ended. Harmless for a ticket that is neither. */
	leave(ticket: Ticket): void;
	/** A running turn goes on at another model server, whether a slot is free there or not: it must not wait anew. */
	move(ticket: Ticket, upstream: string): void;
	/** Something changed outside: a model server came back, or told another number of slots. */
	review(): void;
	/** Whether somebody else waits for the slot that a running turn holds, or for one that a waiting turn waits for. */
	isWantedByOthers(ticket: Ticket): boolean;
	counts(): { readonly running: number; readonly waiting: number };
	busyOf(upstream: string): number;
};

type Running = { readonly ticket: Ticket; readonly upstream: string };

export function createQueue({ limit, perUser, slotsOf, board }: QueueOptions): Queue {
	/** Waiting turns by person; the order of the map's keys is the order of the round. */
	const waiting = new Map<Id, Ticket[]>();
	const running = new Map<Id, Running>();
	const positions = new Map<Id, number>();
	let reviews = 0;
	/** The numbers that the board gave to waiting turns. */
	const numbers = new Map<Id, number>();
	/** What it said of the others last. */
	let elsewhere: Elsewhere | undefined;
	let isSettling = false;
	/** Something has changed since the board was told. */
	let hasChanged = false;
	let isAsked = false;

	const countRunning = (matches: (entry: Running) => boolean): number => {
		let count = 0;
		for (const entry of running.values()) if (matches(entry)) count += 1;
		return count;
	};
	const countWaiting = (): number => {
		let count = 0;
		for (const tickets of waiting.values()) count += tickets.length;
		return count;
	};
	const busyOf = (upstream: string): number => countRunning((entry) => entry.upstream === upstream) + (elsewhere?.busy.get(upstream) ?? 0);
	const freeUpstream = (ticket: Ticket): string | undefined => ticket.candidates().find((name) => busyOf(name) < slotsOf(name));

	/** The next turn that can run, and where. */
	const nextRunnable = (): Running | undefined => {
		for (const [userId, tickets] of waiting) {
			if (countRunning((entry) => entry.ticket.userId === userId) >= perUser) continue;
			for (const ticket of tickets) {
				const upstream = freeUpstream(ticket);
				if (upstream !== undefined) return { ticket, upstream };
			}
		}
		return undefined;
	};

	const isWaiting = (ticket: Ticket): boolean => waiting.get(ticket.userId)?.includes(ticket) === true;

	const remove = (ticket: Ticket): boolean => {
		const tickets = waiting.get(ticket.userId);
		const index = tickets?.indexOf(ticket) ?? -1;
		if (tickets === undefined || index < 0) return false;
		tickets.splice(index, 1);
		if (tickets.length === 0) waiting.delete(ticket.userId);
		positions.delete(ticket.id);
		numbers.delete(ticket.id);
		return true;
	};

	/** Whoever was served goes to the end of the round. */
	const moveToEnd = (userId: Id): void => {
		const rest = waiting.get(userId);
		if (rest === undefined) return;
		waiting.delete(userId);
		waiting.set(userId, rest);
	};

	/** The waiting turns in the order in which the round would serve them. */
	const inOrder = (): Ticket[] => {
		const order: Ticket[] = [];
		const rounds = Math.max(0, ...[...waiting.values()].map((tickets) => tickets.length));
		for (let round = 0; round < rounds; round += 1) {
			for (const tickets of waiting.values()) {
				const ticket = tickets[round];
				if (ticket !== undefined) order.push(ticket);
			}
		}
		return order;
	};

	const run = (entry: Running): void => {
		remove(entry.ticket);
		moveToEnd(entry.ticket.userId);
		running.set(entry.ticket.id, entry);
		entry.ticket.onTurn(entry.upstream);
	};

	const reviewAlone = (): void => {
		for (let next = nextRunnable(); next !== undefined; next = nextRunnable()) run(next);
		tellPositions(inOrder().map((ticket, index) => ({ ticket, position: index + 1 })));
	};

	const tellPositions = (places: readonly { readonly ticket: Ticket; readonly position: number }[]): void => {
		reviews += 1;
		const thisReview = reviews;
		for (const { ticket, position } of places) {
			if (positions.get(ticket.id) === position || !isWaiting(ticket)) continue;
			positions.set(ticket.id, position);
			ticket.onPosition(position);
			// Whoever was told has left, and the review that this caused has told all the others: this order is no longer true.
			if (reviews !== thisReview) return;
		}
	};

	/** What the board is told. */
	const ownTurns = (): OwnTurns => {
		const busy = new Map<string, number>();
		const people = new Map<Id, number>();
		for (const { ticket, upstream } of running.values()) {
			busy.set(upstream, (busy.get(upstream) ?? 0) + 1);
			people.set(ticket.userId, (people.get(ticket.userId) ?? 0) + 1);
		}
		const turns = [...waiting.values()].flat().map((ticket) => {
			const { id, userId } = ticket;
			return { id, userId, candidates: ticket.candidates(), number: numbers.get(id) ?? 0 };
		});
		return { busy, people, waiting: turns };
	};

	const follow = (verdict: BoardVerdict): void => {
		const tickets = new Map([...waiting.values()].flat().map((ticket) => [ticket.id, ticket]));
		for (const { id, number } of verdict.waiting) if (tickets.has(id)) numbers.set(id, number);
		for (const { id, upstream } of verdict.granted) {
			const ticket = tickets.get(id);
			if (ticket !== undefined) run({ ticket, upstream });
			// It left while the board was asked: its slot is given back.
			else hasChanged = isAsked = true;
		}
		tellPositions(
			verdict.waiting.flatMap(({ id, position }) => {
				const ticket = tickets.get(id);
				return ticket === undefined ? [] : [{ ticket, position }];
			}),
		);
	};

	/** One question at a time: what changes meanwhile is asked together with the next. */
	const settle = async (on: SlotBoard): Promise<void> => {
		if (isSettling) return;
		isSettling = true;
		try {
			while (isAsked) {
				isAsked = false;
				const turns = ownTurns();
				const names = [...turns.busy.keys(), ...turns.waiting.flatMap(({ candidates }) => candidates)];
				const slots = new Map(names.map((name) => [name, slotsOf(name)]));
				const change = hasChanged;
				hasChanged = false;
				const verdict = await on.settle(turns, { slots, perUser }, change);
				elsewhere = verdict.elsewhere;
				if (verdict.granted === undefined) reviewAlone();
				else follow(verdict);
			}
		} finally {
			isSettling = false;
		}
	};

	const review = (): void => {
		if (board === undefined) reviewAlone();
		else {
			isAsked = true;
			void settle(board);
		}
	};

	const change = (): void => {
		hasChanged = true;
		review();
	};

	board?.onChange(review);

	return {
		hasRoom: () => countWaiting() + (elsewhere?.waiting ?? 0) < limit,
		join: (ticket) => {
			const tickets = waiting.get(ticket.userId);
			if (tickets === undefined) waiting.set(ticket.userId, [ticket]);
			else tickets.push(ticket);
			change();
		},
		leave: (ticket) => {
			const wasRunning = running.delete(ticket.id);
			const wasWaiting = remove(ticket);
			if (wasRunning || wasWaiting) change();
		},
		move: (ticket, upstream) => {
			if (!running.has(ticket.id)) return;
			running.set(ticket.id, { ticket, upstream });
			change();
		},
		review,
		isWantedByOthers: (ticket) => {
			if (waiting.size === 0 && !elsewhere?.waiting) return false;
			const held = running.get(ticket.id)?.upstream;
			const wanted = held === undefined ? ticket.candidates() : [held];
			if (wanted.some((name) => elsewhere?.wantedBy.get(name)?.some((userId) => userId !== ticket.userId))) return true;
			for (const [userId, tickets] of waiting) {
				if (userId === ticket.userId) continue;
				if (tickets.some((other) => other.candidates().some((name) => wanted.includes(name)))) return true;
			}
			return false;
		},
		counts: () => ({ running: running.size, waiting: countWaiting() }),
		busyOf,
	};
}
