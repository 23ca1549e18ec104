// The fair queue, by simulation and by properties: nobody starves, nobody is lost, no limit is passed.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createIdSource, type Id } from "../../src/domain/id.ts";
import { createQueue, type Queue, type QueueOptions, type Ticket } from "../../src/generation/queue.ts";

const newId = createIdSource(
	() => 0,
	(count) => new Uint8Array(count),
);
const people = (count: number): Id[] => Array.from({ length: count }, newId);

/** Tickets that note what happens to them. */
type Noted = Ticket & { readonly served: string[]; readonly positions: number[] };

function ticketOf(userId: Id, candidates: readonly string[] = ["a"]): Noted {
	const served: string[] = [];
	const positions: number[] = [];
	return {
		id: newId(),
		userId,
		candidates: () => candidates,
		onTurn: (upstream) => served.push(upstream),
		onPosition: (position) => positions.push(position),
		served,
		positions,
	};
}

const queueWith = (options: Partial<QueueOptions> = {}): Queue => createQueue({ limit: 1000, perUser: 1000, slotsOf: () => 1, ...options });
const anybody = newId();

describe("the queue", () => {
	test("gives a free slot at once, without a position", () => {
		const queue = queueWith();
		const ticket = ticketOf(anybody);
		queue.join(ticket);
		expect(ticket.served).toEqual(["a"]);
		expect(ticket.positions).toEqual([]);
		expect(queue.counts()).toEqual({ running: 1, waiting: 0 });
	});

	test("serves one person's turns in the order in which they came", () => {
		const queue = queueWith();
		const tickets = Array.from({ length: 5 }, () => ticketOf(anybody));
		for (const ticket of tickets) queue.join(ticket);
		for (const ticket of tickets) {
			expect(ticket.served).toEqual(["a"]);
			queue.leave(ticket);
		}
		expect(tickets.map((ticket) => ticket.positions)).toEqual([[], [1], [2, 1], [3, 2, 1], [4, 3, 2, 1]]);
		expect(queue.counts()).toEqual({ running: 0, waiting: 0 });
	});

	test("takes the first candidate with a free slot, and one that comes back after `review`", () => {
		const slots = new Map([
			["a", 1],
			["b", 0],
		]);
		const queue = queueWith({ slotsOf: (name) => slots.get(name) ?? 0 });
		const [first, second] = [ticketOf(anybody, ["b", "a"]), ticketOf(anybody, ["b", "a"])];
		queue.join(first);
		queue.join(second);
		expect([first.served, second.served]).toEqual([["a"], []]);
		slots.set("b", 1);
		queue.review();
		expect(second.served).toEqual(["b"]);
		expect([queue.busyOf("a"), queue.busyOf("b")]).toEqual([1, 1]);
	});

	test("lets a turn pass that waits for another model server", () => {
		const queue = queueWith();
		const [holding, blocked, free] = [ticketOf(anybody, ["a"]), ticketOf(anybody, ["a"]), ticketOf(anybody, ["b"])];
		for (const ticket of [holding, blocked, free]) queue.join(ticket);
		expect([blocked.served, free.served]).toEqual([[], ["b"]]);
	});

	test("knows whether somebody else waits for a running turn's slot: the same person, or another model server, does not count", () => {
		const queue = queueWith({ slotsOf: () => 1 });
		const holding = ticketOf(anybody, ["a"]);
		queue.join(holding);
		queue.join(ticketOf(anybody, ["a"]));
		queue.join(ticketOf(newId(), ["b"]));
		const waitsForB = ticketOf(newId(), ["b"]);
		queue.join(waitsForB);
		expect(queue.isWantedByOthers(holding)).toBe(false);
		const other = ticketOf(newId(), ["a", "b"]);
		queue.join(other);
		expect(queue.isWantedByOthers(holding)).toBe(true);
		// A turn that waits is in the way of others that want the same model server.
		expect(queue.isWantedByOthers(other)).toBe(true);
		queue.leave(other);
		expect(queue.isWantedByOthers(holding)).toBe(false);
	});

	test("has room until `limit` wait; who runs does not count", () => {
		const queue = queueWith({ limit: 2 });
		for (let count = 0; count < 3; count += 1) {
			expect(queue.hasRoom()).toBe(true);
			queue.join(ticketOf(newId()));
		}
		expect(queue.hasRoom()).toBe(false);
	});

	test("bears a turn that leaves from within its own call", () => {
		const queue = queueWith();
		const holding = ticketOf(anybody);
		const behind = ticketOf(newId());
		const fleeing: Noted = { ...ticketOf(newId()), onTurn: () => queue.leave(fleeing) };
		for (const ticket of [holding, fleeing, behind]) queue.join(ticket);
		queue.leave(holding);
		expect(behind.served).toEqual(["a"]);
		queue.leave(behind);
		expect(queue.counts()).toEqual({ running: 0, waiting: 0 });
	});

	test("tells the others their true positions when somebody leaves because of being told theirs", () => {
		const queue = queueWith();
		const [holding, first, behind, last] = [ticketOf(newId()), ticketOf(newId()), ticketOf(newId()), ticketOf(newId())];
		const shy: Noted = { ...ticketOf(newId()), onPosition: (position) => position === 1 && queue.leave(shy) };
		for (const ticket of [holding, first, shy, behind, last]) queue.join(ticket);
		expect([behind.positions, last.positions]).toEqual([[3], [4]]);
		queue.leave(first);
		expect([behind.positions, last.positions]).toEqual([
			[3, 1],
			[4, 2],
		]);
	});
});

