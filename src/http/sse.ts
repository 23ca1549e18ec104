// The writer of server-sent events: our own encoder for every frame, and one response per reader.
//
// Frame rule of /chat/stream, relied on by the existing client: every frame is exactly one line `data: <json>` and a blank line,
// LF only; no comments, no id/event/retry lines, no [DONE]. Only the resume route adds `id:` lines.

import type { GenerationEvent } from "../domain/generation.ts";

/** What a reader may have unsent before it is dropped, in bytes (UTF-16 units are counted, which is close enough for a bound). */
const READER_CAP = 1024 * 1024;

/** The event that was encoded last: all readers of an answer are told it one after the other. */
let lastEvent: GenerationEvent | undefined;
let lastFrame = "";

/** One frame without standard fields. JSON.stringify escapes every line end, so a frame is always one line. */
export function encodeFrame(event: GenerationEvent): string {
	if (event !== lastEvent) {
		lastFrame = encode(event);
		lastEvent = event;
	}
	return lastFrame;
}

function encode(event: GenerationEvent): string {
	// Nearly all frames are these: put together by hand, a third of the cost.
	if (event.type === "token") return `data: {"type":"token","content":${JSON.stringify(event.content)},"seq":${event.seq}}\n\n`;
	return `data: ${JSON.stringify(event)}\n\n`;
}

/** The same with `id: <seq>` before token and reasoning events, for `Last-Event-ID`. */
export function encodeFrameWithId(event: GenerationEvent): string {
	return event.type === "token" || event.type === "reasoning" ? `id: ${event.seq}\n${encodeFrame(event)}` : encodeFrame(event);
}

/** A reader that is waited for and takes nothing for this long is dropped, so that it holds up nobody. */
const STALLED_MS = 30_000;

/** Where frames of one reader go. */
export type FrameSink = {
	/** Hands a frame over; returns at once. After the reader has gone, nothing happens. */
	write(frame: string): void;
	/** Resolves when the reader has taken what was written, or has gone: for whoever has much to write. */
	drained(): Promise<void>;
	/** Ends the response cleanly. */
	end(): void;
};

export type EventStreamOptions = {
	/** Called once, when the response starts; hands over where to write. */
	readonly start: (sink: FrameSink) => void;
	/** Called once, when the reader has gone (closed, or dropped because it does not read), not after `end`. */
	readonly onGone: () => void;
	readonly signal: AbortSignal;
};

/**
 * A text/event-stream response over a `direct` stream, which costs Bun the least per frame.
 * A reader that does not read is dropped at `READER_CAP`: its connection breaks, and nobody else notices.
 */
export function eventStream(options: EventStreamOptions): Response {
	const reader = new Reader(options);
	return new Response(new ReadableStream(reader.source()), {
		headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no" },
	});
}

/**
 * The readers that something was written for within this turn of the event loop. They get it together, when everything that had arrived
 * was read: each send wakes whoever reads at the other end, and hundreds of sends in a row cost half of as many sends with work between
 * them.
 */
let outbox: Reader[] = [];

function flushOutbox(): void {
	const readers = outbox;
	outbox = [];
	for (const reader of readers) reader.flush();
}

/** The response of one reader. A class, because hundreds of them are touched for every few tokens: one object each, and no closures. */
class Reader implements FrameSink {
	readonly #options: EventStreamOptions;
	#controller: ReadableStreamDirectController | undefined;
	#isOpen = true;
	/** What was written within this turn of the event loop. */
	#pending = "";
	/** UTF-16 units that the socket has not taken. */
	#unsent = 0;
	/** Resolves when the socket has taken all of it. */
	#taking: Promise<void> | undefined;
	/** Wakes those who wait for the reader. */
	#wake: () => void = () => {};
	readonly #finished = Promise.withResolvers<void>();

	constructor(options: EventStreamOptions) {
		this.#options = options;
		if (options.signal.aborted) this.#abort();
		else options.signal.addEventListener("abort", this.#abort);
	}

	source(): Bun.DirectUnderlyingSource<string> {
		return {
			type: "direct",
			pull: (controller) => {
				this.#controller = controller;
				if (this.#isOpen) this.#options.start(this);
				return this.#finished.promise;
			},
			cancel: this.#abort,
		};
	}

	write(frame: string): void {
		if (!this.#isOpen) return;
		if (this.#pending === "") {
			if (outbox.length === 0) setImmediate(flushOutbox);
			outbox.push(this);
		}
		this.#pending += frame;
	}

	/** Hands what was written to the socket. Never throws: those of others come after it. */
	flush(): void {
		const frame = this.#pending;
		this.#pending = "";
		if (frame === "" || !this.#isOpen || this.#controller === undefined) return;
		// Before it is handed over: a buffer that is full already would be copied into one of twice its size, for each of those who do not read.
		if (this.#unsent > 0 && this.#unsent + frame.length > READER_CAP) {
			this.#drop("the reader does not read");
			return;
		}
		try {
			const taken: number | Promise<number> = this.#controller.write(frame);
			this.#controller.flush();
			if (typeof taken === "number" && this.#unsent === 0) return;
			this.#unsent += frame.length;
			if (taken instanceof Promise) this.#await(taken);
			if (this.#unsent > READER_CAP) this.#drop("the reader does not read");
		} catch {
			this.#abort();
		}
	}

	async drained(): Promise<void> {
		this.flush();
		// The socket gets at the end of this turn of the event loop what was handed on within it.
		await new Promise<void>((resolve) => setImmediate(resolve));
		if (!this.#isOpen || this.#taking === undefined) return;
		const late = setTimeout(() => this.#drop("the reader has stopped reading"), STALLED_MS);
		try {
			await this.#taking;
		} finally {
			clearTimeout(late);
		}
	}

	end(): void {
		if (!this.#isOpen) return;
		this.flush();
		if (!this.#isOpen) return;
		this.#close();
		this.#controller?.end();
		this.#finished.resolve();
	}

	#await(taken: Promise<number>): void {
		if (this.#taking === undefined) {
			const { promise, resolve } = Promise.withResolvers<void>();
			this.#taking = promise;
			this.#wake = resolve;
		}
		taken.then(() => {
			this.#unsent = 0;
			this.#taking = undefined;
			this.#wake();
		}, this.#abort);
	}

	#close(): void {
		this.#isOpen = false;
		this.#options.signal.removeEventListener("abort", this.#abort);
	}

	#leave(): void {
		if (!this.#isOpen) return;
		this.#close();
		this.#wake();
		this.#options.onGone();
	}

	#drop(reason: string): void {
		this.#leave();
		this.#finished.reject(new Error(reason));
	}

	/** The connection has closed. */
	readonly #abort = (): void => {
		this.#leave();
		this.#finished.resolve();
	};
}
