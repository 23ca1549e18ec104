// What becomes of the readers at one replica when another, which makes their answer, is killed, frozen or stopped; and of its sessions.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "../support/binary.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { dropDatabases, KEY } from "../support/mongo-settings.ts";
import { type Redis, startRedis } from "../support/redis.ts";
import { eventually, type Person } from "../support/server.ts";
import { type Fleet, openFleet } from "./fleet.ts";

setDefaultTimeout(90_000);

let mongo: Mongo;
let redis: Redis;
beforeAll(async () => {
	[mongo, redis] = await Promise.all([startMongo(), startRedis()]);
}, 300_000);
afterAll(async () => {
	await dropDatabases(mongo);
	await Promise.all([mongo.stop(), redis.stop()]);
}, 60_000);

const SETTINGS = { HEARTBEAT_INTERVAL: "500ms" };
/** The promise, and what a busy machine adds. */
const REPAIRED_WITHIN_MS = 18_000;
const isLast = ({ type }: { readonly type: string }) => type === "end" || type === "error";

test("killed: who reads elsewhere is kept, told the rest and `interrupted`; then the session takes a new turn there", async () => {
	await using fleet = await openFleet({ mongo, redis, count: 2, settings: SETTINGS });
	const { person, sessionId } = await fleet.visitor();
	const elsewhere = person.at(fleet.at(1));
	const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	const { generationId = "" } = await own.until("start");
	const other = await elsewhere.resume(generationId);
	await other.until(({ seq }) => seq === 80);
	await fleet.at(0).kill();
	const before = performance.now();
	const stop = await elsewhere.call("POST", `/chat/generations/${generationId}/stop`);
	expect([stop.status, stop.body.code]).toEqual([503, "generation_unreachable"]);
	const late = await elsewhere.resume(generationId, { after: 40 });
	expect(await other.until(isLast)).toMatchObject({ type: "error", code: "interrupted" });
	expect(await late.until(isLast)).toMatchObject({ type: "error", code: "interrupted" });
	expect(performance.now() - before).toBeLessThan(REPAIRED_WITHIN_MS);
	expect(await other.over()).toBe("complete");
	const [, answer] = await elsewhere.messages(sessionId);
	expect(answer).toMatchObject({ status: "interrupted", errorCode: "interrupted" });
	expect(answer?.content.length).toBeGreaterThan(100);
	expect(other.text().startsWith(answer?.content ?? "-")).toBe(true);
	expect((await elsewhere.call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(202);
	const next = await elsewhere.stream({ sessionId, prompt: "[tokens 3]" });
	await next.until("end");
	const again = await elsewhere.streamAt("POST", `/chat/sessions/${sessionId}/regenerate`, {});
	await again.until("end");
});

test("killed while its turn waits for a slot: the slot and the person's place come free for the others within 15 s", async () => {
	await using fleet = await openFleet({ mongo, redis, count: 2, settings: { ...SETTINGS, MAX_STREAMS_PER_USER: "1" }, query: "?slots=1" });
	const { person, sessionId } = await fleet.visitor();
	await (await person.stream({ sessionId, prompt: "[endless] [every 50]" })).until("token");
	const elsewhere = person.at(fleet.at(1));
	const next = await elsewhere.stream({ sessionId: await elsewhere.createSession(), prompt: "[tokens 3]" });
	expect(await next.until("queued")).toMatchObject({ position: 1 });
	const before = performance.now();
	await fleet.at(0).kill();
	await eventually("the next runs", () => next.events().some(({ type }) => type === "end"), 15_000);
	expect(performance.now() - before).toBeGreaterThan(3000);
});

test("frozen for longer than the others wait: its answer ends as interrupted, and it does not go on with it when it wakes", async () => {
	await using fleet = await openFleet({ mongo, redis, count: 2, settings: SETTINGS });
	const { person, sessionId } = await fleet.visitor();
	const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	const { generationId = "" } = await own.until("start");
	const elsewhere = person.at(fleet.at(1));
	const other = await elsewhere.resume(generationId);
	await other.until(({ seq }) => seq === 60);
	process.kill(fleet.at(0).pid, "SIGSTOP");
	try {
		const deadline = performance.now() + REPAIRED_WITHIN_MS;
		while (!other.events().some(isLast) && performance.now() < deadline) await Bun.sleep(100);
		expect(other.events().at(-1)).toMatchObject({ type: "error", code: "interrupted" });
	} finally {
		process.kill(fleet.at(0).pid, "SIGCONT");
	}
	expect(await own.until(isLast)).toMatchObject({ type: "error", code: "interrupted" });
	await eventually("the model server is let go", () => fleet.model.chats.at(-1)?.closedAt !== undefined);
	expect((await person.messages(sessionId)).at(-1)?.status).toBe("interrupted");
	await (await elsewhere.stream({ sessionId, prompt: "[tokens 3]" })).until("end");
});

test("stopped in order: its readers elsewhere are told of the shutdown; readers at a stopped one break off and go on at the owner", async () => {
	await using fleet = await openFleet({ mongo, redis, count: 3, settings: { ...SETTINGS, SHUTDOWN_GRACE: "500ms" } });
	const { person, sessionId } = await fleet.visitor();
	const own = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	const { generationId = "" } = await own.until("start");
	const [second, third] = await Promise.all([1, 2].map((index) => person.at(fleet.at(index)).resume(generationId)));
	await Promise.all([second, third].map((stream) => stream?.until("token")));
	await fleet.at(2).stop();
	expect(await third?.over()).toBe("broken");
	expect(third?.events().some(isLast)).toBe(false);
	const length = own.events().length;
	await own.until("token");
	expect(own.events().length).toBeGreaterThanOrEqual(length);
	const stopping = fleet.at(0).stop();
	for (const stream of [own, second]) expect(await stream?.until(isLast)).toMatchObject({ type: "error", code: "server_shutdown" });
	await stopping;
	expect(await fleet.at(0).exited).toBe(0);
	expect((await person.at(fleet.at(1)).messages(sessionId)).at(-1)?.status).toBe("interrupted");
});

/** An administrator, made with the link that the first server printed. */
async function adminOf(fleet: Fleet): Promise<Person> {
	const token = () => /\/setup#([\w-]+)/.exec(fleet.at(0).output())?.[1];
	await eventually("a setup link is printed", () => token() !== undefined);
	const made = await fetch(`${fleet.at(0).address}/api/v1/auth/setup`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ token: token(), email: "admin@example.org", password: "a-Tall-ladder-77" }),
	});
	const { token: bearer = "" } = Object(await made.json());
	return (await fleet.at(0).signup()).withToken(bearer);
}

