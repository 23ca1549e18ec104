// The compiled program as a server for tests: on a free port, with a data folder and settings of its own, ready when it is given, ended
// by its pid. With people in it, who do what the existing client does.
//
//   const server = await startServer({ settings: { UPSTREAMS: `openai+${model.baseUrl}` } });
//   const anna = await server.signup();
//   const session = await anna.createSession();
//   const stream = await anna.stream({ sessionId: session, prompt: "Hello" });

import { Database } from "bun:sqlite";
import { join } from "node:path";
import { binary, environmentOf, scratch } from "./binary.ts";
import { startChild } from "./child.ts";
import { type EventStream, openStream } from "./event-stream.ts";
import { storageSettings } from "./storage.ts";

export type ServerOptions = {
	/** Beside those of `QUIET_LIMITS`. */
	readonly settings?: Readonly<Record<string, string>>;
	/** A folder that a server before this one used; a new one unless told. */
	readonly dataDir?: string;
	readonly port?: number;
	/** Words before the program, such as `strace …`; they must end in the program's own process. */
	readonly before?: readonly string[];
};

export type StoredMessage = {
	readonly id: string;
	readonly role: string;
	readonly content: string;
	readonly status: string;
	readonly errorCode?: string;
	readonly reasoning?: string;
	readonly model?: string;
	readonly generationId?: string;
	readonly messageId?: string;
	readonly finishReason?: string;
	readonly usage?: { readonly promptTokens?: number; readonly completionTokens?: number };
	readonly timings?: { readonly queuedMs?: number; readonly firstTokenMs?: number; readonly totalMs?: number };
};

/** What JSON answers hold, all of them together. */
export type Body = {
	readonly id?: string;
	readonly token?: string;
	readonly refreshToken?: string;
	readonly code?: string;
	readonly detail?: string;
	readonly generationId?: string;
	readonly messageId?: string;
	readonly sessionId?: string;
	readonly content?: string;
	readonly role?: string;
	readonly timestamp?: string;
	readonly status?: string | number;
	readonly seq?: number;
	readonly title?: string;
	readonly total?: number;
	readonly messageCount?: number;
	readonly lastMessage?: string | null;
	readonly messages?: readonly StoredMessage[];
	readonly versions?: readonly (StoredMessage & { readonly inForce: boolean })[];
	readonly usage?: { readonly promptTokens?: number; readonly completionTokens?: number } | null;
	readonly user?: { readonly id: string; readonly email: string };
};
export type Reply = { readonly status: number; readonly headers: Headers; readonly text: string; readonly body: Body };

export type TurnBody = {
	readonly sessionId: string;
	readonly prompt: string;
	readonly messageId?: string;
	readonly temperature?: number;
	readonly max_tokens?: number;
	readonly model?: string;
	readonly onDisconnect?: string;
};

export type Person = {
	readonly id: string;
	readonly email: string;
	readonly password: string;
	readonly token: string;
	/** A call below `/api/v1`. */
	readonly call: (method: string, path: string, body?: object) => Promise<Reply>;
	/** A session's id. */
	readonly createSession: (body?: object) => Promise<string>;
	/** `POST /chat/stream`. */
	readonly stream: (turn: TurnBody, options?: { readonly deaf?: boolean }) => Promise<EventStream>;
	/** Another call below `/api/v1` that streams. */
	readonly streamAt: (method: "POST" | "PATCH", path: string, body: object) => Promise<EventStream>;
	/** `GET /chat/generations/{id}/events`. */
	readonly resume: (
		generationId: string,
		options?: { readonly after?: number; readonly lastEventId?: string; readonly deaf?: boolean },
	) => Promise<EventStream>;
	readonly messages: (sessionId: string) => Promise<readonly StoredMessage[]>;
	/** The same person, signed in once more. */
	readonly signInAgain: () => Promise<Person>;
	/** The same person, who presents this in place of the access token. */
	readonly withToken: (token: string) => Person;
	/** The same login at another server of the same service. */
	readonly at: (server: { readonly address: string }) => Person;
};

/** A row of the table `messages`, as far as tests look at it. */
export type MessageRow = { readonly id: string; readonly role: string; readonly content: string; readonly status: string };

export type TestServer = {
	readonly address: string;
	readonly port: number;
	readonly pid: number;
	readonly dataDir: string;
	/** All that the program has written. */
	readonly output: () => string;
	readonly exited: Promise<number>;
	readonly signup: () => Promise<Person>;
	/** What stands in the database file now, read beside the running program and not through it. */
	readonly rows: (sessionId: string) => readonly MessageRow[];
	/** Another program changes the database beside the server. */
	readonly write: (sql: string, ...values: readonly string[]) => void;
	readonly signal: (signal: "SIGTERM" | "SIGINT" | "SIGKILL" | "SIGSTOP" | "SIGCONT") => void;
	/** SIGTERM; its end is awaited. */
	readonly stop: () => Promise<void>;
	/** SIGKILL; its end is awaited. */
	readonly kill: () => Promise<void>;
};

