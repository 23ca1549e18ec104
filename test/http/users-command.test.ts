// `pocketllm users` beside a running server on the same database: what it changes counts there at once.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type Ended, run } from "../support/binary.ts";
import { startModelServer } from "../support/model-server.ts";
import { eventually, type Person, startServer, type TestServer } from "../support/server.ts";
import { commandSettings, messagesStored, storageSettings } from "../support/storage.ts";

const PASSWORD = "a-Tall-ladder-77";
const model = startModelServer();

describe("beside a running server", () => {
	let server: TestServer;
	let users: (...args: readonly string[]) => Promise<Ended>;
	let person: Person;
	beforeAll(async () => {
		server = await startServer({ settings: { UPSTREAMS: `openai+${model.baseUrl}` } });
		users = (...args) => run(["users", ...args], { env: commandSettings(server.dataDir), stdin: "" });
	}, 60_000);
	afterAll(async () => {
		await server.stop();
		model.stop();
	}, 30_000);
	beforeEach(async () => {
		person = await server.signup();
	}, 30_000);
	const post = (path: string, body: object) =>
		fetch(`${server.address}/api/v1${path}`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify(body),
		});
	const login = async (password: string) => (await post("/auth/login", { email: person.email, password })).status;

	test("somebody who is disabled is refused at once, and running answers end within five seconds", async () => {
		const stream = await person.stream({ sessionId: await person.createSession(), prompt: "[endless] [every 20]" });
		await stream.until("token");
		expect((await users("disable", person.email, "--yes")).status).toBe(0);
		const at = performance.now();
		expect((await person.call("GET", "/auth/me")).status).toBe(401);
		expect(await login(person.password)).toBe(403);
		await stream.over();
		expect(performance.now() - at).toBeLessThan(5000);
		expect((await users("enable", person.email)).status).toBe(0);
		expect([await login(person.password), (await person.call("GET", "/auth/me")).status]).toEqual([200, 401]);
	}, 30_000);

	test("somebody who is deleted is gone at once, with running answers and everything else", async () => {
		const sessionId = await person.createSession();
		const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		await stream.until("token");
		expect((await users("delete", person.email, "--yes")).stderr).toContain("with 1 session");
		expect((await person.call("GET", "/auth/me")).status).toBe(401);
		expect(await login(person.password)).toBe(401);
		await stream.over();
		await eventually("nothing is left", async () => (await messagesStored(server.dataDir, sessionId)).length === 0);
	}, 30_000);

	test("an invitation, a reset link and a generated password work on the server at once", async () => {
		const tokenIn = ({ stdout }: Ended) => stdout.trim().split("#")[1] ?? "";
		const invited = await users("invite");
		// Also with a port that no setting names: the server's own address is known where it holds the data folder.
		if (storageSettings(server.dataDir).MONGODB_URI === undefined) expect(invited.stdout).toStartWith(`${server.address}/invite#`);
		const invitation = tokenIn(invited);
		const guest = { email: `guest-of-${person.id}@example.org`, password: PASSWORD, invite: invitation };
		expect((await post("/auth/signup", guest)).status).toBe(200);
		expect((await post("/auth/signup", { ...guest, email: "late@example.org" })).status).toBe(403);

		const token = tokenIn(await users("reset-password", person.email));
		expect((await person.call("GET", "/auth/me")).status).toBe(200);
		expect((await post("/auth/password-reset/confirm", { token, newPassword: "a-New-ladder-88" })).status).toBe(204);
		expect((await person.call("GET", "/auth/me")).status).toBe(401);
		expect(await login("a-New-ladder-88")).toBe(200);

		const { stdout } = await users("reset-password", person.email, "--generate-password");
		expect(stdout).toMatch(/^[\w-]{24}\n$/);
		expect([await login("a-New-ladder-88"), await login(stdout.trim())]).toEqual([401, 200]);
	}, 30_000);

	test("where somebody is signed in is shown, and ended", async () => {
		const again = await person.signInAgain();
		const [newest, ...others] = JSON.parse((await users("logins", person.email, "--json")).stdout);
		expect(others).toHaveLength(1);
		expect(newest).toMatchObject({ name: "Bun", address: "127.0.0.1" });
		expect((await users("logins", person.email)).stdout).toMatch(/^ID +DEVICE +ADDRESS +LAST USED\n/);
		expect((await users("logout", person.email, "--login", newest.id)).status).toBe(0);
		expect((await users("logout", person.email, "--login", newest.id)).status).toBe(4);
		expect([(await again.call("GET", "/auth/me")).status, (await person.call("GET", "/auth/me")).status].sort()).toEqual([200, 401]);
		expect((await users("logout", person.email, "--yes")).status).toBe(0);
		expect((await person.call("GET", "/auth/me")).status).toBe(401);
	}, 30_000);

	test("while people write, 40 commands and their writes get through", async () => {
		const sessionId = await person.createSession();
		let isOver = false;
		const writing = (async () => {
			let count = 0;
			while (!isOver) {
				const reply = await person.call("POST", `/sessions/${sessionId}/messages`, { role: "user", content: "x".repeat(2000) });
				expect(reply.status).toBe(201);
				count += 1;
			}
			return count;
		})();
		for (let round = 0; round < 5; round += 1) {
			const ended = await Promise.all(Array.from({ length: 8 }, () => users("invite")));
			expect(ended.map(({ status }) => status)).toEqual(ended.map(() => 0));
		}
		isOver = true;
		expect(await writing).toBeGreaterThan(20);
		expect(JSON.parse((await users("invitations", "--json")).stdout)).toHaveLength(40);
	}, 60_000);
});
