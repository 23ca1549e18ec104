// The fair queue of several processes over one slot board in a real Redis: slots, the limit of a person and the round hold over all of
// them, and each goes on alone while Redis is away.

import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { createIdSource, type Id } from "../../src/domain/id.ts";
import { createQueue, type Queue, type Ticket } from "../../src/generation/queue.ts";
import { openRedis } from "../../src/redis/link.ts";
import { openReplicas } from "../../src/replicas/open.ts";
import { noteLog } from "../redis/notes.ts";
import { type Redis, startRedis } from "../support/redis.ts";
import { eventually } from "../support/server.ts";

setDefaultTimeout(60_000);

let redis: Redis;
beforeAll(async () => {
	redis = await startRedis();
}, 120_000);
afterAll(async () => {
	await redis.stop();
});

const ends: (() => void)[] = [];
afterEach(() => {
	for (const end of ends.splice(0)) end();
});

const newId = createIdSource(
	() => 0,
	(count) => crypto.getRandomValues(new Uint8Array(count)),
);

type Site = { readonly queue: Queue; readonly isHeard: () => boolean; readonly vanish: () => void };

/** A process of its own, as far as the board can tell. */
async function openSite(prefix: string, slots: Readonly<Record<string, number>>, perUser = 1000): Promise<Site> {
	const { log } = noteLog();
	const link = await openRedis({ url: redis.url, prefix, log });
	const { replicas, board } = openReplicas({ link, log, elapsed: () => performance.now() });
	const vanish = (): void => {
		replicas.close();
		link.close();
	};
	ends.push(vanish);
	const queue = createQueue({ limit: 1000, perUser, slotsOf: (name) => slots[name] ?? 0, board });
	await eventually("it is heard", () => replicas.state() === "ok");
	return { queue, isHeard: () => replicas.state() === "ok", vanish };
}

function openSites(count: number, slots: Readonly<Record<string, number>>, perUser?: number): Promise<Site[]> {
	const prefix = crypto.randomUUID();
	return Promise.all(Array.from({ length: count }, () => openSite(prefix, slots, perUser)));
}

type Noted = Ticket & { readonly on: () => string | undefined; readonly position: () => number | undefined };

function ticketOf(userId: Id, candidates: readonly string[] = ["a"], onTurn: () => void = () => {}): Noted {
	let on: string | undefined;
	let position: number | undefined;
	return {
		id: newId(),
		userId,
		candidates: () => candidates,
		onTurn: (upstream) => {
			on = upstream;
			onTurn();
		},
		onPosition: (place) => {
			position = place;
		},
		on: () => on,
		position: () => position,
	};
}

const running = (tickets: readonly Noted[]) => tickets.filter((ticket) => ticket.on() !== undefined).length;
/** Long enough for whatever the processes tell one another. */
const settled = () => Bun.sleep(150);

test("slots hold over three processes, and one that comes free goes to whoever is next, wherever that waits", async () => {
	const sites = await openSites(3, { a: 2 });
	const tickets = Array.from({ length: 9 }, () => ticketOf(newId()));
	for (const [index, ticket] of tickets.entries()) {
		sites[index % 3]?.queue.join(ticket);
		await settled();
	}
	expect(tickets.map((ticket) => ticket.on())).toEqual(["a", "a", ...Array(7).fill(undefined)]);
	expect(tickets.map((ticket) => ticket.position())).toEqual([undefined, undefined, 1, 2, 3, 4, 5, 6, 7]);
	for (let ended = 0; ended < 9; ended += 1) {
		const ticket = tickets[ended];
		if (ticket !== undefined) sites[ended % 3]?.queue.leave(ticket);
		await eventually("the next one runs", () => running(tickets) === Math.min(9, ended + 3), 1000);
	}
});

