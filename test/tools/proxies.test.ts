// What the README says of reverse proxies, tried with real ones: each token passes at once, heartbeats pass, people are told apart, and
// a client that leaves is noticed.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readFrames } from "../journey/curl.ts";
import { binary, environmentOf, scratch } from "../support/binary.ts";
import { type Child, startChild } from "../support/child.ts";
import { PROXY_NAMES, type ProxyName, startProxy } from "../support/proxies.ts";

const TOKENS = 20;
/** HAProxy's and Nagle's delays are 40 to 200 ms for each token; an idle machine needs 2 ms. */
const PATIENCE_PER_TOKEN_MS = 100;
const HEARTBEAT_MS = 2000;
/** Less than the two heartbeats after which any proxy sees that it writes to nobody. HAProxy sees it only then. */
const LEAVING_MS: Readonly<Record<ProxyName, number>> = { nginx: 1500, caddy: 1500, haproxy: 30_000 };
/** Somebody who is not on the proxy's own address: all of 127.0.0.0/8 is this machine on Linux. */
const CLIENT = "127.0.0.2";

/** A model that writes its next token when it is told to. */
const model = startModel();
let server: Child;
let address: string;

beforeAll(async () => {
	server = await startChild({
		command: [await binary(), "serve", "--port", "0", "--data-dir", join(scratch(), "data")],
		environment: environmentOf({
			env: {
				UPSTREAMS: `openai+${model.url}/v1`,
				TRUSTED_PROXIES: "127.0.0.1",
				HEARTBEAT_INTERVAL: `${HEARTBEAT_MS}ms`,
				RATE_LIMIT_SIGNUP: "off",
			},
		}),
		isReady: ({ output }) => output().includes("Models of"),
	});
	address = /listens on http:\/\/(\S+)/.exec(server.output())?.[1] ?? "";
}, 120_000);

afterAll(async () => {
	await server.stop();
	await model.stop();
}, 60_000);

for (const name of PROXY_NAMES) {
	describe(`${name}, configured as in the README`, () => {
		let proxy: Awaited<ReturnType<typeof startProxy>>;
		let ask: Awaited<ReturnType<typeof signUp>>;
		beforeAll(async () => {
			proxy = await startProxy(name, address);
			ask = await signUp(proxy.url, name);
		}, 120_000);
		afterAll(() => proxy.stop(), 60_000);

		test("passes every token on before the next one is there, and heartbeats while it is quiet", async () => {
			const stream = await ask({});
			await stream.shows('"type":"start"');
			const answer = await model.nextAnswer();
			const start = performance.now();
			for (let index = 0; index < TOKENS; index++) {
				answer.write(`word${index} `);
				await stream.shows(`word${index} `);
			}
			const perToken = (performance.now() - start) / TOKENS;
			await stream.shows('"type":"ping"');
			await stream.shows('"type":"ping"');
			answer.end();
			const events = readFrames(await stream.rest());
			expect(events.filter(({ type }) => type === "token")).toHaveLength(TOKENS);
			expect(events.at(-1)).toMatchObject({ type: "end", finishReason: "stop" });
			expect(perToken).toBeLessThan(PATIENCE_PER_TOKEN_MS);
		}, 60_000);

		test("tells the server who asks, and nobody can say that he is somebody else", () => {
			const lines = server.output().split("\n");
			const addresses = lines.filter((line) => line.includes("/api/v1/auth/signup")).map((line) => JSON.parse(line).address);
			expect(addresses.at(-1)).toBe(CLIENT);
		});

		test("tells the server that a client has left, so that what it asked for is stopped", async () => {
			const stream = await ask({ onDisconnect: "stop" });
			await stream.shows('"type":"start"');
			const answer = await model.nextAnswer();
			answer.write("first ");
			await stream.shows("first ");
			const start = performance.now();
			stream.leave();
			await answer.abandoned;
			expect(performance.now() - start).toBeLessThan(LEAVING_MS[name]);
		}, 60_000);
	});
}

/** A new person, and a way for that person to ask; through the proxy, with a forged address. */
async function signUp(url: string, name: string) {
	const forged = ["-H", "x-forwarded-for: 203.0.113.7"];
	const signup = await curl(`${url}/api/v1/auth/signup`, forged, { email: `${name}@example.org`, password: "a-Tall-ladder-77" }).rest();
	const authorization = ["-H", `authorization: Bearer ${JSON.parse(signup).token}`];
	return async (body: object) => {
		const session = JSON.parse(await curl(`${url}/api/v1/chat/sessions`, authorization, {}).rest());
		return curl(`${url}/api/v1/chat/stream`, authorization, { sessionId: session.id, prompt: "Go on", ...body });
	};
}

/** curl from the client's address, its output as it comes. */
function curl(url: string, options: readonly string[], body: object) {
	const command = ["curl", "-sN", "--max-time", "50", "--interface", CLIENT, "-H", "content-type: application/json"];
	const child = Bun.spawn([...command, ...options, "-d", JSON.stringify(body), url], { stdin: "ignore", stderr: "inherit" });
	const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
	let text = "";
	let seen = 0;
	const readMore = async (): Promise<boolean> => {
		const { value, done } = await reader.read();
		text += value ?? "";
		return !done;
	};
	return {
		/** Resolves when this has come behind what was waited for before. */
		shows: async (wanted: string): Promise<void> => {
			while (text.indexOf(wanted, seen) < 0) {
				if (!(await readMore())) throw new Error(`it ended before ${wanted} came:\n${text}`);
			}
			seen = text.indexOf(wanted, seen) + wanted.length;
		},
		/** All of it, when it has ended. */
		rest: async (): Promise<string> => {
			while (await readMore());
			return text;
		},
		leave: () => child.kill("SIGKILL"),
	};
}

type Answer = {
	readonly write: (content: string) => void;
	readonly end: () => void;
	/** Resolves when it is no longer wanted. */
	readonly abandoned: Promise<void>;
};

function startModel() {
	const begun: Answer[] = [];
	let wake = () => {};
	const listener = Bun.serve({
		hostname: "127.0.0.1",
		port: 0,
		idleTimeout: 0,
		fetch: (request) => {
			if (request.method === "GET") return Response.json({ object: "list", data: [{ id: "scripted", object: "model" }] });
			const abandoned = Promise.withResolvers<void>();
			const body = new ReadableStream<Uint8Array>({
				start: (controller) => {
					const send = (data: string) => controller.enqueue(new TextEncoder().encode(`data: ${data}\n\n`));
					const sendChunk = (delta: object, finish: string | null) =>
						send(JSON.stringify({ model: "scripted", choices: [{ index: 0, delta, finish_reason: finish }] }));
					sendChunk({ role: "assistant" }, null);
					begun.push({
						write: (content) => sendChunk({ content }, null),
						end: () => {
							sendChunk({}, "stop");
							send("[DONE]");
							controller.close();
						},
						abandoned: abandoned.promise,
					});
					wake();
				},
				cancel: () => abandoned.resolve(),
			});
			return new Response(body, { headers: { "content-type": "text/event-stream" } });
		},
	});
	return {
		url: `http://127.0.0.1:${listener.port}`,
		/** The next answer that it is asked for, or has been. */
		nextAnswer: async (): Promise<Answer> => {
			for (;;) {
				const answer = begun.shift();
				if (answer !== undefined) return answer;
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
		},
		stop: () => listener.stop(true),
	};
}
