// Limits as clients meet them: whom they count, what they say, and what they never touch.

import { afterEach, describe, expect, test } from "bun:test";
import { type Gateway, type Reply, startGateway } from "./gateway.ts";

const running: Gateway[] = [];
async function start(settings: Readonly<Record<string, string>>): Promise<Gateway> {
	const gateway = await startGateway({ settings });
	running.push(gateway);
	return gateway;
}
afterEach(async () => {
	await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
}, 30_000);

/** Calls until the first 429, at most `most` times; gives the number of answers before it. */
async function countUntilLimit(call: () => Promise<Reply>, most: number): Promise<{ before: number; last: Reply }> {
	for (let before = 0; ; before++) {
		const last = await call();
		if (last.status === 429 || before === most) return { before, last };
	}
}

function expectLimit(reply: Reply, name: string, count: number, seconds: number): void {
	expect(reply.status).toBe(429);
	expect(reply.at("code")).toBe("rate_limited");
	const wait = Number(reply.headers.get("retry-after"));
	expect(wait).toBeGreaterThanOrEqual(1);
	expect(wait).toBeLessThanOrEqual(seconds);
	expect(reply.headers.get("ratelimit-policy")).toBe(`"${name}";q=${count};w=${seconds}`);
	expect(reply.headers.get("ratelimit")).toMatch(new RegExp(`^"${name}";r=0;t=\\d+$`));
}

describe("the global limit", () => {
	test("counts an address, says what is left, and ends with 429", async () => {
		const gateway = await start({ RATE_LIMIT_GLOBAL: "5/minute" });
		for (let left = 4; left >= 0; left--) {
			const reply = await gateway.call("GET", "/nope");
			expect(reply.status).toBe(404);
			expect(reply.headers.get("ratelimit-policy")).toBe('"global";q=5;w=60');
			expect(reply.headers.get("ratelimit")).toMatch(new RegExp(`^"global";r=${left};t=([1-9]|[1-5]\\d|60)$`));
		}
		expectLimit(await gateway.call("GET", "/nope"), "global", 5, 60);
	}, 60_000);

	test("counts each account apart, wherever it calls from, and apart from its address", async () => {
		const gateway = await start({ RATE_LIMIT_GLOBAL: "6/minute" });
		const anna = await gateway.signup("anna@box.local");
		const bert = await gateway.signup("bert@box.local");
		const me = (token?: string) => () => gateway.call("GET", "/auth/me", { token });
		expect((await countUntilLimit(me(anna.token), 20)).before).toBe(6);
		expect((await countUntilLimit(me(bert.token), 20)).before).toBe(6);
		// Two were spent on signing up.
		expect((await countUntilLimit(me(), 20)).before).toBe(4);
		// A token that is none counts for its address.
		expect((await me("garbage")()).status).toBe(429);
		expect((await me(anna.token)()).status).toBe(429);
	}, 60_000);

	test("several limits hold together; the one that is reached speaks", async () => {
		const gateway = await start({ RATE_LIMIT_GLOBAL: "3 per second; 100/minute" });
		const { last } = await countUntilLimit(() => gateway.call("GET", "/nope"), 50);
		expectLimit(last, "global", 3, 1);
		await Bun.sleep(1100);
		expect((await gateway.call("GET", "/nope")).status).toBe(404);
	}, 60_000);

	test("never touches health", async () => {
		const gateway = await start({ RATE_LIMIT_GLOBAL: "2/minute" });
		await countUntilLimit(() => gateway.call("GET", "/nope"), 5);
		for (let i = 0; i < 20; i++) {
			for (const path of ["/", "/healthz", "/readyz"]) {
				const reply = await gateway.root("GET", path);
				expect([path, reply.status]).toEqual([path, 200]);
				expect(reply.headers.has("ratelimit")).toBe(false);
			}
		}
		expect((await gateway.call("GET", "/nope")).status).toBe(429);
	}, 60_000);

	test("off is off", async () => {
		const gateway = await start({ RATE_LIMIT_GLOBAL: "off" });
		expect((await countUntilLimit(() => gateway.call("GET", "/nope"), 150)).before).toBe(150);
	}, 60_000);
});

