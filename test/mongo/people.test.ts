// People in MongoDB, with two servers on one database: the first administrator is one, an invitation makes one account, and what
// `pocketllm users` changes counts on both servers at once.

import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MongoClient, ObjectId } from "mongodb";
import { databaseInUri } from "../../src/store/mongo/client.ts";
import { type Account, type Gateway, PASSWORD, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { type Ended, run, scratch } from "../support/binary.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { dropDatabases, mongoSettings } from "../support/mongo-settings.ts";

setDefaultTimeout(60_000);

let mongo: Mongo;
let client: MongoClient;
beforeAll(async () => {
	mongo = await startMongo();
	client = new MongoClient(mongo.url);
}, 300_000);
afterAll(async () => {
	await client.close();
	await dropDatabases(mongo);
	await mongo.stop();
});

type Pair = {
	readonly servers: readonly [Gateway, Gateway];
	readonly users: (...args: readonly string[]) => Promise<Ended>;
	readonly count: (collection: string, filter?: object) => Promise<number>;
	readonly stop: () => Promise<void>;
};

async function twoServers(extra: Readonly<Record<string, string>> = {}): Promise<Pair> {
	const settings: Record<string, string> = { ...mongoSettings(mongo), ...QUICK_HASHES, ...extra };
	const [one, other] = await Promise.all([startGateway({ settings }), startGateway({ settings })]);
	const db = client.db(databaseInUri(settings.MONGODB_URI ?? ""));
	return {
		servers: [one, other],
		users: (...args) => run(["users", ...args], { env: settings, stdin: "" }),
		count: (collection, filter = {}) => db.collection(collection).countDocuments(filter),
		stop: async () => {
			await Promise.all([one.stop(), other.stop()]);
		},
	};
}

test("50 first claims at once, at two servers with a token each, make one administrator", async () => {
	const { servers, count, stop } = await twoServers();
	const tokens = await Promise.all(servers.map((server) => server.setupToken()));
	const replies = await Promise.all(
		Array.from({ length: 50 }, (_, number) =>
			(servers[number % 2] ?? servers[0]).call("POST", "/auth/setup", {
				body: { token: tokens[number % 2], email: `boss${number}@box.local`, password: PASSWORD },
			}),
		),
	);
	expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
	for (const { status } of replies) expect([200, 403, 409]).toContain(status);
	expect([await count("users", { is_admin: true }), await count("users")]).toEqual([1, 1]);
	await stop();
});

describe("beside two running servers", () => {
	let pair: Pair;
	let anna: Account;
	beforeAll(async () => {
		pair = await twoServers({ SIGNUP_MODE: "invite", PUBLIC_URL: "https://chat.example" });
		await pair.servers[0].claimSetup();
	});
	afterAll(() => pair.stop());

	const tokenIn = ({ stdout }: Ended) => /#([\w-]{43})\n$/.exec(stdout)?.[1] ?? "";
	const signup = (server: Gateway, email: string, invite: string) =>
		server.call("POST", "/auth/signup", { body: { email, password: PASSWORD, invite } });
	const statusesWith = (token: string) =>
		Promise.all(pair.servers.map(async (server) => (await server.call("GET", "/auth/me", { token })).status));

	let people = 0;
	beforeEach(async () => {
		const reply = await signup(pair.servers[0], `anna${people++}@box.local`, tokenIn(await pair.users("invite")));
		anna = {
			id: reply.textAt("user.id"),
			email: reply.textAt("user.email"),
			token: reply.textAt("token"),
			refreshToken: reply.textAt("refreshToken"),
		};
	});

	test("20 guests with one invitation, at both servers: one gets in", async () => {
		const invite = tokenIn(await pair.users("invite"));
		const replies = await Promise.all(
			Array.from({ length: 20 }, (_, number) => signup(pair.servers[number % 2] ?? pair.servers[0], `guest${number}@box.local`, invite)),
		);
		expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
		for (const reply of replies) if (reply.status !== 200) expect(reply.at("code")).toBe("invalid_invitation");
		expect((await pair.users("invitations")).stderr).toContain("no invitation");
	});

	test("disabling, enabling, signing out and a new password count at both at once", async () => {
		expect(await statusesWith(anna.token)).toEqual([200, 200]);
		expect((await pair.users("disable", anna.email, "--yes")).status).toBe(0);
		expect(await statusesWith(anna.token)).toEqual([401, 401]);
		expect((await pair.users("enable", anna.email)).status).toBe(0);
		const again = await pair.servers[1].login(anna.email);
		expect(await statusesWith(again.token)).toEqual([200, 200]);
		expect((await pair.users("logout", anna.email, "--yes")).status).toBe(0);
		expect(await statusesWith(again.token)).toEqual([401, 401]);
		const { stdout } = await pair.users("reset-password", anna.email, "--generate-password");
		expect((await pair.servers[0].login(anna.email, stdout.trim())).id).toBe(anna.id);
	});

	test("the last administrator stays", async () => {
		for (const command of ["disable", "demote", "delete"]) {
			expect((await pair.users(command, "admin@example.com", "--yes")).status).toBe(6);
		}
	});

	test("deleting leaves no document that names the person, and the copy before it is whole", async () => {
		const { token } = anna;
		const [one, other] = pair.servers;
		for (const server of [one, other]) {
			const session = (await server.call("POST", "/chat/sessions", { token, body: { title: "mine" } })).textAt("id");
			await server.call("POST", `/sessions/${session}/messages`, { token, body: { role: "user", content: "remember me" } });
		}
		await other.call("POST", "/auth/keys", { token, body: { name: "backup" } });
		await pair.users("reset-password", anna.email);
		const _id = new ObjectId(anna.id);
		const traces = () =>
			Promise.all([
				pair.count("users", { _id }),
				pair.count("users_logins", { user_id: _id }),
				pair.count("users_reset_tokens", { _id }),
				pair.count("users_api_keys", { user_id: _id }),
				pair.count("sessions", { user_id: _id }),
				pair.count("messages", { user_id: _id }),
			]);
		expect(await traces()).toEqual([1, 1, 1, 1, 2, 2]);
		const file = join(scratch(), "anna.json");
		expect((await pair.users("delete", anna.email, "--export", file, "--yes")).status).toBe(0);
		expect(await traces()).toEqual([0, 0, 0, 0, 0, 0]);
		const copy: { keys: unknown[]; sessions: { messages: { content: string }[] }[] } = JSON.parse(readFileSync(file, "utf8"));
		expect(copy.keys).toHaveLength(1);
		expect(copy.sessions.map(({ messages }) => messages.map(({ content }) => content))).toEqual([["remember me"], ["remember me"]]);
		expect(await statusesWith(token)).toEqual([401, 401]);
		expect((await pair.users("show", anna.email)).status).toBe(4);
	});
});