test("what is taken from a person at one is taken at all within a second: an administrator's rights, the account, its streams in five", async () => {
	await using fleet = await openFleet({ mongo, redis, count: 2, settings: SETTINGS });
	const admin = await adminOf(fleet);
	const { person, sessionId } = await fleet.visitor();
	const elsewhere = person.at(fleet.at(1));
	const toggle = () => admin.call("POST", `/admin/users/${person.id}/toggle-admin`);
	expect((await toggle()).status).toBe(200);
	expect((await elsewhere.call("GET", "/admin/metrics")).status).toBe(200);
	expect((await toggle()).status).toBe(200);
	expect((await elsewhere.call("GET", "/admin/metrics")).status).toBe(403);
	const stream = await elsewhere.stream({ sessionId, prompt: "[endless] [every 50]" });
	await stream.until("token");
	expect((await admin.call("PATCH", `/admin/users/${person.id}`, { disabled: true })).status).toBe(200);
	expect((await elsewhere.call("GET", "/auth/me")).status).toBe(401);
	const before = performance.now();
	await stream.until(isLast);
	expect(performance.now() - before).toBeLessThan(5000);
});

test("a key that is replaced in the file that all share signs at all of them, and what ends with the former one ends everywhere within a second", async () => {
	const folder = scratch();
	const files = { JWT_SECRET_FILE: join(folder, "key"), JWT_PREVIOUS_SECRETS_FILE: join(folder, "former") };
	const put = (file: string, text: string): void => {
		writeFileSync(`${file}.new`, text, { mode: 0o600 });
		renameSync(`${file}.new`, file);
	};
	put(files.JWT_SECRET_FILE, KEY);
	put(files.JWT_PREVIOUS_SECRETS_FILE, "");
	await using fleet = await openFleet({ mongo, redis, count: 2, settings: { ...SETTINGS, ...files, JWT_SECRET: "" } });
	const { person } = await fleet.visitor();
	const statuses = (who: Person) => Promise.all(fleet.servers.map(async (server) => (await who.at(server).call("GET", "/auth/me")).status));
	expect(await statuses(person)).toEqual([200, 200]);
	put(files.JWT_PREVIOUS_SECRETS_FILE, KEY);
	put(files.JWT_SECRET_FILE, KEY.toLowerCase());
	await Bun.sleep(1000);
	expect(await statuses(person)).toEqual([200, 200]);
	// It signs once all had the time to see it.
	await Bun.sleep(2500);
	const renewed = await person.at(fleet.at(1)).signInAgain();
	expect(renewed.token.split(".")[0]).not.toBe(person.token.split(".")[0]);
	expect([await statuses(person), await statuses(renewed)]).toEqual([
		[200, 200],
		[200, 200],
	]);
	put(files.JWT_PREVIOUS_SECRETS_FILE, "");
	await Bun.sleep(1000);
	expect([await statuses(person), await statuses(renewed)]).toEqual([
		[401, 401],
		[200, 200],
	]);
});

test("an administrator sees and stops what any of them makes", async () => {
	await using fleet = await openFleet({ mongo, redis, count: 2, settings: SETTINGS, query: "?slots=5" });
	const admin = await adminOf(fleet);
	const { person } = await fleet.visitor();
	const ids: string[] = [];
	for (const index of [0, 1]) {
		const stream = await person.at(fleet.at(index)).stream({ sessionId: await person.createSession(), prompt: "[endless] [every 50]" });
		ids.push((await stream.until("start")).generationId ?? "");
		await stream.until("token");
	}
	for (const server of fleet.servers) {
		const list = await admin.at(server).call("GET", "/admin/generations");
		for (const id of ids) expect(list.text).toContain(id);
	}
	for (const id of ids) {
		expect((await admin.at(fleet.at(1)).call("POST", `/admin/generations/${id}/stop`)).status).toBe(202);
	}
	await eventually("both have ended", async () => (await admin.call("GET", "/admin/generations")).text.includes('"generations":[]'));
	expect((await admin.call("POST", `/admin/generations/${ids[1]}/stop`)).status).toBe(404);
});
