// Reads an HTTP/1.1 response from bytes as they arrive: head, framing, body (RFC 9112). A pure push core: no sockets, no timers,
// and nothing of what the body means.

export type ResponseHead = {
	readonly status: number;
	/** By lower-case name; a repeated field is joined with a comma. */
	readonly headers: ReadonlyMap<string, string>;
};

export type ResponseEvents = {
	readonly onHead: (head: ResponseHead) => void;
	/** A piece of the body: `bytes` from `from` up to `to`. The buffer is valid during the call only, so copy or decode what is kept. */
	readonly onBody: (bytes: Buffer, from: number, to: number) => void;
	/** The body has come to its proper end. */
	readonly onEnd: () => void;
	/** The connection closed before the proper end. */
	readonly onReset: () => void;
	/** This is not HTTP/1.1 as we read it. The reason is for the log. */
	readonly onMalformed: (reason: string) => void;
};

export type ResponseParser = {
	push(bytes: Buffer): void;
	/** Whether the next byte begins the size line of a chunk. */
	isBetweenChunks(): boolean;
	/** The other side has closed. */
	close(): void;
	/** Nothing more is wanted; no event follows. */
	stop(): void;
};

const MAX_HEAD_BYTES = 64 * 1024;
/** A chunk's size line with its extensions. Longer ones are not seen in the field. */
const MAX_CHUNK_LINE_BYTES = 4096;
const LF = 10;
const CR = 13;
/** Seven digits are 256 MB: what is longer takes the slow way. */
const MAX_PLAIN_DIGITS = 7;
/** The value of each byte as a hexadecimal digit, or -1. */
const HEX_DIGITS = Int8Array.from({ length: 256 }, (_, byte) => {
	const value = Number.parseInt(String.fromCharCode(byte), 16);
	return Number.isNaN(value) ? -1 : value;
});

type Phase = "status" | "fields" | "length" | "until-close" | "chunk-size" | "chunk-data" | "chunk-end" | "trailer" | "over";

