// The compiled program with MONGODB_URI: every command that opens the store finds it in MongoDB, needs no data folder, and tells nobody the
// password.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { MongoClient } from "mongodb";
import { run } from "../support/binary.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { databaseNameOf, dropDatabases, KEY, type MongoSettings, mongoSettings } from "../support/mongo-settings.ts";
import { startServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const PASSWORD = "Ev1l-secret";

let mongo: Mongo;
beforeAll(async () => {
	mongo = await startMongo();
}, 300_000);
afterAll(async () => {
	await dropDatabases(mongo);
	await mongo.stop();
});

/** Settings that mean a database of their own, and a data folder that cannot be made. */
function settings(): MongoSettings & { readonly POCKETLLM_DATA_DIR: string } {
	return { ...mongoSettings(mongo), POCKETLLM_DATA_DIR: "/proc/no-data-folder" };
}

test("a person of one command is there for the server; nothing needs a data folder", async () => {
	const env = settings();
	const made = await run(["create-admin", "--email", "ada@example.org", "--generate-password", "--json"], { env });
	expect(made).toMatchObject({ status: 0 });
	const server = await startServer({ settings: env, dataDir: env.POCKETLLM_DATA_DIR });
	const { email, password } = JSON.parse(made.stdout);
	const login = await fetch(`${server.address}/api/v1/auth/login`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ email, password }),
	});
	expect(await login.json()).toMatchObject({ user: { email: "ada@example.org", is_admin: true } });
	const ready = await (await fetch(`${server.address}/readyz`)).json();
	expect(ready).toMatchObject({ status: "ready", store: { kind: "mongodb", status: "ok" } });
	// Beside the running server.
	expect(await run(["create-admin", "--email", "ada@example.org", "--promote"], { env })).toMatchObject({
		status: 0,
		stderr: "ada@example.org was an administrator already; nothing was changed.\n",
	});
	await server.stop();
	expect(await server.exited).toBe(0);
	expect(existsSync("/proc/no-data-folder")).toBe(false);
});

test("two servers share one database", async () => {
	const env = settings();
	const [one, other] = await Promise.all([startServer({ settings: env }), startServer({ settings: env })]);
	const anna = await one.signup();
	const sessionId = await anna.createSession({ title: "shared" });
	const there = await fetch(`${other.address}/api/v1/chat/sessions/${sessionId}`, { headers: { authorization: `Bearer ${anna.token}` } });
	expect(await there.json()).toMatchObject({ title: "shared" });
	await Promise.all([one.stop(), other.stop()]);
});

test("migrate says what is to do, does it once, and puts back what is missing", async () => {
	const env = settings();
	const status = async () => JSON.parse((await run(["migrate", "--status", "--json"], { env })).stdout);
	const before = await status();
	expect(before).toMatchObject({ kind: "mongodb", current: 0, latest: 1 });
	expect(before.location).toMatch(/^[^/]+\/pocketllm_cli_\d+_\d+$/);
	expect(before.pending[0]).toEqual({ version: 1, name: "the first version" });
	expect(before.pending[1].name).toStartWith("indexes of users: email_1, ");

	const dry = await run(["migrate", "--dry-run"], { env });
	expect(dry.stderr.trimEnd().split("\n").at(-1)).toBe("Would go from schema 0 to 1; nothing was changed.");
	expect(await status()).toEqual(before);

	const done = await run(["migrate"], { env });
	expect(done.status).toBe(0);
	// One line for each step, each the other's with "would run" before it.
	const lines = done.stderr.trimEnd().split("\n");
	expect(lines.slice(0, -1).sort()).toEqual(
		before.pending.map(({ version, name }: { version: number; name: string }) => `${version}: ${name}`).sort(),
	);
	expect(lines.at(-1)).toBe("The schema went from 0 to 1.");
	expect(await status()).toMatchObject({ current: 1, pending: [] });
	expect(await run(["migrate"], { env })).toMatchObject({ status: 0, stderr: "The schema is 1 already; nothing to do.\n" });

	const client = new MongoClient(mongo.url);
	const db = client.db(databaseNameOf(env));
	await db.collection("messages").dropIndex("turn_key_1");
	expect((await status()).pending).toEqual([{ version: 1, name: "indexes of messages: turn_key_1" }]);
	expect((await run(["migrate"], { env })).stderr).toBe(
		"1: indexes of messages: turn_key_1\nThe schema stays 1; what was missing is there now.\n",
	);

	// Written by a later version: nobody touches it.
	await db.collection<{ _id: string }>("users_state").updateOne({ _id: "schema" }, { $set: { version: 2 } });
	await client.close();
	for (const args of [["serve", "--port", "0"], ["serve", "--port", "0", "--migrate"], ["migrate"], ["migrate", "--status"]]) {
		const refused = await run(args, { env });
		expect(refused.status).toBe(1);
		expect(refused.stderr).toMatch(
			/^pocketllm: The database at \S+ has schema version 2, this pocketllm uses 1\. Nothing was changed\. .*\n$/,
		);
	}
});

test("an index that is in the way refuses the start with its name", async () => {
	const env = settings();
	const client = new MongoClient(mongo.url);
	const db = client.db(databaseNameOf(env));
	await db.collection("users").createIndex({ email: 1 });
	for (const args of [["serve", "--port", "0"], ["migrate"], ["migrate", "--dry-run"]]) {
		const refused = await run(args, { env });
		expect(refused.status).toBe(5);
		expect(refused.stderr).toMatch(/^pocketllm: The index email_1 of the collection users is in the way: it is not unique\. .*\n$/);
	}
	expect(await db.listCollections().toArray()).toHaveLength(1);
	await client.close();
});

test.each([
	["no address", { MONGODB_URI: `http://u:${PASSWORD}@h/` }, /^pocketllm: MONGODB_URI .* must be a MongoDB address/],
	[
		"an address that the driver does not take",
		{ MONGODB_URI: `mongodb://u:${PASSWORD}@h:99999/` },
		/^pocketllm: MONGODB_URI is not a MongoDB/,
	],
	["a database that cannot be", { MONGODB_URI: `mongodb://u:${PASSWORD}@127.0.0.1:1/a.b` }, /^pocketllm: The path of MONGODB_URI/],
	["no key", { MONGODB_URI: `mongodb://u:${PASSWORD}@h/`, JWT_SECRET: undefined }, /^pocketllm: MONGODB_URI needs JWT_SECRET/],
	["two collections in one", { MONGODB_URI: `mongodb://u:${PASSWORD}@h/`, MONGODB_USERS_COLLECTION: "messages" }, /must name three coll/],
] as const)("%s: refused with status 3, in one sentence, without the password", async (_, change, sentence) => {
	const { status, stderr } = await run(["serve", "--port", "0", "--verbose"], { env: { JWT_SECRET: KEY, ...change } });
	expect([status, stderr.split("\n    at ")[0]]).toEqual([3, expect.stringMatching(sentence)]);
	expect(stderr).not.toContain(PASSWORD);
});

test("config hides the address whole", async () => {
	const { stdout } = await run(["config"], { env: { MONGODB_URI: `mongodb://person:${PASSWORD}@h/x`, JWT_SECRET: KEY } });
	expect(stdout).toMatch(/^MONGODB_URI +environment +\*{8}$/m);
	expect(stdout).not.toMatch(/Ev1l|person/);
});
