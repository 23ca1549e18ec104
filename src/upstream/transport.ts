// One HTTP/1.1 exchange with a model server over a socket of our own. Bun's fetch holds at most 256 requests in flight and costs
// a third more for each relayed token. What a body means is the adapters' matter; deadlines other than connecting are the caller's.
//
// One connection for each request: a connect costs well under a millisecond where a model answers for seconds, and a kept connection
// can be closed by the server just as a prompt is written to it, which cannot be told from a prompt that was taken and then dropped.

import type { ErrorCode } from "../domain/errors.ts";
import { createResponseParser, type ResponseHead } from "./http-response.ts";

/** Where a model server is, and how to speak to it. */
export type Target = {
	readonly secure: boolean;
	readonly hostname: string;
	readonly port: number;
	/** For the Host field: with the port where it is not the scheme's own. */
	readonly host: string;
	/** The path of the base URL, without a trailing slash. */
	readonly basePath: string;
	/** Sent as a bearer token. */
	readonly key?: string;
	/** Certificates (PEM) to trust in place of the built-in ones. */
	readonly ca?: string;
};

export type ExchangeRequest = {
	readonly method: "GET" | "POST";
	/** From the root of the server. */
	readonly path: string;
	readonly accept: string;
	/** JSON text. */
	readonly body?: string;
};

export type ExchangeFailure = { readonly code: ErrorCode; readonly evidence: string };

/** `onHead`, `onBody`*, then one of `onEnd` and `onFailure`; a failure can come at any time. Never called from within `openExchange`. */
export type ExchangeEvents = {
	readonly onHead: (head: ResponseHead) => void;
	/** `bytes` from `from` up to `to`; the buffer is valid during the call only. */
	readonly onBody: (bytes: Buffer, from: number, to: number) => void;
	/** Asked after each read that ended between two chunks: who may take the next reads, if any. */
	readonly findShortcut?: () => Shortcut | undefined;
	/** The body has come to its proper end. */
	readonly onEnd: () => void;
	readonly onFailure: (failure: ExchangeFailure) => void;
};

/**
 * A way around the parsing of HTTP for a read that is one whole chunk of the body. It may look at each read before anybody else does until it
 * leaves one; what it takes must change nothing for the chunks behind it.
 */
export type Shortcut = {
	/** `true`: the read was exactly one chunk, and is dealt with. */
	take(read: Buffer): boolean;
};

export type Exchange = {
	/** Closes the connection at once; no event follows. */
	close(): void;
};

const CONNECT_DEADLINE_MS = 2000;

/**
 * Sends a request and tells what comes back. Failures: `upstream_unreachable` (no connection or no trusted certificate within 2 s),
 * `upstream_reset` (closed before the body's proper end), `upstream_protocol` (not HTTP), `internal` (a callback threw).
 * A redirect is an answer like any other here: nothing follows it.
 */