/** One slot, turns of one tick each; who is served in which order. */
function simulate(arrivals: readonly { readonly at: number; readonly userId: Id }[], options: Partial<QueueOptions> = {}) {
	const queue = queueWith(options);
	const order: { userId: Id; arrivedAt: number; servedAt: number }[] = [];
	const running: Ticket[] = [];
	let now = 0;
	const last = Math.max(...arrivals.map(({ at }) => at));
	for (; now <= last || queue.counts().waiting > 0 || running.length > 0; now += 1) {
		for (const { at, userId } of arrivals) {
			if (at !== now) continue;
			const ticket: Ticket = {
				id: newId(),
				userId,
				candidates: () => ["a"],
				onTurn: () => {
					order.push({ userId, arrivedAt: at, servedAt: now });
					running.push(ticket);
				},
				onPosition: () => {},
			};
			queue.join(ticket);
		}
		for (const ticket of running.splice(0, running.length)) queue.leave(ticket);
	}
	return order;
}

describe("fairness", () => {
	test("one person with 50 turns and nine with one each: none of the nine waits for more than two turns of the greedy one", () => {
		const [greedy = newId(), ...nine] = people(10);
		const arrivals = [...Array.from({ length: 50 }, () => ({ at: 0, userId: greedy })), ...nine.map((userId) => ({ at: 0, userId }))];
		const order = simulate(arrivals);
		expect(order.length).toBe(59);
		for (const userId of nine) {
			const place = order.findIndex((turn) => turn.userId === userId);
			expect(order.slice(0, place).filter((turn) => turn.userId === greedy).length).toBeLessThanOrEqual(2);
		}
	});

	test("the same when the nine come one after the other, while the greedy one's turns are under way", () => {
		const [greedy = newId(), ...nine] = people(10);
		const arrivals = [
			...Array.from({ length: 50 }, () => ({ at: 0, userId: greedy })),
			...nine.map((userId, index) => ({ at: 3 + 4 * index, userId })),
		];
		const order = simulate(arrivals);
		for (const userId of nine) {
			const turn = order.find((entry) => entry.userId === userId);
			if (turn === undefined) throw new Error("somebody was never served");
			const before = order.filter((entry) => entry.userId === greedy && entry.servedAt >= turn.arrivedAt && entry.servedAt < turn.servedAt);
			expect(before.length).toBeLessThanOrEqual(2);
		}
	});

	test("somebody who asks again and again, one turn at a time, does not overtake those who wait", () => {
		const [eager = newId(), patient = newId()] = people(2);
		const queue = queueWith();
		const served: Id[] = [];
		const join = (userId: Id): Noted => {
			const ticket = ticketOf(userId);
			queue.join({ ...ticket, onTurn: () => served.push(userId) });
			return ticket;
		};
		let running = join(eager);
		join(patient);
		const second = join(eager);
		queue.leave(running);
		running = second;
		expect(served).toEqual([eager, patient]);
	});

	test("any mix of people: while somebody waits, nobody else has more than two turns more than they have themselves", () => {
		fc.assert(
			fc.property(fc.array(fc.record({ at: fc.nat(20), who: fc.nat(5) }), { minLength: 1, maxLength: 60 }), (asks) => {
				const everybody = people(6);
				const arrivals = asks.map(({ at, who }) => ({ at, userId: everybody[who] ?? anybody }));
				const order = simulate(arrivals);
				expect(order.length).toBe(arrivals.length);
				for (const turn of order) {
					const between = order.filter((entry) => entry.servedAt >= turn.arrivedAt && entry.servedAt < turn.servedAt);
					const mine = between.filter((entry) => entry.userId === turn.userId).length;
					for (const other of everybody) {
						if (other === turn.userId) continue;
						expect(between.filter((entry) => entry.userId === other).length).toBeLessThanOrEqual(mine + 2);
					}
				}
			}),
		);
	});
});