test("what one person may have running holds over all processes", async () => {
	const sites = await openSites(3, { a: 50 }, 2);
	const anna = newId();
	const tickets = Array.from({ length: 6 }, () => ticketOf(anna));
	for (const [index, ticket] of tickets.entries()) sites[index % 3]?.queue.join(ticket);
	await settled();
	expect(running(tickets)).toBe(2);
	const other = ticketOf(newId());
	sites[0]?.queue.join(other);
	await eventually("another person is not held up", () => other.on() === "a", 1000);
	const first = tickets.findIndex((ticket) => ticket.on() !== undefined);
	const ticket = tickets[first];
	if (ticket !== undefined) sites[first % 3]?.queue.leave(ticket);
	await eventually("the third runs", () => running(tickets) === 3, 1000);
	await settled();
	expect(running(tickets)).toBe(3);
});

test("a hundred that join at once in three processes never run on more slots than there are, and all run in the end", async () => {
	const sites = await openSites(3, { a: 3, b: 2 }, 2);
	const people = Array.from({ length: 20 }, newId);
	const now = new Map<string, number>();
	let most = 0;
	let done = 0;
	const tickets = Array.from({ length: 100 }, (_, index) => {
		const site = sites[index % 3];
		const ticket: Noted = ticketOf(people[index % 20] ?? newId(), index % 2 === 0 ? ["a", "b"] : ["b", "a"], () => {
			const on = ticket.on() ?? "";
			now.set(on, (now.get(on) ?? 0) + 1);
			most = Math.max(most, (now.get("a") ?? 0) + (now.get("b") ?? 0));
			expect(now.get("a") ?? 0).toBeLessThanOrEqual(3);
			expect(now.get("b") ?? 0).toBeLessThanOrEqual(2);
			setTimeout(
				() => {
					now.set(on, (now.get(on) ?? 0) - 1);
					done += 1;
					site?.queue.leave(ticket);
				},
				5 + (index % 7),
			);
		});
		return ticket;
	});
	for (const [index, ticket] of tickets.entries()) sites[index % 3]?.queue.join(ticket);
	await eventually("all have run", () => done === 100, 20_000);
	expect(most).toBe(5);
	expect(sites.map(({ queue }) => queue.counts())).toEqual(Array(3).fill({ running: 0, waiting: 0 }));
});

test("one with fifty turns in one process and nine with one each in the others: none of the nine waits for more than two of the fifty", async () => {
	const sites = await openSites(3, { a: 2 }, 2);
	const [greedySite, ...others] = sites;
	const greedy = newId();
	const begun: Id[] = [];
	const open = (site: Site | undefined, userId: Id): void => {
		const ticket: Noted = ticketOf(userId, ["a"], () => {
			begun.push(userId);
			setTimeout(() => site?.queue.leave(ticket), 40);
		});
		site?.queue.join(ticket);
	};
	for (let index = 0; index < 50; index += 1) open(greedySite, greedy);
	await settled();
	const asked = begun.length;
	const modest = Array.from({ length: 9 }, newId);
	for (const [index, userId] of modest.entries()) open(others[index % 2], userId);
	await eventually("all have run", () => begun.length === 59, 20_000);
	for (const userId of modest) {
		const before = begun.slice(asked, begun.indexOf(userId)).filter((other) => other === greedy);
		expect(before.length).toBeLessThanOrEqual(2);
	}
});

