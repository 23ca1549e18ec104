// `pocketllm health`, which a container's health check calls: right about a server that lives, one that does not, and one that hangs.

import { beforeAll, expect, test } from "bun:test";
import { localAddress } from "../../src/health/ask.ts";
import { binary, run } from "../support/binary.ts";
import { findFreePort } from "../support/child.ts";
import { startServer } from "../support/server.ts";

beforeAll(() => binary(), 120_000);

test("is 0 while the server of these settings lives, and 7 with its address when it does not", async () => {
	const server = await startServer();
	const { port } = new URL(server.address);
	const alive = await run(["health"], { env: { PORT: port, HOST: "0.0.0.0" } });
	expect([alive.status, alive.stdout, alive.stderr]).toEqual([0, `The server at http://127.0.0.1:${port} lives.\n`, ""]);
	expect(JSON.parse((await run(["health", "--port", port, "--json"])).stdout)).toEqual({
		status: "ok",
		address: `http://127.0.0.1:${port}`,
	});
	await server.stop();
	const dead = await run(["health"], { env: { PORT: port } });
	expect([dead.status, dead.stdout]).toEqual([7, ""]);
	expect(dead.stderr).toMatch(new RegExp(`127\\.0\\.0\\.1:${port} cannot be reached.*PORT`));
});

test("is 7 within seconds when something takes the connection and says nothing, or is no pocketllm", async () => {
	const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
	const begun = performance.now();
	const hanging = await run(["health", "--port", String(silent.port)]);
	expect([hanging.status, hanging.stderr]).toEqual([7, expect.stringContaining("does not answer within 3 s")]);
	expect(performance.now() - begun).toBeLessThan(8000);
	silent.stop(true);
	const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("no", { status: 404 }) });
	expect((await run(["health", "--port", String(other.port)])).stderr).toContain("answers with 404");
	await other.stop(true);
}, 20_000);

test("asks on this machine also when the server listens on every network, and refuses a port that nobody knows", async () => {
	expect(["0.0.0.0", "::", "[::]", "127.0.0.1", "::1", "box.local"].map((host) => localAddress(host, 1))).toEqual([
		"http://127.0.0.1:1",
		"http://[::1]:1",
		"http://[::1]:1",
		"http://127.0.0.1:1",
		"http://[::1]:1",
		"http://box.local:1",
	]);
	const unknown = await run(["health", "--port", "0"]);
	expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining("--port")]);
	expect(await findFreePort()).toBeGreaterThan(0);
});
