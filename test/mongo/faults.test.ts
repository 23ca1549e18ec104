// The compiled program while its MongoDB server is killed, restarted and frozen, under 50 streams and while messages are added: streams flow
// on, nothing that was acknowledged is lost, nothing is there twice, and it comes back by itself.

import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { MongoClient } from "mongodb";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { eventually, type Person } from "../support/server.ts";
import { isOverNow, openWorld, readyz, type Talk, talk } from "./world.ts";

setDefaultTimeout(120_000);

const STREAMS = 50;
const TOKENS = 120;
const INTERVAL_MS = 200;

let model: ModelServer;
const ends: (() => unknown)[] = [];
beforeAll(() => {
	model = startModelServer();
});
afterAll(() => model.stop());
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
}, 60_000);

/** Notes each 20 ms who has got something new, so that the longest silence of each stream is known. */
function watchGaps(talks: readonly Talk[]): { readonly longest: () => number } {
	const last = talks.map(({ stream }) => ({ count: stream.events().length, at: performance.now() }));
	let longest = 0;
	const timer = setInterval(() => {
		for (const [index, { stream }] of talks.entries()) {
			const state = last[index];
			const count = stream.events().length;
			if (state === undefined) continue;
			if (count === state.count && !isOverNow(stream)) longest = Math.max(longest, performance.now() - state.at);
			else last[index] = { count, at: performance.now() };
		}
	}, 20);
	ends.push(() => clearInterval(timer));
	return { longest: () => longest };
}

type Added = { readonly acknowledged: string[]; readonly refusals: Map<string, number>; slowest: number };

/** Adds messages one after the other, each once; what the answer was stands in `added`. */
async function addMessages(person: Person, sessionId: string, added: Added, isOver: () => boolean): Promise<void> {
	while (!isOver()) {
		const content = crypto.randomUUID();
		const start = performance.now();
		const reply = await person.call("POST", `/sessions/${sessionId}/messages`, { role: "user", content });
		added.slowest = Math.max(added.slowest, performance.now() - start);
		if (reply.status === 201) added.acknowledged.push(content);
		else {
			added.refusals.set(`${reply.status} ${reply.body.code}`, (added.refusals.get(`${reply.status} ${reply.body.code}`) ?? 0) + 1);
			await Bun.sleep(50);
		}
	}
}

async function allMessages(person: Person, sessionId: string): Promise<{ readonly contents: readonly string[]; readonly total: number }> {
	const contents: string[] = [];
	for (;;) {
		const { body } = await person.call("GET", `/chat/sessions/${sessionId}/messages?limit=100&offset=${contents.length}`);
		contents.push(...(body.messages ?? []).map(({ content }) => content));
		if ((body.messages ?? []).length === 0) return { contents, total: body.total ?? -1 };
	}
}

test("killed with -9, restarted and frozen under 50 streams: each stream is whole, no acknowledged message lost, none doubled", async () => {
	const world = await openWorld(model);
	if (world === undefined) return;
	ends.push(world.close);
	const person = await world.server.signup();
	const shared = await person.createSession();
	const talks = await Promise.all(Array.from({ length: STREAMS }, () => talk(person, `[tokens ${TOKENS}] [every ${INTERVAL_MS}]`)));
	const gaps = watchGaps(talks);
	const added: Added = { acknowledged: [], refusals: new Map(), slowest: 0 };
	let isOver = false;
	const adding = Promise.all(Array.from({ length: 5 }, () => addMessages(person, shared, added, () => isOver)));
	const goesOn = async (): Promise<void> => {
		const before = added.acknowledged.length;
		await eventually("messages are taken again", () => added.acknowledged.length > before + 20, 20_000);
	};
	await goesOn();

	await world.end("SIGKILL");
	await eventually("it says that the store is away", async () => (await readyz(world)).status === 503, 5000);
	await world.restart();
	await goesOn();

	await world.end("SIGTERM");
	await world.restart();
	await goesOn();

	process.kill(world.mongo().pid, "SIGSTOP");
	const frozenAt = performance.now();
	const frozen = await readyz(world);
	expect(frozen).toMatchObject({ status: 503, store: "unavailable" });
	expect(frozen.afterMs).toBeLessThan(4000);
	await Bun.sleep(Math.max(0, 6000 - (performance.now() - frozenAt)));
	process.kill(world.mongo().pid, "SIGCONT");
	await goesOn();
	isOver = true;
	await adding;
	await eventually("it says that the store is there", async () => (await readyz(world)).status === 200, 10_000);

	await eventually("every stream is over", () => talks.every(({ stream }) => isOverNow(stream)), 45_000);
	const expected = Array.from({ length: TOKENS }, (_, index) => `t${index} `).join("");
	expect(talks.filter(({ stream }) => stream.text() !== expected)).toEqual([]);
	expect(gaps.longest()).toBeLessThan(1500);

	const kept = await allMessages(person, shared);
	expect(added.acknowledged.filter((content) => !kept.contents.includes(content))).toEqual([]);
	expect(new Set(kept.contents).size).toBe(kept.contents.length);
	expect(kept.total).toBe(kept.contents.length);
	expect([...added.refusals.keys()].filter((refusal) => refusal !== "503 store_unavailable")).toEqual([]);
	expect(added.slowest).toBeLessThan(25_000);
	for (const { sessionId } of talks) {
		const messages = await person.messages(sessionId);
		expect(messages.map(({ role, status }) => `${role} ${status}`)).toEqual(["user sent", "assistant sent"]);
		expect(messages[1]?.content).toBe(expected);
	}
	const database = new MongoClient(world.mongo().url);
	ends.push(() => database.close());
	expect(await database.db(world.database).collection("messages").countDocuments({ status: "streaming" })).toBe(0);
	console.info(
		`longest silence of a stream ${gaps.longest().toFixed(0)} ms; ${added.acknowledged.length} messages acknowledged, ${kept.total} there, refused: ${JSON.stringify(Object.fromEntries(added.refusals))}, slowest ${(added.slowest / 1000).toFixed(1)} s`,
	);
});
