// `serve` as a process: the ready line, signals, and what is in its way.

import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { join } from "node:path";
import { binary, environmentOf, run, scratch } from "../support/binary.ts";
import { startChild } from "../support/child.ts";

async function start(args: readonly string[] = []) {
	const env = environmentOf({ env: { POCKETLLM_DATA_DIR: join(scratch(), "data"), UPSTREAMS: "ollama+http://127.0.0.1:9" } });
	return startChild({
		command: [await binary(), "serve", "--port", "0", ...args],
		cwd: scratch(),
		environment: env,
		isReady: async ({ output }) => {
			const address = /http:\/\/127\.0\.0\.1:\d+/.exec(output())?.[0];
			return address !== undefined && (await fetch(address)).ok;
		},
	});
}

describe("a signal ends the server with status 0", () => {
	for (const signal of ["SIGTERM", "SIGINT"] as const) {
		test(signal, async () => {
			const server = await start();
			process.kill(server.pid, signal);
			expect(await server.exited).toBe(0);
		}, 60_000);
	}
});

test("a port that is taken is named, with the remedy: status 5", async () => {
	const other = createServer();
	await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
	try {
		const address = other.address();
		const port = typeof address === "object" && address !== null ? address.port : 0;
		const { status, stdout, stderr } = await run(["serve", "--port", String(port), "--data-dir", join(scratch(), "data")]);
		expect(stderr.trimEnd().split("\n").at(-1)).toMatch(new RegExp(`^pocketllm: .*${port}.*--port`));
		expect(stderr).not.toMatch(/EADDRINUSE|\bat .*:\d+/);
		expect(stdout).toBe("");
		expect(status).toBe(5);
	} finally {
		other.close();
	}
});
