// Who carries the streams in the relay bench: nobody (direct), nginx, and PocketLLM as one or more programs.

import { startNginx } from "../support/nginx.ts";
import type { Dialect, PlannedStream } from "./plan.ts";
import { childrenOf } from "./processes.ts";
import { makeSessions, type Person, requestText, startServer } from "./server.ts";

/** One that runs. */
export type Relay = {
	readonly name: string;
	readonly dialect: Dialect;
	readonly port: number;
	/** Processes whose CPU and memory count; none for direct. */
	readonly pids: readonly number[];
	/** Requests for streams of so many tokens each. */
	readonly plan: (tokens: readonly number[], rate: number) => Promise<PlannedStream[]>;
	readonly stop: () => Promise<void>;
};

export type Contestant = { readonly name: string; readonly start: (modelPort: number) => Promise<Relay> };

const promptOf = (tokens: number, rate: number): string => `tokens=${tokens} rate=${rate}`;

/** What any client of the model server sends; PocketLLM's own request upstream is of the same size. */
const completionOf = (tokens: number, rate: number): PlannedStream => ({
	tokens,
	request: requestText("POST", "/v1/chat/completions", {
		body: {
			model: "bench",
			messages: [{ role: "user", content: promptOf(tokens, rate) }],
			stream: true,
			stream_options: { include_usage: true },
		},
	}),
});

const planCompletions: Relay["plan"] = async (tokens, rate) => tokens.map((count) => completionOf(count, rate));

export const direct: Contestant = {
	name: "direct",
	start: async (modelPort) => ({
		name: "direct",
		dialect: "openai",
		port: modelPort,
		pids: [],
		plan: planCompletions,
		stop: async () => {},
	}),
};

/** Unbuffered, two workers, kept connections to the model server. Its workers count, not its master, which sleeps. */
export const nginx: Contestant = {
	name: "nginx",
	start: async (modelPort) => {
		const { pid, port, stop } = await startNginx({ target: `http://127.0.0.1:${modelPort}`, workers: 2, keepAlive: 512 });
		return { name: "nginx", dialect: "openai", port, pids: childrenOf(pid), plan: planCompletions, stop };
	},
};

export type PocketOptions = {
	readonly name: string;
	readonly program: readonly string[];
	/** Where the people have signed up. */
	readonly dataDir: string;
	readonly people: readonly Person[];
	readonly streamsPerPerson: number;
};

/** With accounts, history, queue and limits on; every stream in a new session, so that every pass does the same work. */
export function pocketllm({ name, program, dataDir, people, streamsPerPerson }: PocketOptions): Contestant {
	return {
		name,
		start: async (modelPort) => {
			const server = await startServer(program, dataDir, {
				UPSTREAMS: `openai+http://127.0.0.1:${modelPort}/v1?slots=2000`,
				MAX_STREAMS_PER_USER: String(streamsPerPerson),
			});
			const plan: Relay["plan"] = async (tokens, rate) => {
				const sessions = await makeSessions(server.url, people, tokens.length);
				return sessions.map(({ id, token }, index) => {
					const count = tokens[index] ?? 0;
					const body = { sessionId: id, prompt: promptOf(count, rate) };
					return { tokens: count, request: requestText("POST", "/api/v1/chat/stream", { body, token }) };
				});
			};
			return { name, dialect: "pocketllm", port: server.port, pids: [server.pid], plan, stop: server.stop };
		},
	};
}
