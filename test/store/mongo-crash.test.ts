// No transactions, and yet nothing half done: each operation that writes is broken off at each of its commands, before the command arrives
// and after it was done; the process is gone then, another one starts, and everything holds. And each of its replies gets lost in a process
// that lives on: the operation succeeds all the same, and was done once.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Db } from "mongodb";
import { previewOf } from "../../src/domain/session.ts";
import { HOUR, NOON } from "../contracts/store/samples.ts";
import { type BreakableWay, startProxy } from "./mongo-proxy.ts";
import { SCENARIOS, type Scenario } from "./mongo-scenarios.ts";
import { freshDatabase, type MongoForTests, startForTests } from "./mongo-server.ts";

/** At which command it breaks (from 1), and how. */
type Break = { readonly at: number; readonly how: "before the command" | "after the command" | "reply lost" };

const MOST_COMMANDS = 40;
const AT_ONCE = 6;

let mongo: MongoForTests;
/** What the processes that are gone still hold open in this one. */
const leftOpen: Promise<unknown>[] = [];
beforeAll(async () => {
	mongo = await startForTests();
}, 300_000);
afterAll(async () => {
	await Promise.allSettled(leftOpen);
	await mongo.stop();
}, 60_000);

/** Runs a scenario with one break. `false`: the operation has no such command. */
async function runWithBreak(scenario: Scenario, { at, how }: Break): Promise<boolean> {
	const database = freshDatabase(mongo);
	const proxy = await startProxy(mongo.port);
	const arranging = await database.open();
	const { act, check } = await scenario.prepare(arranging, database.db);
	await arranging.close();

	const broken = Promise.withResolvers<"broken">();
	let commands = -Infinity;
	const doomed = await database.open({
		through: proxy.port,
		watch: () => {
			commands += 1;
			if (commands === at) arm(proxy, how, () => broken.resolve("broken"));
		},
	});
	commands = 0;
	const work = act(doomed);
	const isGone = how !== "reply lost" && (await Promise.race([work, broken.promise])) === "broken";
	if (!isGone) await work;
	const isBroken = commands >= at;
	commands = Infinity;
	if (!isGone) await check(doomed, true);
	leftOpen.push(
		work.catch(() => undefined).then(() => doomed.close()),
		proxy.stop(),
	);

	// The one whose reply got lost lives on: what it holds is none of the next one's business.
	if (isGone) await database.bury();
	const next = await database.open();
	await next.repairInterrupted(NOON + HOUR);
	await expectSound(database.db);
	if (isGone) await check(next, false);
	await expectSound(database.db);
	await next.close();
	await database.drop();
	return isBroken;
}

function arm(proxy: BreakableWay, how: Break["how"], onBroken: () => void): void {
	if (how === "before the command") {
		proxy.cut();
		onBroken();
		return;
	}
	proxy.loseNextReply(() => {
		if (how === "after the command") proxy.cut();
		onBroken();
	});
}

/** Nothing is left half done, and what sessions say of their messages is true. */
async function expectSound(db: Db): Promise<void> {
	const all = (name: string) => db.collection(name).find().toArray();
	const [users, sessions, messages, resets] = await Promise.all(["users", "sessions", "messages", "users_reset_tokens"].map(all));
	expect(users?.filter((user) => user.ending_logins)).toEqual([]);
	expect(resets?.filter((token) => token.spent)).toEqual([]);
	expect(messages?.filter((message) => !sessions?.some((session) => session._id.equals(message.session_id)))).toEqual([]);
	expect(messages?.filter((message) => message.status === "streaming")).toEqual([]);
	for (const session of sessions ?? []) {
		expect([session.turn ?? null, session.appending ?? []]).toEqual([null, []]);
		const inForce = await db
			.collection("messages")
			.find({ session_id: session._id, in_force: { $ne: false } })
			.sort({ created_at: 1, seq: 1 })
			.toArray();
		const places = inForce.flatMap(({ seq }) => (seq === undefined ? [] : [seq]));
		expect(new Set(places).size).toBe(places.length);
		if (session.order_at !== undefined) expect(session.message_count).toBe(inForce.length);
		const newest = inForce.findLast(({ content }) => content !== "");
		expect(session.last_message).toBe(newest === undefined ? null : previewOf(newest.content));
	}
}

for (const how of ["before the command", "after the command", "reply lost"] as const) {
	describe(`broken off: ${how}`, () => {
		test.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
			"%s",
			async (_, scenario) => {
				let broken = 0;
				// Several at once, because a driver whose connection broke looks for its server at leisure.
				for (let at = 1; broken === at - 1; at += AT_ONCE) {
					const places = Array.from({ length: AT_ONCE }, (_, index) => at + index);
					const outcomes = await Promise.all(places.map((place) => runWithBreak(scenario, { at: place, how })));
					broken += outcomes.filter((isBroken) => isBroken).length;
					expect(at).toBeLessThan(MOST_COMMANDS);
				}
				// It was broken off at each of its commands, and it has some.
				expect(broken).toBeGreaterThan(0);
			},
			60_000,
		);
	});
}
