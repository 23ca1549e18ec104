// `pocketllm migrate --to` as a person calls it, between a real file and a real MongoDB server: killed, cancelled, refused, and what it says.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BSON, type Db, MongoClient } from "mongodb";
import recorded from "../fixtures/captures/mongo-documents.json";
import { runMove } from "../soak/move.ts";
import { binary, converse, environmentOf, run, scratch } from "../support/binary.ts";
import { fillDatabase } from "../support/dataset.ts";
import { startMongo } from "../support/mongo.ts";
import { eventually, startServer } from "../support/server.ts";
import { type FreshDatabase, freshDatabase, type MongoForTests, startForTests } from "./mongo-server.ts";

let mongo: MongoForTests;
let database: FreshDatabase;
let db: Db;

beforeAll(async () => {
	[mongo] = await Promise.all([startForTests(), binary()]);
}, 300_000);
afterAll(() => mongo.stop());
beforeEach(() => {
	database = freshDatabase(mongo);
	db = database.db;
});
afterEach(() => database.drop());

const SMALL = { people: 5, sessions: 10, messages: 200 };
const JWT_SECRET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** A data folder with people in it. */
async function filledFolder(size = SMALL): Promise<string> {
	const folder = scratch();
	await fillDatabase(join(folder, "pocketllm.db"), size);
	return folder;
}

async function fillAsTheOldGateway(): Promise<void> {
	for (const [name, documents] of Object.entries(recorded.collections)) {
		await db.collection(name).insertMany(documents.map((document) => BSON.EJSON.deserialize(document, { relaxed: false })));
	}
}

describe("a move", () => {
	test("killed with -9 at random moments on both ways and begun again brings back every row", async () => {
		const figures = await runMove({
			people: 30,
			sessions: 120,
			messages: 6000,
			uri: database.uri,
			kills: 4,
			killWithinMs: [600, 450],
			seed: Date.now() % 1_000_000,
		});
		console.log(JSON.stringify(figures));
		expect(figures.differing).toEqual([]);
		// Undisturbed, the first way takes seconds and the second one; on a fast machine the last kills may come too late.
		const kills = [figures.toMongo.killed.length, figures.toSqlite.killed.length];
		expect([Math.min(...kills) > 0, kills.reduce((sum, count) => sum + count, 0) > 3]).toEqual([true, true]);
		expect(figures.toMongo.peakMemoryMb).toBeLessThan(400);
	}, 120_000);

	test("cancelled by Ctrl-C it ends with 130 and what to do, and the same command finishes it", async () => {
		const folder = await filledFolder({ people: 20, sessions: 100, messages: 9000 });
		const talk = await converse(["--data-dir", folder, "migrate", "--to", database.uri]);
		await talk.shows("[#");
		talk.type("\x03");
		expect(await talk.ended()).toBe(130);
		expect(Bun.stripANSI(talk.screen())).toMatch(/\] Copying [a-z ]+: [\d,]+ of [\d,]+, [\d,]+\/s/);
		expect(talk.screen()).toContain("the same command goes on from there");
		const again = await run(["--data-dir", folder, "migrate", "--to", database.uri, "--json"], { timeoutMs: 60_000 });
		const done = JSON.parse(again.stdout.trim().split("\n").at(-1) ?? "{}");
		expect([again.status, done.event, done.outcome]).toEqual([0, "done", "moved"]);
		expect(done.written).toBeLessThan(9000);
	}, 90_000);

	test("broken off because the other server dies it says so, and what to do", async () => {
		const own = await startMongo({ dataFile: join(scratch(), "data") });
		const uri = `${own.url}/moved`;
		const folder = await filledFolder({ people: 20, sessions: 100, messages: 6000 });
		const child = Bun.spawn([await binary(), "--data-dir", folder, "migrate", "--to", uri], { env: environmentOf({}), stderr: "pipe" });
		const client = new MongoClient(uri);
		await eventually("the first messages are there", async () => (await client.db().collection("messages").estimatedDocumentCount()) > 0);
		await client.close();
		await own.stop();
		expect([await child.exited, await child.stderr.text()]).toEqual([7, expect.stringContaining("run the same command again")]);
	}, 60_000);

	test("says what was copied and what to change; every line of --json is JSON; run again it says that all is there", async () => {
		const folder = await filledFolder();
		const first = await run(["--data-dir", folder, "migrate", "--to", database.uri]);
		expect(first.status).toBe(0);
		expect(first.stdout).toBe("");
		for (const part of [
			"Found 5 people",
			"200 messages",
			"read both sides back: they hold the same",
			"set MONGODB_URI",
			"JWT_SECRET",
			"The source is as it was.",
		]) {
			expect(first.stderr).toContain(part);
		}
		const again = await run(["--data-dir", folder, "migrate", "--to", database.uri, "--json", "--quiet"]);
		const events = again.stdout
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line));
		expect(events.map(({ event }) => event)).toEqual(["looked", "done"]);
		expect(events[1]).toMatchObject({ outcome: "there", written: 0, from: "sqlite", to: "mongodb" });
		expect(again.stderr).toBe("");
	});

	test("--dry-run looks through everything and writes nothing on either side", async () => {
		await fillAsTheOldGateway();
		const folder = join(scratch(), "home");
		const { status, stderr } = await run(["--data-dir", folder, "migrate", "--to", "sqlite:", "--dry-run"], {
			env: { MONGODB_URI: database.uri },
		});
		expect([status, stderr]).toEqual([0, expect.stringMatching(/Found 3 people.*4 messages[\s\S]*Nothing was written/)]);
		expect(readdirSync(folder).filter((name) => !name.endsWith(".lock"))).toEqual([]);
	});
});

