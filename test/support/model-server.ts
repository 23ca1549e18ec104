// A scripted fake model server on a raw socket: it offers a model, streams tokens at a pace, and misbehaves when asked to.
// Fakes what we don't own; nothing of PocketLLM may be imported here, or a mistake of ours would agree with itself.
//
//   const server = startModelServer({ tokens: ["Hello", " world"], intervalMs: 5 });
//   …UPSTREAMS=openai+${server.baseUrl}…
//   server.requests            what was asked, in order: method, path, headers, JSON body, and when its connection closed
//   server.answerWith(script)  raw steps in place of the built-in answers, for every request or by the request
//   server.stop()
//
// What it answers of itself, and the cues in a prompt that change it, stand in model-answers.ts; so do the pieces scripts are made of.

import { builtInAnswer } from "./model-answers.ts";

export type Step =
	| { readonly send: string | Uint8Array }
	| { readonly wait: number }
	/** The same steps for ever, or `times` times. */
	| { readonly repeat: (round: number) => readonly Step[]; readonly times?: number }
	| { readonly end: "close" | "reset" | "hang" };

export type RecordedRequest = {
	readonly method: string;
	readonly path: string;
	readonly headers: ReadonlyMap<string, string>;
	/** The JSON body; `undefined` when there is none. */
	readonly body: unknown;
	/** The content of the last message, or the `prompt` of the body. */
	readonly prompt: string;
	readonly receivedAt: number;
	/** When the connection closed, by whichever side (`performance.now()`). */
	closedAt: number | undefined;
};

export type Script = readonly Step[] | ((request: RecordedRequest) => readonly Step[] | undefined);

export type ModelServerOptions = {
	readonly tokens?: readonly string[];
	/** Milliseconds between tokens; 0 (the usual) sends them as fast as the socket takes them. */
	readonly intervalMs?: number;
	readonly models?: readonly string[];
	/** `total_slots` of llama.cpp's `/props`; without it there is no `/props`. */
	readonly slots?: number;
	readonly contextLength?: number;
	/** Requests without this bearer token get 401. */
	readonly key?: string;
	readonly port?: number;
	readonly tls?: { readonly cert: string; readonly key: string };
};

export type ModelServer = {
	readonly port: number;
	/** `http://127.0.0.1:PORT` */
	readonly origin: string;
	/** `http://127.0.0.1:PORT/v1` */
	readonly baseUrl: string;
	readonly requests: readonly RecordedRequest[];
	/** Only the requests for answers. */
	readonly chats: readonly RecordedRequest[];
	/** All connections that were ever opened. */
	readonly connections: number;
	answerWith(script: Script | undefined): void;
	stop(): void;
};

type Connection = {
	received: Buffer[];
	size: number;
	request: RecordedRequest | undefined;
	unsent: Buffer[];
	isClosed: boolean;
	/** Wakes whoever waits for room or for time. */
	wake: () => void;
};
type Socket = Bun.Socket<Connection>;

export function startModelServer(options: ModelServerOptions = {}): ModelServer {
	const requests: RecordedRequest[] = [];
	const sockets = new Set<Socket>();
	let connections = 0;
	let script: Script | undefined;

	async function answer(socket: Socket, request: RecordedRequest): Promise<void> {
		const own = typeof script === "function" ? script(request) : script;
		if (await play(socket, own ?? builtInAnswer(request, options))) socket.end();
	}

	const listener = Bun.listen<Connection>({
		hostname: "127.0.0.1",
		port: options.port ?? 0,
		...(options.tls === undefined ? {} : { tls: { ...options.tls } }),
		socket: {
			open(socket) {
				connections++;
				sockets.add(socket);
				socket.data = { received: [], size: 0, request: undefined, unsent: [], isClosed: false, wake: () => {} };
			},
			data(socket, bytes) {
				const connection = socket.data;
				if (connection.request !== undefined) return;
				connection.received.push(Buffer.from(bytes));
				const request = readRequest(Buffer.concat(connection.received));
				if (request === undefined) return;
				connection.request = request;
				requests.push(request);
				void answer(socket, request);
			},
			drain: flush,
			close(socket) {
				sockets.delete(socket);
				socket.data.isClosed = true;
				if (socket.data.request !== undefined) socket.data.request.closedAt = performance.now();
				socket.data.wake();
			},
			error() {},
		},
	});

	const origin = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${listener.port}`;
	return {
		port: listener.port,
		origin,
		baseUrl: `${origin}/v1`,
		requests,
		get chats() {
			return requests.filter((request) => request.method === "POST");
		},
		get connections() {
			return connections;
		},
		answerWith(next) {
			script = next;
		},
		stop() {
			for (const socket of sockets) socket.terminate();
			listener.stop(true);
		},
	};
}

/** Plays the steps; `true` when the connection should be closed in the ordinary way. */
async function play(socket: Socket, steps: readonly Step[]): Promise<boolean> {
	for (const step of steps) {
		if (socket.data.isClosed) return false;
		if ("send" in step) {
			socket.data.unsent.push(Buffer.from(step.send));
			flush(socket);
			while (socket.data.unsent.length > 0 && !socket.data.isClosed) await pause(socket, 1000);
		} else if ("wait" in step) {
			await pause(socket, step.wait);
		} else if ("repeat" in step) {
			for (let round = 0; round < (step.times ?? Number.POSITIVE_INFINITY); round++) {
				if (!(await play(socket, step.repeat(round)))) return false;
			}
		} else {
			if (step.end === "reset") socket.terminate();
			return step.end === "close";
		}
	}
	return !socket.data.isClosed;
}

function flush(socket: Socket): void {
	const { unsent } = socket.data;
	while (unsent[0] !== undefined) {
		const written = Math.max(0, socket.write(unsent[0]));
		if (written < unsent[0].length) {
			unsent[0] = unsent[0].subarray(written);
			return;
		}
		unsent.shift();
	}
	socket.data.wake();
}

/** Ends early when the connection closes, or when everything has been sent. */
function pause(socket: Socket, milliseconds: number): Promise<void> {
	return new Promise((resolve) => {
		const done = () => {
			clearTimeout(timer);
			socket.data.wake = () => {};
			resolve();
		};
		const timer = setTimeout(done, milliseconds);
		socket.data.wake = done;
	});
}

function readRequest(bytes: Buffer): RecordedRequest | undefined {
	const headEnd = bytes.indexOf("\r\n\r\n");
	if (headEnd === -1) return undefined;
	const [first = "", ...fields] = bytes.toString("latin1", 0, headEnd).split("\r\n");
	const headers = new Map(
		fields.map((field) => [field.slice(0, field.indexOf(":")).toLowerCase(), field.slice(field.indexOf(":") + 1).trim()]),
	);
	const length = Number(headers.get("content-length") ?? 0);
	if (bytes.length < headEnd + 4 + length) return undefined;
	const [method = "", path = ""] = first.split(" ");
	const body: unknown = length === 0 ? undefined : JSON.parse(bytes.toString("utf8", headEnd + 4, headEnd + 4 + length));
	return { method, path, headers, body, prompt: promptOf(body), receivedAt: performance.now(), closedAt: undefined };
}

function promptOf(body: unknown): string {
	const read: { prompt?: unknown; messages?: { content?: unknown }[] } = Object(body);
	const last = Array.isArray(read.messages) ? read.messages.at(-1)?.content : undefined;
	return String(read.prompt ?? last ?? "");
}