type Step = { readonly join: number; readonly on: readonly string[] } | { readonly leave: number } | { readonly slots: number };

describe("whatever happens, in whichever order", () => {
	const step: fc.Arbitrary<Step> = fc.oneof(
		{ weight: 5, arbitrary: fc.record({ join: fc.nat(4), on: fc.constantFrom(["a"], ["b"], ["a", "b"]) }) },
		{ weight: 4, arbitrary: fc.record({ leave: fc.nat(100) }) },
		{ weight: 1, arbitrary: fc.record({ slots: fc.nat(3) }) },
	);

	test("never more than a model server's slots, never more than a person's share; no ticket is lost or served twice; positions are 1 to n", () => {
		fc.assert(
			fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 3 }), (steps, perUser) => {
				const everybody = people(5);
				let slots = 2;
				const queue = createQueue({ limit: 1000, perUser, slotsOf: () => slots });
				const here: Noted[] = [];
				for (const act of steps) {
					const busyBefore = new Map(["a", "b"].map((name) => [name, queue.busyOf(name)]));
					if ("join" in act) {
						const ticket = ticketOf(everybody[act.join] ?? anybody, act.on);
						here.push(ticket);
						queue.join(ticket);
					} else if ("leave" in act) {
						const [ticket] = here.length === 0 ? [] : here.splice(act.leave % here.length, 1);
						if (ticket === undefined) continue;
						queue.leave(ticket);
						queue.leave(ticket);
					} else {
						slots = act.slots;
						queue.review();
					}
					const running = here.filter((ticket) => ticket.served.length > 0);
					const waiting = here.filter((ticket) => ticket.served.length === 0);
					expect(queue.counts()).toEqual({ running: running.length, waiting: waiting.length });
					expect(here.every((ticket) => ticket.served.length <= 1)).toBe(true);
					for (const name of ["a", "b"]) {
						const busy = running.filter((ticket) => ticket.served[0] === name).length;
						expect(queue.busyOf(name)).toBe(busy);
						// Fewer slots than before end nothing that runs, but nothing is added.
						if (busy > (busyBefore.get(name) ?? 0)) expect(busy).toBeLessThanOrEqual(slots);
					}
					for (const userId of everybody) {
						expect(running.filter((ticket) => ticket.userId === userId).length).toBeLessThanOrEqual(perUser);
					}
					expect(waiting.map((ticket) => ticket.positions.at(-1) ?? 0).sort((a, b) => a - b)).toEqual(
						Array.from({ length: waiting.length }, (_, index) => index + 1),
					);
					// Nobody waits who could run.
					for (const ticket of waiting) {
						const isAtTheirShare = running.filter((other) => other.userId === ticket.userId).length >= perUser;
						expect(isAtTheirShare || ticket.candidates().every((name) => queue.busyOf(name) >= slots)).toBe(true);
					}
				}
			}),
			{ numRuns: 300 },
		);
	});

	test("in the end everybody is served, in an order that keeps each person's own", () => {
		fc.assert(
			fc.property(fc.array(fc.nat(4), { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 3 }), (asks, perUser) => {
				const everybody = people(5);
				const queue = createQueue({ limit: 1000, perUser, slotsOf: () => 2 });
				const order: Id[] = [];
				const running: Ticket[] = [];
				const tickets = asks.map((who): Ticket => {
					const ticket: Ticket = {
						...ticketOf(everybody[who] ?? anybody),
						onTurn: () => {
							order.push(ticket.id);
							running.push(ticket);
						},
					};
					return ticket;
				});
				for (const ticket of tickets) queue.join(ticket);
				for (let next = running.shift(); next !== undefined; next = running.shift()) queue.leave(next);
				expect(order.length).toBe(tickets.length);
				for (const userId of everybody) {
					const own = tickets.filter((ticket) => ticket.userId === userId).map((ticket) => ticket.id);
					expect(order.filter((id) => own.includes(id))).toEqual(own);
				}
			}),
		);
	});
});