describe("signing in", () => {
	const login = (gateway: Gateway, email: string, forwarded?: string) => () =>
		gateway.call("POST", "/auth/login", {
			body: { email, password: "wrong" },
			headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded },
		});

	test("the eleventh try a minute from one address is 429, whichever account it names", async () => {
		const gateway = await start({ RATE_LIMIT_LOGIN: "10/minute" });
		let n = 0;
		const { before, last } = await countUntilLimit(() => login(gateway, `nobody${n++}@box.local`)(), 20);
		expect(before).toBe(10);
		expectLimit(last, "login", 10, 60);
	}, 60_000);

	test("the eleventh try a minute at one account is 429, from however many addresses, existing or not", async () => {
		const gateway = await start({ RATE_LIMIT_LOGIN: "10/minute", TRUSTED_PROXIES: "127.0.0.0/8" });
		await gateway.signup("anna@box.local");
		let n = 0;
		for (const email of ["anna@box.local", "nobody@box.local"]) {
			const { before, last } = await countUntilLimit(
				() => login(gateway, n % 2 === 0 ? email : email.toUpperCase(), `10.0.0.${n++}`)(),
				20,
			);
			expect([email, before]).toEqual([email, 10]);
			expectLimit(last, "login", 10, 60);
		}
		// Another account from there is free.
		expect((await login(gateway, "bert@box.local", "10.0.0.200")()).status).toBe(401);
	}, 60_000);

	test("a limit is asked before a password is hashed", async () => {
		const gateway = await start({ RATE_LIMIT_LOGIN: "1/minute" });
		await login(gateway, "a@box.local")();
		const start_ = performance.now();
		for (let i = 0; i < 20; i++) await login(gateway, "a@box.local")();
		expect(performance.now() - start_).toBeLessThan(1000);
	}, 60_000);

	test("wrong guesses of the own password count against the account", async () => {
		const gateway = await start({ RATE_LIMIT_LOGIN: "5/minute" });
		const anna = await gateway.signup("anna@box.local");
		const body = { currentPassword: "wrong", newPassword: "a-Tall-ladder-78" };
		const { before } = await countUntilLimit(() => gateway.call("POST", "/users/change-password", { token: anna.token, body }), 20);
		expect(before).toBe(5);
	}, 60_000);
});

test("signing up is limited by address: ten an hour unless told", async () => {
	const gateway = await start({ RATE_LIMIT_SIGNUP: "3/hour" });
	let n = 0;
	const { before, last } = await countUntilLimit(
		() => gateway.call("POST", "/auth/signup", { body: { email: `p${n++}@box.local`, password: "a-Tall-ladder-77" } }),
		10,
	);
	expect(before).toBe(3);
	expectLimit(last, "signup", 3, 3600);
}, 60_000);

test("prompts are limited by account", async () => {
	const gateway = await start({ RATE_LIMIT_CHAT: "2/minute" });
	const people = [await gateway.signup("anna@box.local"), await gateway.signup("bert@box.local")];
	for (const { token } of people) {
		const sessionId = (await gateway.call("POST", "/chat/sessions", { token, body: {} })).textAt("id");
		const { before, last } = await countUntilLimit(
			() => gateway.call("POST", "/chat/message", { token, body: { sessionId, prompt: "x" } }),
			10,
		);
		expect(before).toBe(2);
		expectLimit(last, "chat", 2, 60);
		expect((await gateway.call("GET", "/auth/me", { token })).status).toBe(200);
	}
}, 60_000);

describe("X-Forwarded-For", () => {
	const from = (gateway: Gateway, field: string) => () => gateway.call("GET", "/nope", { headers: { "x-forwarded-for": field } });

	test("means nothing from a peer that is not trusted, and the operator is told once", async () => {
		const gateway = await start({ RATE_LIMIT_GLOBAL: "4/minute" });
		let n = 0;
		const { before, last } = await countUntilLimit(() => from(gateway, `10.0.0.${n++}`)(), 20);
		expect(before).toBe(4);
		expect((await gateway.outputAfter(last)).split("TRUSTED_PROXIES").length).toBe(2);
	}, 60_000);

	test("counts from a trusted peer, read from the right, to the first hop that is not trusted", async () => {
		const gateway = await start({ RATE_LIMIT_GLOBAL: "4/minute", TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8, fd00::/8" });
		expect((await countUntilLimit(from(gateway, "192.0.2.1"), 20)).before).toBe(4);
		expect((await countUntilLimit(from(gateway, "192.0.2.2"), 20)).before).toBe(4);
		// What stands to the left was written by the caller.
		let n = 0;
		expect((await countUntilLimit(() => from(gateway, `198.51.100.${n++}, 192.0.2.3`)(), 20)).before).toBe(4);
		// Trusted hops in between are passed over, with ports and in either family.
		expect((await from(gateway, "192.0.2.3:5000, 10.1.2.3, fd00::7")()).status).toBe(429);
		expect((await from(gateway, "192.0.2.4, 10.1.2.3, [fd00::7]:80")()).status).toBe(404);
		// What is no address ends the reading at the hop that was known.
		expect((await countUntilLimit(from(gateway, "192.0.2.9, unknown"), 20)).before).toBe(4);
		expect((await from(gateway, "192.0.2.77, unknown")()).status).toBe(429);
	}, 60_000);
});
