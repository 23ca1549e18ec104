// A reader of answers over a socket of its own: sees every byte, leaves when it likes, stops reading when it likes, and knows no cap on
// how many there are (the test's own `fetch` allows 256).
//
//   const stream = await openStream({ address, method: "POST", path: "/api/v1/chat/stream", token, body });
//   await stream.until("token");  stream.close();

import { connect } from "node:net";

/** Any event of the contract; the members depend on `type`. */
export type StreamEvent = {
	readonly type: string;
	readonly content?: string;
	readonly seq?: number;
	readonly messageId?: string;
	readonly userMessageId?: string;
	readonly assistantMessageId?: string;
	readonly generationId?: string;
	readonly model?: string | null;
	readonly position?: number;
	readonly etaMs?: number;
	readonly finishReason?: string;
	readonly usage?: { readonly promptTokens?: number; readonly completionTokens?: number } | null;
	readonly error?: string;
	readonly code?: string;
	readonly retryable?: boolean;
};

export type StreamRequest = {
	readonly address: string;
	readonly method: "GET" | "POST" | "PATCH";
	readonly path: string;
	readonly token: string;
	readonly body?: object;
	readonly headers?: Readonly<Record<string, string>>;
	/** Reads nothing at all, not even the header, until `resume`: `openStream` resolves once the request is sent. */
	readonly deaf?: boolean;
};

export type EventStream = {
	readonly status: () => number;
	readonly headers: ReadonlyMap<string, string>;
	/** The body so far, without its chunk coding. */
	readonly raw: () => string;
	readonly events: () => readonly StreamEvent[];
	/** Milliseconds from the request to the header. */
	readonly headerAfterMs: () => number;
	/** The next event of this type, or that fits, which was not waited for before; throws when the stream ends without it, or after 15 s. */
	readonly until: (wanted: string | ((event: StreamEvent) => boolean)) => Promise<StreamEvent>;
	/** Resolves when the body is over: `complete` with its last chunk, `broken` without. */
	readonly over: () => Promise<"complete" | "broken">;
	/** The text of all tokens so far. */
	readonly text: () => string;
	/** Leaves, as a closed tab does. */
	readonly close: () => void;
	readonly resume: () => void;
};

const PATIENCE_MS = 15_000;

export async function openStream(request: StreamRequest): Promise<EventStream> {
	const { hostname, port } = new URL(request.address);
	const startedAt = performance.now();
	const headers = new Map<string, string>();
	const events: StreamEvent[] = [];
	const waiting = new Set<() => void>();
	let pending: Buffer = Buffer.alloc(0);
	let raw = "";
	let parsedTo = 0;
	let seen = 0;
	let status = 0;
	let headerAfterMs = Number.NaN;
	let isComplete = false;
	let isClosed = false;
	const decoder = new TextDecoder();
	const wake = () => {
		for (const resolve of waiting) resolve();
		waiting.clear();
	};
	const change = (deadline: number): Promise<void> =>
		new Promise((resolve, reject) => {
			const timer = setTimeout(
				() => reject(new Error(`nothing came in time; so far: ${status} ${raw.slice(-2000)}`)),
				Math.max(1, deadline - performance.now()),
			);
			waiting.add(() => {
				clearTimeout(timer);
				resolve();
			});
		});

	const readHead = (): void => {
		const end = pending.indexOf("\r\n\r\n");
		if (end < 0) return;
		headerAfterMs = performance.now() - startedAt;
		const [first = "", ...lines] = pending.toString("latin1", 0, end).split("\r\n");
		status = Number(first.split(" ")[1]);
		for (const line of lines) headers.set(line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim());
		pending = pending.subarray(end + 4);
	};
	const readBody = (): void => {
		if (headers.get("transfer-encoding") !== "chunked") {
			raw += decoder.decode(pending, { stream: true });
			pending = Buffer.alloc(0);
			isComplete = Buffer.byteLength(raw) >= Number(headers.get("content-length") ?? Number.POSITIVE_INFINITY);
			return;
		}
		while (!isComplete) {
			const lineEnd = pending.indexOf("\r\n");
			const size = Number.parseInt(pending.toString("latin1", 0, Math.max(0, lineEnd)), 16);
			if (lineEnd < 0 || pending.length < lineEnd + 2 + size + 2) return;
			raw += decoder.decode(pending.subarray(lineEnd + 2, lineEnd + 2 + size), { stream: true });
			pending = pending.subarray(lineEnd + 2 + size + 2);
			isComplete = size === 0;
		}
	};
	/** As the existing client does it, but for what it forgives. */
	const readEvents = (): void => {
		if (!(headers.get("content-type") ?? "").startsWith("text/event-stream")) return;
		for (let end = raw.indexOf("\n\n", parsedTo); end >= 0; end = raw.indexOf("\n\n", parsedTo)) {
			const data = raw
				.slice(parsedTo, end)
				.split("\n")
				.find((line) => line.startsWith("data: "));
			parsedTo = end + 2;
			if (data !== undefined) events.push(JSON.parse(data.slice(6)));
		}
	};

	const socket = connect({ host: hostname, port: Number(port) });
	socket.on("data", (bytes: Buffer) => {
		pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
		if (status === 0) readHead();
		if (status !== 0) readBody();
		readEvents();
		wake();
	});
	socket.on("error", () => {});
	socket.on("close", () => {
		isClosed = true;
		wake();
	});
	if (request.deaf) socket.pause();
	const body = request.body === undefined ? "" : JSON.stringify(request.body);
	const fields = {
		host: `${hostname}:${port}`,
		authorization: `Bearer ${request.token}`,
		"content-type": "application/json",
		...(request.method !== "GET" ? { "content-length": String(Buffer.byteLength(body)) } : {}),
		...request.headers,
	};
	const head = [`${request.method} ${request.path} HTTP/1.1`, ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`)];
	socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);

	const until: EventStream["until"] = async (wanted) => {
		const fits = typeof wanted === "string" ? (event: StreamEvent) => event.type === wanted : wanted;
		const deadline = performance.now() + PATIENCE_MS;
		for (;;) {
			for (; seen < events.length; seen += 1) {
				const event = events[seen];
				if (event === undefined || !fits(event)) continue;
				seen += 1;
				return event;
			}
			if (isComplete || isClosed) throw new Error(`the stream ended without ${wanted}: ${status} ${raw.slice(-2000)}`);
			await change(deadline);
		}
	};
	const stream: EventStream = {
		status: () => status,
		headers,
		raw: () => raw,
		events: () => events,
		headerAfterMs: () => headerAfterMs,
		until,
		over: async () => {
			const deadline = performance.now() + PATIENCE_MS;
			while (!isComplete && !isClosed) await change(deadline);
			return isComplete ? "complete" : "broken";
		},
		text: () => events.map((event) => (event.type === "token" ? event.content : "")).join(""),
		close: () => socket.destroy(),
		resume: () => socket.resume(),
	};
	const deadline = performance.now() + PATIENCE_MS;
	while (!request.deaf && status === 0 && !isClosed) await change(deadline);
	return stream;
}
