// Model servers that give no answer at all: nobody there, silence, refusals, redirects. Part of the table "Upstream faults".

import { expect } from "bun:test";
import { openWorld, useWorld } from "../chat/world.ts";
import { response } from "../support/model-answers.ts";
import { startModelServer } from "../support/model-server.ts";
import { countOf, expectAnswer, expectClosed, expectFailure, provoke, statusOfMessage, time } from "./provoke.ts";
import type { Trial } from "./table.ts";

const KEY = "sk-topsecret-4711";
const RAW = "RAW-UPSTREAM-WORDS";
const FIRST_TOKEN_MS = 2500;
const HEARTBEAT_MS = 250;
const HOUR_S = 3600;

const world = useWorld({
	settings: {
		FIRST_TOKEN_TIMEOUT: `${FIRST_TOKEN_MS}ms`,
		HEARTBEAT_INTERVAL: `${HEARTBEAT_MS}ms`,
		LOG_LEVEL: "debug",
	},
	model: { key: KEY },
});

const refused: readonly Trial[] = [
	{
		injected: "nobody listens on the model server's port",
		run: async () => {
			const gone = startModelServer();
			gone.stop();
			await using away = await openWorld({
				settings: {
					UPSTREAMS: `openai+http://127.0.0.1:${gone.port}/v1?model=fake`,
				},
			});
			const seen = await provoke(away, {});
			expectFailure(seen, "upstream_unreachable");
			expect(seen.tookMs).toBeLessThan(2000);
			return `upstream_unreachable after ${time(seen.tookMs)}; prompt kept, answer \`${seen.answer.status}\``;
		},
	},
];

const silent: readonly Trial[] = [
	{
		injected: "takes the connection and the prompt, sends not a byte",
		run: async () => {
			const seen = await provoke(world, { prompt: "[silent]" });
			expectFailure(seen, "upstream_timeout");
			expect(seen.tookMs).toBeGreaterThan(FIRST_TOKEN_MS - 200);
			const pings = countOf(seen.stream, "ping");
			// One for each interval, less what the tick of 100 ms and a busy machine take.
			expect(pings).toBeGreaterThanOrEqual(FIRST_TOKEN_MS / HEARTBEAT_MS / 3);
			expect(seen.stream.headerAfterMs()).toBeLessThan(1000);
			await expectClosed(seen.requests);
			return `header after ${time(seen.stream.headerAfterMs())}, ${pings} pings, upstream_timeout after ${time(seen.tookMs)} (deadline set to ${time(FIRST_TOKEN_MS)}), its connection closed`;
		},
	},
	{
		injected: "sends its header, then nothing",
		run: async () => {
			const script = [{ send: "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" }, { end: "hang" as const }];
			const seen = await provoke(world, { script });
			expectFailure(seen, "upstream_timeout");
			expect(countOf(seen.stream, "ping")).toBeGreaterThan(2);
			return `${countOf(seen.stream, "ping")} pings, upstream_timeout after ${time(seen.tookMs)}`;
		},
	},
];

