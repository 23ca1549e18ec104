// Personal keys and the audit trail in MongoDB, with two servers on one database and commands beside them.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { run } from "../support/binary.ts";
import { startModelServer } from "../support/model-server.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { dropDatabases, mongoSettings } from "../support/mongo-settings.ts";
import { eventually } from "../support/server.ts";

setDefaultTimeout(60_000);

let mongo: Mongo;
beforeAll(async () => {
	mongo = await startMongo();
}, 300_000);
afterAll(async () => {
	await dropDatabases(mongo);
	await mongo.stop();
});

test("a key of one server is good at the other; revoked in a shell, both refuse it at once, and its stream ends within 5 s", async () => {
	const model = startModelServer();
	const header = { HEADER_LOGIN_NAME: "Remote-Email", HEADER_LOGIN_PROXIES: "127.0.0.1", HEADER_LOGIN_SIGNUP: "yes" };
	const settings = {
		...mongoSettings(mongo),
		...QUICK_HASHES,
		...header,
		UPSTREAMS: `openai+${model.baseUrl}`,
		TRUSTED_PROXIES: "127.0.0.1",
	};
	const [one, other] = await Promise.all([startGateway({ settings }), startGateway({ settings })]);
	try {
		const anna = await one.call("POST", "/auth/header", { headers: { "remote-email": "anna@box.local" } });
		expect(anna.status).toBe(200);
		const made = await one.call("POST", "/auth/keys", { token: anna.textAt("token"), body: { name: "script" } });
		const key = made.textAt("key");
		const sessionId = (await other.call("POST", "/chat/sessions", { token: key, body: {} })).textAt("id");
		const stream = other.call("POST", "/chat/stream", { token: key, body: { sessionId, prompt: "[endless] [every 20]" } });
		await eventually("the answer is being made", () => model.chats.length === 1);
		const revokedAt = performance.now();
		expect((await run(["keys", "revoke", "anna@box.local", made.textAt("prefix")], { env: settings })).status).toBe(0);
		for (const server of [one, other]) expect((await server.call("GET", "/auth/me", { token: key })).status).toBe(401);
		expect((await stream).text).toContain('"code":"signed_out"');
		expect(performance.now() - revokedAt).toBeLessThan(5500);

		const trail = async (): Promise<string[]> => {
			const { stdout } = await run(["audit", "--user", "anna@box.local", "--json"], { env: settings });
			const entries: { action: string; address: string | null }[] = JSON.parse(stdout);
			return entries.map(({ action, address }) => `${action} ${address}`);
		};
		expect((await trail()).sort()).toEqual(["header_login 127.0.0.1", "key_made 127.0.0.1", "key_revoked null", "signup 127.0.0.1"]);
	} finally {
		await Promise.all([one.stop(), other.stop(), model.stop()]);
	}
});

test("strangers who guess at an account do not keep its owner out where the owner is signed in", async () => {
	const settings = { ...mongoSettings(mongo), ...QUICK_HASHES, RATE_LIMIT_LOGIN: "3/minute", TRUSTED_PROXIES: "127.0.0.1" };
	const gateway = await startGateway({ settings });
	const login = (password: string, address: string) =>
		gateway.call("POST", "/auth/login", { body: { email: "anna@box.local", password }, headers: { "x-forwarded-for": address } });
	try {
		await gateway.signup("anna@box.local");
		expect((await login("a-Tall-ladder-77", "192.0.2.1")).status).toBe(200);
		for (let n = 0; n < 6; n += 1) await login("wrong-password", `198.51.100.${n}`);
		expect((await login("a-Tall-ladder-77", "203.0.113.9")).status).toBe(429);
		expect((await login("a-Tall-ladder-77", "192.0.2.1")).status).toBe(200);
	} finally {
		await gateway.stop();
	}
});