/** Tests send more in a minute than a person does. */
const QUIET_LIMITS = { RATE_LIMIT_GLOBAL: "off", RATE_LIMIT_LOGIN: "off", RATE_LIMIT_SIGNUP: "off", RATE_LIMIT_CHAT: "off" };

export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
	const dataDir = options.dataDir ?? join(scratch(), "data");
	const env = { ...QUIET_LIMITS, POCKETLLM_DATA_DIR: dataDir, ...storageSettings(dataDir, options.settings), ...options.settings };
	let address = "";
	const child = await startChild({
		command: [...(options.before ?? []), await binary(), "serve", "--port", String(options.port ?? 0)],
		cwd: scratch(),
		environment: environmentOf({ env }),
		isReady: async ({ output }) => {
			address = /listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(output())?.[1] ?? "";
			return address !== "" && (await fetch(`${address}/healthz`)).ok;
		},
	});
	const file = join(dataDir, "pocketllm.db");
	const withDatabase = <T>(settings: { readonly?: boolean; readwrite?: boolean }, use: (database: Database) => T): T => {
		const database = new Database(file, settings);
		try {
			database.run("PRAGMA busy_timeout = 5000");
			return use(database);
		} finally {
			database.close();
		}
	};
	return {
		address,
		port: Number(new URL(address).port),
		pid: child.pid,
		dataDir,
		output: child.output,
		exited: child.exited,
		signup: () => signup(address),
		rows: (sessionId) =>
			withDatabase({ readonly: true }, (database) =>
				database
					// The text of a running answer stands in parts beside its row.
					.query<MessageRow, [string]>(
						`SELECT id, role, status,
							content || coalesce((
								SELECT group_concat(part.value ->> 2, '' ORDER BY number)
								FROM answer_progress, json_each(parts) AS part
								WHERE part.value ->> 0 = messages.id
							), '') AS content
						FROM messages WHERE session_id = ? ORDER BY seq`,
					)
					.all(sessionId),
			),
		write: (sql, ...values) => withDatabase({ readwrite: true }, (database) => database.query(sql).run(...values)),
		signal: (signal) => process.kill(child.pid, signal),
		stop: child.stop,
		kill: async () => {
			process.kill(child.pid, "SIGKILL");
			await child.exited;
		},
	};
}

let people = 0;

async function signup(address: string): Promise<Person> {
	people += 1;
	const credentials = { email: `person${people}@example.org`, password: "a-Tall-ladder-77" };
	const { status, text, body } = await send(address, "POST", "/auth/signup", undefined, credentials);
	if (status !== 200) throw new Error(`signing up failed: ${status} ${text}`);
	return personOf(address, credentials, body);
}

function personOf(address: string, credentials: { email: string; password: string }, login: Body): Person {
	const { token = "", user } = login;
	const call: Person["call"] = (method, path, body) => send(address, method, path, token, body);
	return {
		id: user?.id ?? "",
		...credentials,
		token,
		call,
		createSession: async (body = {}) => {
			const reply = await call("POST", "/chat/sessions", body);
			if (reply.body.id === undefined) throw new Error(`no session: ${reply.status} ${reply.text}`);
			return reply.body.id;
		},
		stream: (turn, options = {}) => openStream({ address, method: "POST", path: "/api/v1/chat/stream", token, body: turn, ...options }),
		streamAt: (method, path, body) => openStream({ address, method, path: `/api/v1${path}`, token, body }),
		resume: (generationId, { after, lastEventId, deaf = false } = {}) =>
			openStream({
				address,
				deaf,
				method: "GET",
				path: `/api/v1/chat/generations/${generationId}/events${after === undefined ? "" : `?after=${after}`}`,
				token,
				...(lastEventId === undefined ? {} : { headers: { "last-event-id": lastEventId } }),
			}),
		messages: async (sessionId) => {
			const reply = await call("GET", `/chat/sessions/${sessionId}/messages`);
			if (reply.body.messages === undefined) throw new Error(`no messages: ${reply.status} ${reply.text}`);
			return reply.body.messages;
		},
		at: (server) => personOf(server.address, credentials, login),
		signInAgain: async () => {
			const reply = await send(address, "POST", "/auth/login", undefined, credentials);
			if (reply.status !== 200) throw new Error(`signing in failed: ${reply.status} ${reply.text}`);
			return personOf(address, credentials, reply.body);
		},
		withToken: (other) => personOf(address, credentials, { token: other, ...(user !== undefined && { user }) }),
	};
}

async function send(address: string, method: string, path: string, token: string | undefined, body: object | undefined): Promise<Reply> {
	const response = await fetch(`${address}/api/v1${path}`, {
		method,
		headers: { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	const text = await response.text();
	const parsed: Body = text.startsWith("{") ? JSON.parse(text) : {};
	return { status: response.status, headers: response.headers, text, body: parsed };
}

/** Asked every few milliseconds until it holds, for at most 15 s; throws with what was waited for. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
	const deadline = performance.now() + withinMs;
	while (!(await holds())) {
		if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
		await Bun.sleep(10);
	}
}