export function openExchange(target: Target, request: ExchangeRequest, events: ExchangeEvents): Exchange {
	let socket: Bun.Socket<Connection> | undefined;
	let unsent: Uint8Array | undefined = encodeRequest(target, request);
	let isConnected = false;
	let isOver = false;

	function close(): void {
		if (isOver) return;
		isOver = true;
		clearTimeout(deadline);
		parser.stop();
		connection.shortcut = undefined;
		unsent = undefined;
		// Not end(): that would wait for the rest of an answer nobody wants, and keep the model working for it.
		socket?.terminate();
	}

	function fail(code: ErrorCode, evidence: string): void {
		if (isOver) return;
		close();
		events.onFailure({ code, evidence });
	}

	/** Closed by the other side: in the middle of shaking hands (plain HTTP behind an https URL), or of an answer. */
	function reset(): void {
		if (isConnected) fail("upstream_reset", "the connection closed before the end of the answer");
		else fail("upstream_unreachable", "the connection closed before it was secure");
	}

	/** A defect in a callback ends this exchange, and nothing but this exchange. */
	function endAfter(error: unknown): void {
		try {
			fail("internal", `a callback threw: ${String(error)}`);
		} catch {
			close();
		}
	}

	function guarded(step: () => void): void {
		try {
			step();
		} catch (error) {
			endAfter(error);
		}
	}

	function write(): void {
		if (unsent === undefined || socket === undefined) return;
		const written = Math.max(0, socket.write(unsent));
		unsent = written < unsent.length ? unsent.subarray(written) : undefined;
	}

	function connected(): void {
		isConnected = true;
		clearTimeout(deadline);
		write();
	}

	const parser = createResponseParser({
		onHead: events.onHead,
		onBody: events.onBody,
		onEnd: () => {
			close();
			events.onEnd();
		},
		onReset: reset,
		onMalformed: (reason) => fail("upstream_protocol", reason),
	});

	const deadline = setTimeout(
		() => guarded(() => fail("upstream_unreachable", `no connection within ${CONNECT_DEADLINE_MS} ms`)),
		CONNECT_DEADLINE_MS,
	);

	const connection: Connection = {
		opened(opened) {
			if (isOver) {
				opened.terminate();
				return;
			}
			socket = opened;
			if (!target.secure) connected();
		},
		shookHands(isTrusted) {
			if (isOver) return;
			if (isTrusted) connected();
			else guarded(() => fail("upstream_unreachable", "the certificate is not trusted for this host"));
		},
		shortcut: undefined,
		received(bytes) {
			connection.shortcut = undefined;
			parser.push(bytes);
			if (!isOver && parser.isBetweenChunks()) connection.shortcut = events.findShortcut?.();
		},
		failedWith: endAfter,
		drained: write,
		closed: () => guarded(parser.close),
		failed: () => guarded(reset),
		refused: (error) => guarded(() => fail("upstream_unreachable", errorName(error))),
	};

	// Bun.connect throws at once for a port it does not take, and calls `connectError` at once when no file handle is left: a moment later,
	// so that no event comes from within `openExchange`, whose caller would not know the exchange yet.
	async function connect(): Promise<void> {
		await Promise.resolve();
		if (isOver) return;
		await Bun.connect({
			hostname: target.hostname,
			port: target.port,
			...(target.secure ? { tls: { rejectUnauthorized: true, ...(target.ca === undefined ? {} : { ca: target.ca }) } } : {}),
			data: connection,
			socket: SOCKET_EVENTS,
		});
	}

	connect().catch((error: unknown) => guarded(() => fail("upstream_unreachable", errorName(error))));

	return { close };
}

/** What a socket tells the exchange it belongs to. */
type Connection = {
	readonly opened: (socket: Bun.Socket<Connection>) => void;
	readonly shookHands: (isTrusted: boolean) => void;
	/** Looks at each read first. */
	shortcut: Shortcut | undefined;
	readonly received: (bytes: Buffer) => void;
	/** A callback threw. */
	readonly failedWith: (error: unknown) => void;
	readonly drained: () => void;
	readonly closed: () => void;
	readonly failed: () => void;
	readonly refused: (error: unknown) => void;
};

/** One set for all sockets: a set each would be ten functions for each stream. */
const SOCKET_EVENTS: Bun.SocketHandler<Connection> = {
	open: (socket) => socket.data.opened(socket),
	// Bun tells here what is wrong with the certificate, the host name included, and leaves it to us whether to go on
	// (oven-sh/bun#33755): not a byte is written before all three say yes.
	handshake: (socket, isDone, problem) => socket.data.shookHands(isDone && problem === null && socket.authorized),
	data: (socket, bytes) => receive(socket.data, bytes),
	drain: (socket) => socket.data.drained(),
	end: (socket) => socket.data.closed(),
	close: (socket) => socket.data.closed(),
	error: (socket) => socket.data.failed(),
	connectError: (socket, error) => socket.data.refused(error),
};

/** Once for each token. */
function receive(connection: Connection, bytes: Buffer): void {
	try {
		if (connection.shortcut?.take(bytes) !== true) connection.received(bytes);
	} catch (error) {
		connection.failedWith(error);
	}
}

/** `ECONNREFUSED` and its like; never the message, which holds the address. */
function errorName(error: unknown): string {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "the connection failed";
}

function encodeRequest(target: Target, request: ExchangeRequest): Uint8Array {
	const body = Buffer.from(request.body ?? "", "utf8");
	const head = [
		`${request.method} ${request.path} HTTP/1.1`,
		`host: ${target.host}`,
		"user-agent: pocketllm",
		`accept: ${request.accept}`,
		"connection: close",
		...(target.key === undefined ? [] : [`authorization: Bearer ${target.key}`]),
		...(request.body === undefined ? [] : ["content-type: application/json", `content-length: ${body.length}`]),
	];
	return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"), body]);
}
