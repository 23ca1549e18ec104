// One HTTP/1.1 exchange with a model server over a socket of our own. Bun's fetch holds at most 256 requests in flight and costs
// a third more for each relayed token. What a body means is the adapters' matter; deadlines other than connecting are the caller's.
//
// One connection for each request: a connect costs well under a millisecond where a model answers for seconds, and a kept connection
// can be closed by the server just as a prompt is written to it, which cannot be told from a prompt that was taken and then dropped.

import type { ErrorCode } from "../domain/errors.ts";
import { openConnection, type Shortcut, type Target } from "./connection.ts";
import { createResponseParser, type ResponseHead } from "./http-response.ts";

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
	let unsent: Uint8Array | undefined = encodeRequest(target, request);
	let isConnected = false;
	let isOver = false;

	function close(): void {
		if (isOver) return;
		isOver = true;
		clearTimeout(deadline);
		parser.stop();
		unsent = undefined;
		connection.close();
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
		if (unsent === undefined) return;
		const written = Math.max(0, connection.write(unsent));
		unsent = written < unsent.length ? unsent.subarray(written) : undefined;
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

	const connection = openConnection(target, {
		connected() {
			isConnected = true;
			clearTimeout(deadline);
			write();
		},
		received(bytes) {
			connection.shortcut = undefined;
			parser.push(bytes);
			if (!isOver && parser.isBetweenChunks()) connection.shortcut = events.findShortcut?.();
		},
		threw: endAfter,
		drained: write,
		closed: () => guarded(parser.close),
		broken: () => guarded(reset),
		refused: (why) => guarded(() => fail("upstream_unreachable", why)),
	});

	return { close };
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