test("alone on the board it serves as the queue without one does, whatever is done to it", async () => {
	const act = fc.record({
		join: fc.boolean(),
		person: fc.nat({ max: 3 }),
		which: fc.nat({ max: 20 }),
		candidates: fc.constantFrom(["a"], ["b"], ["a", "b"], ["b", "a"]),
	});
	const slots = { a: 1, b: 2 };
	await fc.assert(
		fc.asyncProperty(fc.array(act, { maxLength: 25 }), fc.integer({ min: 1, max: 3 }), async (acts, perUser) => {
			const site = await openSite(crypto.randomUUID(), slots, perUser);
			const plain = createQueue({ limit: 1000, perUser, slotsOf: (name) => (name === "a" ? 1 : 2) });
			const people = Array.from({ length: 4 }, newId);
			const pairs: { readonly shared: Noted; readonly alone: Noted }[] = [];
			for (const { join, person, which, candidates } of acts) {
				if (join || pairs.length === 0) {
					const userId = people[person] ?? newId();
					const pair = { shared: ticketOf(userId, candidates), alone: ticketOf(userId, candidates) };
					pairs.push(pair);
					site.queue.join(pair.shared);
					plain.join(pair.alone);
				} else {
					const [pair] = pairs.splice(which % pairs.length, 1);
					if (pair !== undefined) {
						site.queue.leave(pair.shared);
						plain.leave(pair.alone);
					}
				}
				const seen = (kind: "shared" | "alone") =>
					JSON.stringify(pairs.map((pair) => [pair[kind].on() ?? null, pair[kind].on() === undefined ? pair[kind].position() : null]));
				await eventually("both say the same", () => seen("shared") === seen("alone"), 1000);
			}
			site.vanish();
		}),
		{ numRuns: 40 },
	);
});

test("frozen Redis: a free slot is taken within 200 ms, a taken one is left to its process for ten seconds; then each decides alone", async () => {
	const [one, other] = await openSites(2, { a: 1, b: 1 });
	const [first, second, third] = [ticketOf(newId()), ticketOf(newId()), ticketOf(newId())];
	one?.queue.join(first);
	await eventually("it runs", () => first.on() === "a", 1000);
	const free = ticketOf(newId(), ["b"]);
	other?.queue.join(second);
	await settled();
	redis.freeze();
	const before = performance.now();
	other?.queue.join(free);
	await eventually("it runs", () => free.on() === "b", 1000);
	expect(performance.now() - before).toBeLessThan(200);
	await Bun.sleep(3000);
	expect(second.on()).toBeUndefined();
	await eventually("it runs on a slot of its own", () => second.on() === "a", 10_000);
	redis.thaw();
	await eventually("both are heard again", () => one?.isHeard() === true && other?.isHeard() === true);
	await Bun.sleep(4000);
	one?.queue.join(third);
	await settled();
	one?.queue.leave(first);
	await Bun.sleep(2500);
	// Two ran on one slot while they were apart: the next waits for both.
	expect(third.on()).toBeUndefined();
	other?.queue.leave(second);
	await eventually("it runs", () => third.on() === "a", 3000);
});

test("flushed: within seconds all is known again, and nobody who waited loses the place", async () => {
	const [one, other] = await openSites(2, { a: 1 });
	const [running, early, late] = [ticketOf(newId()), ticketOf(newId()), ticketOf(newId())];
	one?.queue.join(running);
	await settled();
	other?.queue.join(early);
	await settled();
	await redis.command("FLUSHALL");
	await Bun.sleep(2500);
	expect(early.on()).toBeUndefined();
	await Bun.sleep(3500);
	one?.queue.join(late);
	await settled();
	expect([early.on(), late.on()]).toEqual([undefined, undefined]);
	expect([early.position(), late.position()]).toEqual([1, 2]);
	one?.queue.leave(running);
	await eventually("the first runs", () => early.on() === "a", 1000);
	expect(late.on()).toBeUndefined();
});

test("somebody who waits in another process is known: for the place of an answer that nobody follows, and for the bound of the queue", async () => {
	const [one, other] = await openSites(2, { a: 1 });
	const held = ticketOf(newId());
	one?.queue.join(held);
	await settled();
	expect(one?.queue.isWantedByOthers(held)).toBe(false);
	const waits = ticketOf(newId());
	other?.queue.join(waits);
	await eventually("it is known", () => one?.queue.isWantedByOthers(held) === true, 4000);
	expect(other?.queue.busyOf("a")).toBe(1);
});
