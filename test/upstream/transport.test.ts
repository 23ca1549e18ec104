// The sockets under the adapters: certificates, deadlines, many streams at once, and what a stream keeps in memory.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Upstream } from "../../src/ports/upstream.ts";
import { createUpstreams, type ServerSetting } from "../../src/upstream/index.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { ask, collect, until } from "./collect.ts";

const pem = (name: string): string => readFileSync(new URL(`../fixtures/upstream/tls/${name}`, import.meta.url), "utf8");

function connect(baseUrl: string, more: Partial<ServerSetting> = {}): Upstream {
	const [upstream] = createUpstreams([{ kind: "openai", baseUrl, ...more }]);
	if (upstream === undefined) throw new Error("no upstream was made");
	return upstream;
}

describe("https", () => {
	const ca = pem("authority.pem");
	let trusted: ModelServer;
	let otherHost: ModelServer;
	beforeAll(() => {
		trusted = startModelServer({ tls: { cert: pem("localhost.pem"), key: pem("localhost.key") } });
		otherHost = startModelServer({ tls: { cert: pem("other-host.pem"), key: pem("other-host.key") } });
	});
	afterAll(() => {
		trusted.stop();
		otherHost.stop();
	});

	test("streams from a server whose certificate is trusted for its name or address", async () => {
		for (const host of ["localhost", "127.0.0.1"]) {
			const got = await collect(connect(`https://${host}:${trusted.port}/v1`, { ca, key: "sk-1" }));
			expect(got.text).toBe("Hello from the fake model.");
			expect(got.last).toMatchObject({ type: "finish" });
		}
		expect(await connect(`https://localhost:${trusted.port}/v1`, { ca }).inspect()).toMatchObject({ models: [{ id: "fake" }] });
	});

	test("tells an unknown authority neither prompt nor key", async () => {
		const before = trusted.requests.length;
		const got = await collect(connect(`https://localhost:${trusted.port}/v1`, { key: "sk-1" }));
		expect(got.last).toMatchObject({ type: "failure", failure: { code: "upstream_unreachable" } });
		expect(trusted.requests).toHaveLength(before);
	});

	test("tells a server with another host's certificate neither prompt nor key", async () => {
		for (const host of ["localhost", "127.0.0.1"]) {
			const got = await collect(connect(`https://${host}:${otherHost.port}/v1`, { ca, key: "sk-1" }));
			expect(got.last).toMatchObject({ type: "failure", failure: { code: "upstream_unreachable" } });
		}
		expect(otherHost.requests).toHaveLength(0);
	});

	test("a server without https is upstream_unreachable", async () => {
		const plain = startModelServer();
		const closing = Bun.listen({
			hostname: "127.0.0.1",
			port: 0,
			socket: { data: (socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n") },
		});
		for (const { port } of [closing, { port: plain.port }]) {
			const got = await collect(connect(`https://127.0.0.1:${port}/v1`, { ca }));
			expect(got.last).toMatchObject({ type: "failure", failure: { code: "upstream_unreachable" } });
		}
		plain.stop();
		closing.stop(true);
	});

	test("a stream that breaks is a reset here too", async () => {
		const got = await collect(connect(`https://localhost:${trusted.port}/v1`, { ca }), ask("[reset 2]"));
		expect(got.last).toMatchObject({ type: "failure", failure: { code: "upstream_reset" } });
	});

	test("a server that never shakes hands is upstream_unreachable after 2 s", async () => {
		const mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
		const got = await collect(connect(`https://127.0.0.1:${mute.port}/v1`, { ca }));
		mute.stop(true);
		expect(got.last).toMatchObject({ type: "failure", failure: { code: "upstream_unreachable" } });
		expect(got.milliseconds).toBeGreaterThan(1900);
		expect(got.milliseconds).toBeLessThan(4000);
	}, 10_000);
});

describe("a connection that is opened ahead", () => {
	/** A server that knows what is open, and is too busy for any request. */
	function startDoor() {
		const open = new Set<Bun.Socket>();
		let connections = 0;
		const door = Bun.listen({
			hostname: "127.0.0.1",
			port: 0,
			socket: {
				open(socket) {
					connections += 1;
					open.add(socket);
				},
				data(socket) {
					socket.end("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
				},
				close: (socket) => void open.delete(socket),
			},
		});
		return {
			url: `http://127.0.0.1:${door.port}/v1`,
			open,
			connections: () => connections,
			stop: () => door.stop(true),
		};
	}

	test("is the one that the prompt goes over, also when it is not there yet", async () => {
		const server = startModelServer();
		const upstream = connect(server.baseUrl);
		for (const wait of [50, 0]) {
			const before = server.connections;
			upstream.expect?.();
			if (wait > 0) await until(() => server.connections === before + 1, "it is there");
			const got = await collect(upstream, ask(`[tokens 3] ${wait}`));
			expect(got.text).toBe("t0 t1 t2 ");
			expect(server.connections).toBe(before + 1);
			expect(server.chats.at(-1)?.prompt).toContain(String(wait));
		}
		// The next has one of its own again.
		expect((await collect(upstream)).last?.type).toBe("finish");
		expect(server.connections).toBe(3);
		server.stop();
	});

	test("is secure where it should be, and carries nothing to a server that is not trusted", async () => {
		const server = startModelServer({ tls: { cert: pem("localhost.pem"), key: pem("localhost.key") } });
		const trusting = connect(`https://localhost:${server.port}/v1`, { ca: pem("authority.pem") });
		trusting.expect?.();
		await until(() => server.connections === 1, "it is there");
		expect((await collect(trusting)).text).toBe("Hello from the fake model.");
		expect(server.connections).toBe(1);
		const before = server.requests.length;
		const wary = connect(`https://localhost:${server.port}/v1`);
		wary.expect?.();
		await Bun.sleep(100);
		expect((await collect(wary)).last).toMatchObject({ type: "failure", failure: { code: "upstream_unreachable" } });
		expect(server.requests).toHaveLength(before);
		server.stop();
	});

	test("is closed after a second when no prompt comes, and has said nothing", async () => {
		const door = startDoor();
		connect(door.url).expect?.();
		await until(() => door.open.size === 1, "it is there");
		await until(() => door.open.size === 0, "it is closed");
		expect(door.connections()).toBe(1);
		door.stop();
	});

	test("is not used when the server has closed it, has spoken first, or was not there", async () => {
		const server = startModelServer();
		const ways: Readonly<Record<string, (socket: Bun.Socket) => void>> = {
			closed: (socket) => void socket.end(),
			reset: (socket) => void socket.terminate(),
			"spoken first": (socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
		};
		for (const [how, act] of Object.entries(ways)) {
			const door = startDoor();
			const upstream = connect(door.url);
			upstream.expect?.();
			await until(() => door.open.size === 1, "it is there");
			for (const socket of door.open) act(socket);
			await until(() => door.open.size === 0, `it is given up: ${how}`);
			await Bun.sleep(20);
			const got = await collect(upstream);
			expect([how, got.last]).toMatchObject([how, { type: "failure", failure: { code: "upstream_busy" } }]);
			expect([how, door.connections()]).toEqual([how, 2]);
			door.stop();
		}
		const { port } = server;
		server.stop();
		const gone = connect(`http://127.0.0.1:${port}/v1`);
		gone.expect?.();
		await Bun.sleep(50);
		const back = startModelServer({ port });
		expect((await collect(gone)).last?.type).toBe("finish");
		back.stop();
	});

	test("is one of 32 at most that wait for a server, however many turns are expected", async () => {
		const door = startDoor();
		const upstream = connect(door.url);
		for (let count = 0; count < 200; count += 1) upstream.expect?.();
		await until(() => door.open.size > 0, "some are there");
		await until(() => door.open.size === 0, "they are closed");
		expect(door.connections()).toBe(32);
		door.stop();
	});
});

test("400 streams run at once: there is no cap of 256", async () => {
	const server = startModelServer();
	const upstream = connect(server.baseUrl);
	let running = 0;
	const calls = await Promise.all(
		Array.from(
			{ length: 400 },
			() =>
				new Promise<{ cancel(): void }>((resolve) => {
					const call = upstream.stream(ask("[stall 1]"), () => {
						running++;
						resolve(call);
					});
				}),
		),
	);
	expect(running).toBe(400);
	expect(server.chats.filter((chat) => chat.closedAt === undefined)).toHaveLength(400);
	for (const call of calls) call.cancel();
	server.stop();
}, 20_000);

test("a long answer keeps none of its read buffers alive", async () => {
	const server = startModelServer();
	let tokens = 0;
	// 60,000 tokens in frames of 130 bytes are 8 MB: a tenth of that is more than the texts need.
	Bun.gc(true);
	const before = process.memoryUsage();
	const texts: string[] = [];
	await new Promise<void>((resolve) => {
		connect(server.baseUrl).stream(ask("[tokens 60000]"), (part) => {
			if (part.type === "text") {
				tokens++;
				texts.push(part.text);
			} else resolve();
		});
	});
	server.stop();
	Bun.gc(true);
	const after = process.memoryUsage();
	expect(tokens).toBe(60_000);
	expect(texts.join("")).toEndWith("t59999 ");
	expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1_000_000);
}, 20_000);
