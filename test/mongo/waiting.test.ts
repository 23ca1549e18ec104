// A MongoDB server that is away when the compiled program starts is waited for, and then given up in one sentence.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { binary, environmentOf, run, scratch } from "../support/binary.ts";
import { findFreePort, startChild } from "../support/child.ts";
import { startMongo } from "../support/mongo.ts";
import { KEY } from "../support/mongo-settings.ts";
import { startServer } from "../support/server.ts";

setDefaultTimeout(60_000);

const PASSWORD = "Ev1l-secret";

test("a server that is away: a command says so within seconds, serve waits 30 s; both with status 7 and without the password", async () => {
	const port = await findFreePort();
	const env = { MONGODB_URI: `mongodb://person:${PASSWORD}@127.0.0.1:${port}/x`, JWT_SECRET: KEY };
	const sentence = new RegExp(`^pocketllm: MongoDB at 127\\.0\\.0\\.1:${port} cannot be reached\\. .*$`, "m");
	const start = performance.now();
	const timed = async (args: readonly string[]) => ({
		...(await run(args, { env, timeoutMs: 50_000 })),
		seconds: (performance.now() - start) / 1000,
	});
	const [command, server] = await Promise.all([timed(["migrate", "--status", "--verbose"]), timed(["serve", "--port", "0", "--verbose"])]);
	for (const { status, stderr } of [command, server]) {
		expect(status).toBe(7);
		expect(stderr).toMatch(sentence);
		expect(stderr).not.toContain(PASSWORD);
	}
	expect(server.stderr).toStartWith(`Waiting for MongoDB at 127.0.0.1:${port}, for up to 30 s.\n`);
	expect(command.seconds).toBeLessThan(15);
	expect(server.seconds).toBeGreaterThan(29);
	expect(server.seconds).toBeLessThan(45);
});

test("a server that comes while serve waits is taken; a signal ends the waiting at once with status 0", async () => {
	const port = await findFreePort();
	const env = { MONGODB_URI: `mongodb://127.0.0.1:${port}/late`, JWT_SECRET: KEY };
	const waiting = await startChild({
		command: [await binary(), "serve", "--port", "0"],
		cwd: scratch(),
		environment: environmentOf({ env }),
		isReady: ({ output }) => output().includes("Waiting for MongoDB"),
	});
	const start = performance.now();
	process.kill(waiting.pid, "SIGTERM");
	expect(await waiting.exited).toBe(0);
	expect(performance.now() - start).toBeLessThan(2000);

	const starting = startServer({ settings: env });
	const late = await startMongo({ port, dataFile: join(scratch(), "data") });
	if (late.pid === 0) {
		// Another server's address was given, and it is there already.
		await starting.catch(() => undefined);
		return;
	}
	const server = await starting;
	await server.signup();
	await server.stop();
	await late.stop();
});
