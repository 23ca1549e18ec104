// A running PocketLLM as the tests of its HTTP dialect see it: people with tokens, and calls with any method, field and body, whose
// answers can be looked into. Raw bytes for what no HTTP client would send. What it should answer is for the tests.

import { connect } from "node:net";
import { eventually, type ServerOptions, startServer, type TestServer } from "../support/server.ts";

export const PASSWORD = "a-Tall-ladder-77";

export type Call = {
	readonly token?: string | undefined;
	/** Sent as JSON. */
	readonly body?: unknown;
	/** Sent as it is. */
	readonly raw?: string | Uint8Array<ArrayBuffer>;
	readonly headers?: Readonly<Record<string, string>>;
};

export type Reply = {
	readonly status: number;
	readonly headers: Headers;
	readonly text: string;
	/** The body as JSON; `undefined` when it is none. */
	readonly json: unknown;
	/** A member of the body, by its path: `user.id`, `data.0.title`. */
	readonly at: (path: string) => unknown;
	/** The same as a text; throws when it is none. */
	readonly textAt: (path: string) => string;
};

export type Account = { readonly id: string; readonly email: string; readonly token: string; readonly refreshToken: string };

export type Gateway = Omit<TestServer, "signup"> & {
	/** One call: below `/api/v1`, or anywhere with `root`. */
	readonly call: (method: string, path: string, call?: Call) => Promise<Reply>;
	readonly root: (method: string, path: string, call?: Call) => Promise<Reply>;
	/** Bytes to a socket; what came back until it was quiet or closed. */
	readonly bytes: (request: string) => Promise<string>;
	readonly signup: (email: string, password?: string) => Promise<Account>;
	readonly login: (email: string, password?: string) => Promise<Account>;
	/** What the program wrote, up to where this request is logged: its lines come a moment after its answer. */
	readonly outputAfter: (reply: Reply) => Promise<string>;
	/** The token in the setup link that the program printed; waits for it. */
	readonly setupToken: () => Promise<string>;
	/** The first administrator, made with that token. */
	readonly claimSetup: (email?: string, name?: string) => Promise<Account>;
};

/** Hashes that cost a tenth: for tests that make many accounts and are not about the hashes. */
export const QUICK_HASHES = { PASSWORD_HASH_MEMORY: "7MiB", PASSWORD_HASH_PASSES: "1" };

/** Nothing listens on port 9: so no model server of this machine is found by chance. */
const NO_MODEL = { UPSTREAMS: "ollama+http://127.0.0.1:9" };

export async function startGateway(options: ServerOptions = {}): Promise<Gateway> {
	const server = await startServer({ ...options, settings: { ...NO_MODEL, ...options.settings } });
	const root: Gateway["root"] = (method, path, call) => callAt(`${server.address}${path}`, method, call);
	const call: Gateway["call"] = (method, path, made) => root(method, `/api/v1${path}`, made);
	const printedToken = () => /\/setup#([\w-]+)/.exec(server.output())?.[1];
	const setupToken = async (): Promise<string> => {
		await eventually("a setup link is printed", () => printedToken() !== undefined);
		return printedToken() ?? "";
	};
	return {
		...server,
		root,
		call,
		bytes: (request) => sendBytes(server.port, request),
		setupToken,
		outputAfter: async ({ headers }) => {
			const line = `"requestId":"${headers.get("x-request-id")}","method"`;
			await eventually("the request is in the log", () => server.output().includes(line));
			return server.output();
		},
		signup: async (email, password = PASSWORD) => accountOf(await call("POST", "/auth/signup", { body: { email, password } })),
		login: async (email, password = PASSWORD) => accountOf(await call("POST", "/auth/login", { body: { email, password } })),
		claimSetup: async (email = "admin@example.com", name = "Admin") =>
			accountOf(await call("POST", "/auth/setup", { body: { token: await setupToken(), email, password: PASSWORD, name } })),
	};
}

function accountOf(reply: Reply): Account {
	if (reply.status !== 200) throw new Error(`signing in answered ${reply.status}: ${reply.text}`);
	return {
		id: reply.textAt("user.id"),
		email: reply.textAt("user.email"),
		token: reply.textAt("token"),
		refreshToken: reply.textAt("refreshToken"),
	};
}

async function callAt(url: string, method: string, { token, body, raw, headers }: Call = {}): Promise<Reply> {
	const sent = body === undefined ? raw : JSON.stringify(body);
	const response = await fetch(url, {
		method,
		redirect: "manual",
		headers: {
			...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
			...(body === undefined ? {} : { "content-type": "application/json" }),
			...headers,
		},
		...(sent === undefined ? {} : { body: sent }),
		signal: AbortSignal.timeout(30_000),
	});
	return replyOf(response.status, response.headers, await response.text());
}

function replyOf(status: number, headers: Headers, text: string): Reply {
	const json = parse(text);
	const at = (path: string): unknown => memberAt(json, path);
	return {
		status,
		headers,
		text,
		json,
		at,
		textAt: (path) => {
			const found = at(path);
			if (typeof found !== "string") throw new Error(`no text at ${path} in: ${status} ${text.slice(0, 500)}`);
			return found;
		},
	};
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** The member of a JSON value at `a.b.0`; `undefined` when there is none. */
function memberAt(value: unknown, path: string): unknown {
	let here: unknown = value;
	for (const name of path.split(".")) {
		if (typeof here !== "object" || here === null) return undefined;
		here = Object.getOwnPropertyDescriptor(here, name)?.value;
	}
	return here;
}

const QUIET_MS = 400;

function sendBytes(port: number, request: string): Promise<string> {
	return new Promise((resolve) => {
		let answer = "";
		const socket = connect({ host: "127.0.0.1", port }, () => socket.write(request, "latin1"));
		const done = () => {
			socket.destroy();
			resolve(answer);
		};
		// A first answer may take a while on a busy machine; after it, quiet means that nothing more comes.
		let timer = setTimeout(done, 5000);
		socket.on("data", (bytes: Buffer) => {
			answer += bytes.toString("latin1");
			clearTimeout(timer);
			timer = setTimeout(done, QUIET_MS);
		});
		socket.on("error", done);
		socket.on("close", () => {
			clearTimeout(timer);
			done();
		});
	});
}

/** The status of the first answer in raw bytes; 0 when the connection was closed without one. */
export function statusOf(bytes: string): number {
	return Number(/^HTTP\/1\.1 (\d+)/.exec(bytes)?.[1] ?? "0");
}