describe("the replaced gateway's database", () => {
	test("becomes a home server with everybody's password and history, and the published account locked out", async () => {
		await fillAsTheOldGateway();
		await db.collection("users").updateOne({ email: "dave@example.com" }, { $set: { plan: "gold" } });
		await db.collection<{ _id: string; content: string }>("messages").insertOne({ _id: "by hand", content: "whose?" });
		const folder = join(scratch(), "home");
		const moved = await run(["--data-dir", folder, "migrate", "--to", "sqlite:"], { env: { MONGODB_URI: database.uri } });
		expect([moved.status, moved.stderr]).toEqual([0, expect.stringContaining("disabled demo@pocketllm.com")]);
		expect(moved.stderr).toMatch(
			/stay behind: 1; they are kept in .*left-behind.ndjson[\s\S]*messages .*by hand.* has an _id[\s\S]*users\.plan \(1\)/,
		);
		const kept = join(folder, "pocketllm-left-behind.ndjson");
		expect(
			readFileSync(kept, "utf8")
				.trim()
				.split("\n")
				.map((line) => JSON.parse(line).content),
		).toEqual([{ plan: "gold" }, { _id: "by hand", content: "whose?" }]);
		expect(statSync(kept).mode & 0o077).toBe(0);

		const server = await startServer({ dataDir: folder });
		try {
			for (const { email, password } of recorded.passwords) {
				const reply = await post(`${server.address}/api/v1/auth/login`, { email, password });
				expect([email, reply.status]).toEqual([email, email.startsWith("demo") ? 403 : 200]);
				if (!email.startsWith("carol")) continue;
				const { token } = JSON.parse(await reply.text());
				const list = await fetch(`${server.address}/api/v1/chat/sessions`, { headers: { authorization: `Bearer ${token}` } });
				const { data } = JSON.parse(await list.text());
				expect(data.map((session: { title: string; messageCount: number }) => [session.title, session.messageCount])).toEqual([
					["Greetings", 4],
					["New chat", 0],
				]);
			}
		} finally {
			await server.stop();
		}
	}, 60_000);
});