const otherWords: readonly Trial[] = [
	{
		injected: "500 with 100 KB of its own words, its address and the key",
		run: async () => {
			const body = JSON.stringify({
				error: {
					message: `${RAW} http://10.0.0.9:8080 ${KEY} ${"words ".repeat(20_000)}`,
				},
			});
			const script = response(500, "application/json", body);
			const before = world.server.output().length;
			const seen = await provoke(world, { script });
			expectFailure(seen, "upstream_error");
			const reply = await statusOfMessage(world, { script });
			expect([reply.status, reply.body.code]).toEqual([502, "upstream_error"]);
			for (const said of [seen.stream.raw(), reply.text, JSON.stringify(seen.answer)]) {
				for (const secret of [RAW, KEY, "10.0.0.9", String(world.model.port)]) expect(said).not.toContain(secret);
			}
			const log = world.server.output().slice(before);
			const evidence = [...log.matchAll(/"evidence":("(?:[^"\\]|\\.)*")/g)].map((match): string => JSON.parse(match[1] ?? '""'));
			expect(evidence.length).toBe(2);
			const kept = Math.max(...evidence.map((text) => Buffer.byteLength(text)));
			expect(kept).toBeLessThanOrEqual(4096);
			expect(evidence[0]).toContain(RAW);
			expect(log).not.toContain(KEY);
			return `upstream_error and 502 with our words; ${kept} of ${body.length} bytes in the debug log, without the key`;
		},
	},
	...[
		{
			what: "an HTML page with 200",
			script: response(200, "text/html", `<title>${RAW}</title>`),
			code: "upstream_protocol" as const,
		},
		{
			what: "an HTML page with 502",
			script: response(502, "text/html", `<title>${RAW}</title>`),
			code: "upstream_error" as const,
		},
		{
			what: "200 with an image",
			script: response(200, "image/png", RAW),
			code: "upstream_protocol" as const,
		},
	].map(({ what, script, code }) => ({
		injected: what,
		run: async () => {
			const seen = await provoke(world, { script });
			expectFailure(seen, code);
			const reply = await statusOfMessage(world, { script });
			expect([reply.status, reply.body.code]).toEqual([502, code]);
			expect(seen.stream.raw() + reply.text).not.toContain(RAW);
			return `${code}, 502 on /chat/message, our words only`;
		},
	})),
	{
		injected: "a whole JSON completion in place of a stream",
		run: async () => {
			const seen = await provoke(world, { prompt: "[json]" });
			expectAnswer(seen, "Hello from the fake model.");
			expect(countOf(seen.stream, "token")).toBe(1);
			return "one token with the whole text, then `end`";
		},
	},
];

const unauthorized: readonly Trial[] = [401, 403].map((status) => ({
	injected: `answers ${status} to our key`,
	run: async () => {
		const script = response(status, "application/json", JSON.stringify({ error: { message: `${RAW} ${KEY}` } }));
		const before = world.server.output().length;
		const seen = await provoke(world, { script });
		expectFailure(seen, "upstream_auth");
		const reply = await statusOfMessage(world, { script });
		expect([reply.status, reply.body.code, reply.headers.get("www-authenticate")]).toEqual([502, "upstream_auth", null]);
		const log = world.server.output().slice(before);
		expect(log).toMatch(/"level":"warn".*"code":"upstream_auth"/);
		expect(log).not.toContain(KEY);
		expect((await seen.person.call("GET", "/auth/me")).status).toBe(200);
		return "upstream_auth, 502, a warning in the log; the person stays signed in";
	},
}));

const busy: readonly Trial[] = [
	...[429, 503].map((status) => ({
		injected: `answers ${status} with Retry-After 7, and with a day`,
		run: async () => {
			const passed: (string | null)[] = [];
			for (const said of ["7", "86400"]) {
				const script = response(status, "application/json", RAW, [`retry-after: ${said}`]);
				const reply = await statusOfMessage(world, { script });
				expect([reply.status, reply.body.code]).toEqual([503, "upstream_busy"]);
				passed.push(reply.headers.get("retry-after"));
			}
			expect(passed).toEqual(["7", String(HOUR_S)]);
			return `503 upstream_busy, Retry-After ${passed.join(" and ")}`;
		},
	})),
	{
		injected: "one of two that serve the model is busy; later it breaks after its first token",
		run: async () => {
			const [first, second] = [startModelServer(), startModelServer({ tokens: ["from ", "the ", "second"] })];
			try {
				await using two = await openWorld({
					settings: {
						UPSTREAMS: `openai+${first.baseUrl},openai+${second.baseUrl}`,
					},
				});
				first.answerWith(({ method }) => (method === "POST" ? response(503, "text/plain", RAW) : undefined));
				expectAnswer(await provoke(two, {}), "from the second");
				first.answerWith(undefined);
				// Longer than the first pause of a model server that failed.
				await Bun.sleep(1200);
				expectFailure(await provoke(two, { prompt: "[tokens 9] [reset 3]" }), "upstream_reset", "t0 t1 t2 ");
				expect([first.chats.length + second.chats.length]).toEqual([3]);
				return "before the first token the other one answers; after it upstream_reset with the part, and no second try";
			} finally {
				first.stop();
				second.stop();
			}
		},
	},
];

const redirects: readonly Trial[] = [301, 302, 303, 307, 308].map((status) => ({
	injected: `answers ${status} with the address of another server`,
	run: async () => {
		const trap = startModelServer();
		try {
			const script = response(status, "text/plain", "", [`location: ${trap.baseUrl}/chat/completions`]);
			const seen = await provoke(world, {
				prompt: "words for nobody else",
				script,
			});
			expectFailure(seen, "upstream_protocol");
			expect(trap.connections).toBe(0);
			expect(seen.requests.length).toBe(1);
			return "upstream_protocol; 0 connections to the other server, so neither prompt nor key went there";
		} finally {
			trap.stop();
		}
	},
}));

export const UPSTREAM_REFUSALS = {
	refused,
	silent,
	otherWords,
	unauthorized,
	busy,
	redirects,
};
