// Three servers behind a real nginx, and one of them is killed with -9 while two hundred clients read: what was acknowledged is there, who
// read at the dead one goes on at another, what it made ends as `interrupted` with its text and can be made again, limits hold.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type EventStream, openStream } from "../support/event-stream.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { dropDatabases } from "../support/mongo-settings.ts";
import { type Nginx, startNginx } from "../support/nginx.ts";
import { type Redis, startRedis } from "../support/redis.ts";
import { eventually, type Person } from "../support/server.ts";
import { type Fleet, openFleet } from "./fleet.ts";

setDefaultTimeout(120_000);

const PEOPLE = 20;
const SESSIONS = 10;
const TOKENS = 200;
const EVERY_MS = 60;
const WHOLE = Array.from({ length: TOKENS }, (_, index) => `t${index} `).join("");
const LIMIT = 150;

let mongo: Mongo;
let redis: Redis;
let fleet: Fleet;
let nginx: Nginx;
beforeAll(async () => {
	[mongo, redis] = await Promise.all([startMongo(), startRedis()]);
	fleet = await openFleet({
		mongo,
		redis,
		count: 3,
		query: `?slots=${PEOPLE * SESSIONS}`,
		settings: {
			TRUSTED_PROXIES: "127.0.0.1",
			MAX_STREAMS_PER_USER: String(SESSIONS),
			RATE_LIMIT_CHAT: `${LIMIT}/minute`,
			HEARTBEAT_INTERVAL: "1s",
		},
	});
	nginx = await startNginx({ target: fleet.servers.map(({ address }) => address) });
}, 300_000);
afterAll(async () => {
	await nginx.stop();
	await fleet[Symbol.asyncDispose]();
	await dropDatabases(mongo);
	await Promise.all([mongo.stop(), redis.stop()]);
}, 60_000);

type Read = {
	readonly person: Person;
	readonly sessionId: string;
	/** Whether its first reader saw the `start`: then the prompt was acknowledged. */
	readonly acknowledged: boolean;
	/** The text of all readers together. */
	readonly text: string;
	readonly last: string;
	readonly resumed: boolean;
	/** Milliseconds after the kill. */
	readonly endedAfter: number;
};

/** The last event of an answer, or `broken`. */
async function lastOf(stream: EventStream): Promise<string> {
	try {
		const { type, code } = await stream.until(({ type }) => type === "end" || type === "error");
		return code ?? type;
	} catch {
		return "broken";
	}
}

/** Reads one answer as a patient client does: whatever breaks is picked up again through the proxy. */
async function readThrough(person: Person, sessionId: string, killed: { at: number }, onBegun: () => void): Promise<Read> {
	const turn = { sessionId, prompt: `[tokens ${TOKENS}] [every ${EVERY_MS}]`, messageId: "turn" };
	let stream = await person.stream(turn);
	await stream.until(({ seq }) => seq === 20);
	onBegun();
	let last = await lastOf(stream);
	const first = stream.events()[0];
	const acknowledged = first?.type === "start";
	let text = stream.text();
	let resumed = false;
	for (let tries = 0; last === "broken" && tries < 40; tries += 1) {
		const seq = stream.events().findLast((event) => event.seq !== undefined)?.seq ?? 0;
		resumed = true;
		await Bun.sleep(250);
		stream =
			first?.generationId === undefined
				? await person.stream(turn).catch(() => stream)
				: await openStream({
						address: nginx.url,
						method: "GET",
						path: `/api/v1/chat/generations/${first.generationId}/events?after=${seq}`,
						token: person.token,
					}).catch(() => stream);
		last = await lastOf(stream);
		// A whole text from the store begins at the first piece again.
		if (stream.events().some((event) => event.seq === 1)) text = stream.text();
		else text += stream.text();
	}
	return { person, sessionId, acknowledged, text, last, resumed, endedAfter: performance.now() - killed.at };
}

test("one of three is killed under 200 clients: nothing acknowledged is lost, readers go on elsewhere, its answers end as interrupted", async () => {
	const people = await Promise.all(
		Array.from({ length: PEOPLE }, async (_, index) => (await fleet.at(index % 3).signup()).at({ address: nginx.url })),
	);
	const clients = await Promise.all(
		people.flatMap((person) => Array.from({ length: SESSIONS }, async () => ({ person, sessionId: await person.createSession() }))),
	);
	const killed = { at: Number.POSITIVE_INFINITY };
	let begun = 0;
	const reading = clients.map(({ person, sessionId }) =>
		readThrough(person, sessionId, killed, () => {
			begun += 1;
		}),
	);
	await eventually("all have begun", () => begun === clients.length);
	killed.at = performance.now();
	await fleet.at(1).kill();
	const reads = await Promise.all(reading);

	const outcomes = { end: 0, interrupted: 0 };
	for (const { person, sessionId, acknowledged, text, last } of reads) {
		const messages = await person.messages(sessionId);
		const [prompt, answer] = messages;
		if (acknowledged) expect(prompt?.role).toBe("user");
		expect(messages).toHaveLength(2);
		if (last === "end") {
			outcomes.end += 1;
			expect(answer).toMatchObject({ status: "sent", content: WHOLE });
			expect(text).toBe(WHOLE);
		} else {
			expect(last).toBe("interrupted");
			outcomes.interrupted += 1;
			expect(answer).toMatchObject({ status: "interrupted", errorCode: "interrupted" });
			const stored = answer?.content ?? "";
			expect(stored.length).toBeGreaterThan(0);
			expect(WHOLE.startsWith(stored)).toBe(true);
			expect(WHOLE.startsWith(text)).toBe(true);
		}
	}
	expect(outcomes.end + outcomes.interrupted).toBe(PEOPLE * SESSIONS);
	expect(outcomes.interrupted).toBeGreaterThan(40);
	const latest = Math.max(...reads.filter(({ last }) => last === "interrupted").map(({ endedAfter }) => endedAfter));
	expect(latest).toBeLessThan(20_000);
	console.log(
		`  ${PEOPLE * SESSIONS} clients: ${outcomes.end} whole, ${outcomes.interrupted} interrupted, ${reads.filter(({ resumed }) => resumed).length} resumed elsewhere; the last of the dead one's ended ${Math.round(latest / 1000)} s after the kill`,
	);

	const again = reads.filter(({ last }) => last === "interrupted").slice(0, 20);
	const remade = await Promise.all(
		again.map(async ({ person, sessionId }) => {
			const stream = await person.streamAt("POST", `/chat/sessions/${sessionId}/regenerate`, {});
			return { last: await lastOf(stream), text: stream.text() };
		}),
	);
	expect(remade).toEqual(again.map(() => ({ last: "end", text: WHOLE })));
});

test("a limit counts over all that live: within a tenth of the configured number", async () => {
	const person = (await fleet.at(0).signup()).at({ address: nginx.url });
	const statuses = await Promise.all(
		Array.from({ length: LIMIT * 2 }, async (_, index) => {
			await Bun.sleep(index * 5);
			return (await person.call("POST", "/chat/message", { sessionId: "0".repeat(24), prompt: "hello" })).status;
		}),
	);
	const allowed = statuses.filter((status) => status === 404).length;
	expect(statuses.filter((status) => status === 429)).toHaveLength(LIMIT * 2 - allowed);
	expect(Math.abs(allowed - LIMIT)).toBeLessThanOrEqual(LIMIT / 10);
	console.log(`  limit ${LIMIT}: ${allowed} let through`);
});