function post(url: string, body: object): Promise<Response> {
	return fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

describe("a move is refused", () => {
	test("while a server holds the data folder, in either direction, and the server goes on", async () => {
		const folder = await filledFolder();
		const server = await startServer({ dataDir: folder });
		try {
			const away = await run(["--data-dir", folder, "migrate", "--to", database.uri]);
			expect([away.status, away.stderr]).toEqual([5, expect.stringContaining("uses the data folder")]);
			const home = await run(["--data-dir", folder, "migrate", "--to", "sqlite:"], { env: { MONGODB_URI: database.uri } });
			expect([home.status, home.stderr]).toEqual([5, expect.stringContaining("uses the data folder")]);
			expect((await fetch(`${server.address}/readyz`)).status).toBe(200);
		} finally {
			await server.stop();
		}
	}, 60_000);

	test("onto other data, in either direction, and nothing is changed", async () => {
		const folder = await filledFolder();
		await fillAsTheOldGateway();
		const away = await run(["--data-dir", folder, "migrate", "--to", database.uri]);
		expect([away.status, away.stderr]).toEqual([5, expect.stringMatching(/collection users of .* holds data already/)]);
		expect(await db.collection("users").countDocuments()).toBe(3);
		const before = readFileSync(join(folder, "pocketllm.db"));
		const home = await run(["--data-dir", folder, "migrate", "--to", "sqlite:"], { env: { MONGODB_URI: database.uri } });
		expect([home.status, home.stderr]).toEqual([5, expect.stringContaining("holds data already")]);
		expect(readFileSync(join(folder, "pocketllm.db")).equals(before)).toBe(true);
	});

	test("where there is nothing to copy, and no folder is made", async () => {
		const folder = join(scratch(), "nothing");
		const { status, stderr } = await run(["--data-dir", folder, "migrate", "--to", database.uri]);
		expect([status, stderr]).toEqual([4, expect.stringContaining(folder)]);
		expect(existsSync(folder)).toBe(false);
	});
});

describe("MIGRATE_TO", () => {
	test("says where to, and so does the file that MIGRATE_TO_FILE names; no password is ever shown", async () => {
		const folder = await filledFolder();
		const file = join(scratch(), "to");
		writeFileSync(file, `${database.uri}\n`);
		const moved = await run(["--data-dir", folder, "migrate"], { env: { MIGRATE_TO_FILE: file } });
		expect([moved.status, moved.stderr]).toEqual([0, expect.stringContaining("they hold the same")]);
		const away = { MIGRATE_TO: "mongodb://me:hunter2hunter2@127.0.0.1:1/x" };
		const failed = await run(["--data-dir", folder, "migrate", "--verbose"], { env: away });
		expect([failed.status, failed.stderr]).toEqual([7, expect.stringContaining("127.0.0.1:1 cannot be reached. Check MIGRATE_TO")]);
		expect(failed.stdout + failed.stderr).not.toContain("hunter2");
	}, 40_000);

	test("set twice, or to what is no place, is a wrong setting that names it", async () => {
		for (const [env, sentence] of [
			[{ MIGRATE_TO: "sqlite:", MIGRATE_TO_FILE: "/x" }, "keep one of them"],
			[{ MIGRATE_TO: "somewhere" }, "MIGRATE_TO must be"],
			[{ MIGRATE_TO_FILE: "/nowhere" }, "MIGRATE_TO_FILE names a file that cannot be read"],
		] as const) {
			const { status, stderr } = await run(["--data-dir", scratch(), "migrate"], { env });
			expect([status, stderr]).toEqual([3, expect.stringContaining(sentence)]);
		}
	});
});

test("a server refuses a database that is half filled, and takes it when the copy is finished", async () => {
	const folder = await filledFolder({ people: 20, sessions: 100, messages: 4000 });
	const child = Bun.spawn([await binary(), "--data-dir", folder, "migrate", "--to", database.uri], {
		env: environmentOf({}),
		stderr: "pipe",
	});
	while ((await db.collection("messages").estimatedDocumentCount()) === 0) await Bun.sleep(20);
	child.kill("SIGKILL");
	await child.exited;
	const home = scratch();
	mkdirSync(join(home, "data"));
	const settings = { env: { MONGODB_URI: database.uri, JWT_SECRET } };
	const refused = await run(["--data-dir", join(home, "data"), "serve", "--port", "0"], settings);
	expect([refused.status, refused.stderr]).toEqual([5, expect.stringContaining("unfinished copy")]);
	expect((await run(["--data-dir", folder, "migrate", "--to", database.uri], { timeoutMs: 60_000 })).status).toBe(0);
	const status = await run(["--data-dir", join(home, "data"), "migrate", "--status"], settings);
	expect([status.status, status.stdout]).toEqual([0, expect.stringContaining("which is this version's")]);
}, 60_000);