export function createResponseParser(events: ResponseEvents): ResponseParser {
	let phase: Phase = "status";
	let status = 0;
	let headers = new Map<string, string>();
	/** Of the head and the trailer, or of one chunk line. */
	let lineBytes = 0;
	let line = "";
	/** Of the body or of the chunk. */
	let remaining = 0;

	// A function, since callbacks change the phase behind the type checker's back.
	const isOver = (): boolean => phase === "over";

	function malformed(reason: string): void {
		phase = "over";
		events.onMalformed(reason);
	}

	function end(): void {
		phase = "over";
		events.onEnd();
	}

	function readStatus(text: string): void {
		const match = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(text);
		if (match === null) {
			malformed("no HTTP/1.1 status line");
			return;
		}
		status = Number(match[1]);
		headers = new Map();
		phase = "fields";
	}

	function readField(text: string): void {
		if (text === "") {
			endHead();
			return;
		}
		const colon = text.indexOf(":");
		const name = text.slice(0, colon).toLowerCase();
		if (colon < 1 || !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) {
			malformed("a header field without a name");
			return;
		}
		const value = text.slice(colon + 1).trim();
		const before = headers.get(name);
		headers.set(name, before === undefined ? value : `${before}, ${value}`);
	}

	function endHead(): void {
		// Interim answers (100, 103) precede the real one; 101 was never asked for.
		if (status >= 100 && status < 200 && status !== 101) {
			phase = "status";
			return;
		}
		const framing = framingOf(status, headers);
		if (framing === "malformed") {
			malformed("a body framing that is not understood");
			return;
		}
		phase = framing === "chunked" ? "chunk-size" : framing === "until-close" ? "until-close" : "length";
		remaining = typeof framing === "number" ? framing : 0;
		lineBytes = 0;
		events.onHead({ status, headers });
		if (framing === 0 && !isOver()) end();
	}

	function readChunkSize(text: string): void {
		const match = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(text);
		if (match === null) {
			malformed("a chunk without a size");
			return;
		}
		remaining = Number.parseInt(match[1] ?? "", 16);
		lineBytes = 0;
		phase = remaining === 0 ? "trailer" : "chunk-data";
	}

	function readLine(text: string): void {
		if (phase === "status") readStatus(text);
		else if (phase === "fields") readField(text);
		else if (phase === "chunk-size") readChunkSize(text);
		else if (phase === "chunk-end" && text !== "") malformed("a chunk longer than its size");
		else if (phase === "chunk-end") phase = "chunk-size";
		else if (phase === "trailer" && text === "") end();
	}

	/** Takes a line, or the part of it that is there; gives where to go on. */
	function takeLine(bytes: Buffer, from: number): number {
		const found = bytes.indexOf(LF, from);
		const to = found === -1 ? bytes.length : found;
		lineBytes += to - from + 1;
		if (lineBytes > (phase === "chunk-size" || phase === "chunk-end" ? MAX_CHUNK_LINE_BYTES : MAX_HEAD_BYTES)) {
			malformed("a head or a chunk line that is too long");
			return bytes.length;
		}
		line += bytes.toString("latin1", from, to);
		if (found === -1) return to;
		const whole = line.endsWith("\r") ? line.slice(0, -1) : line;
		line = "";
		readLine(whole);
		return found + 1;
	}

	function takeBody(bytes: Buffer, from: number): number {
		if (phase === "until-close") {
			events.onBody(bytes, from, bytes.length);
			return bytes.length;
		}
		const to = Math.min(bytes.length, from + remaining);
		remaining -= to - from;
		events.onBody(bytes, from, to);
		if (remaining > 0 || isOver()) return to;
		if (phase === "length") {
			end();
			return to;
		}
		if (bytes[to] === CR && bytes[to + 1] === LF) {
			phase = "chunk-size";
			return to + 2;
		}
		phase = "chunk-end";
		return to;
	}

	/** The size line of a chunk that is whole in this read and has nothing but digits, as nearly all are; gives where to go on, or `from`. */
	function takePlainSize(bytes: Buffer, from: number): number {
		let size = 0;
		let at = from;
		for (; at < from + MAX_PLAIN_DIGITS; at += 1) {
			const digit = HEX_DIGITS[bytes[at] ?? 0] ?? -1;
			if (digit === -1) break;
			size = size * 16 + digit;
		}
		if (size === 0 || bytes[at] !== CR || bytes[at + 1] !== LF) return from;
		remaining = size;
		phase = "chunk-data";
		return at + 2;
	}

	return {
		push(bytes) {
			let at = 0;
			while (at < bytes.length && !isOver()) {
				if (phase === "chunk-size" && line === "") {
					const next = takePlainSize(bytes, at);
					if (next !== at) {
						at = next;
						continue;
					}
				}
				const inBody = phase === "length" || phase === "chunk-data" || phase === "until-close";
				at = inBody ? takeBody(bytes, at) : takeLine(bytes, at);
			}
		},
		isBetweenChunks: () => phase === "chunk-size" && line === "",
		close() {
			if (isOver()) return;
			if (phase === "until-close") return end();
			phase = "over";
			events.onReset();
		},
		stop() {
			phase = "over";
		},
	};
}

/** How long the body is (RFC 9112, section 6.3). We never send HEAD or CONNECT. */
function framingOf(status: number, headers: ReadonlyMap<string, string>): number | "chunked" | "until-close" | "malformed" {
	if (status === 204 || status === 304) return 0;
	const coding = headers.get("transfer-encoding");
	if (coding !== undefined) return coding.toLowerCase() === "chunked" ? "chunked" : "malformed";
	const length = headers.get("content-length");
	if (length === undefined) return "until-close";
	const [first = "", ...others] = length.split(",").map((part) => part.trim());
	if (!/^\d{1,15}$/.test(first) || others.some((other) => other !== first)) return "malformed";
	return Number(first);
}
