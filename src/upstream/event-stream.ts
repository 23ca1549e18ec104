// Bytes of a text/event-stream → the data of its events (WHATWG HTML, section 9.2.6). Names, ids and retry times mean nothing here and
// are dropped. Our own and not eventsource-parser because events come out as bytes: an adapter that knows its frames can then read a
// token without decoding and parsing the whole; and because an event without any field we know must count as garbage.

import { createByteBuffer } from "./byte-buffer.ts";
import { createLineReader, MAX_LINE_BYTES } from "./lines.ts";

export type EventStreamEvents = {
	/** The data of one event, as UTF-8. Valid during the call only. */
	readonly onData: (data: Buffer) => void;
	/** An event that has no field of the format. */
	readonly onGarbage: (line: Buffer) => void;
	/** A line or an event is longer than 1 MiB. Nothing follows. */
	readonly onTooLong: () => void;
};

const COLON = 58;
const BLANK = 32;
const LINE_FEED = Buffer.from("\n");

export type EventStreamReader = {
	push(bytes: Buffer): void;
	/** Whether the next byte begins an event. Not before the first event, which a byte order mark may precede. */
	isBetweenEvents(): boolean;
	/** The standard drops an event whose blank line never came; servers forget the one after their last event, so here it counts. */
	end(): void;
	stop(): void;
};

export function createEventStreamReader(events: EventStreamEvents): EventStreamReader {
	/** The one data line of the event so far, as a view: most events have one line, and end in the same read. */
	let view: Buffer | undefined;
	/** The data of an event that has more lines, or that goes on in a later read. */
	const kept = createByteBuffer(MAX_LINE_BYTES);
	let hasKept = false;
	let unknown: Buffer | undefined;

	function dispatch(): void {
		const event = hasKept ? kept.take() : view;
		const garbage = unknown;
		hasKept = false;
		view = undefined;
		unknown = undefined;
		if (event !== undefined) events.onData(event);
		else if (garbage !== undefined) events.onGarbage(garbage);
	}

	function keepView(): void {
		if (view === undefined) return;
		kept.append(view);
		hasKept = true;
		view = undefined;
	}

	function addData(value: Buffer): void {
		if (view === undefined && !hasKept) {
			view = value;
			return;
		}
		keepView();
		if (kept.append(LINE_FEED) && kept.append(value)) return;
		lines.stop();
		events.onTooLong();
	}

	function takeLine(line: Buffer): void {
		if (line.length === 0) {
			dispatch();
			return;
		}
		const colon = line.indexOf(COLON);
		if (colon === 0) return;
		const nameEnd = colon === -1 ? line.length : colon;
		if (isName(line, nameEnd, "data")) {
			const from = colon === -1 ? line.length : line[colon + 1] === BLANK ? colon + 2 : colon + 1;
			addData(line.subarray(from));
			return;
		}
		const isKnown = isName(line, nameEnd, "event") || isName(line, nameEnd, "id") || isName(line, nameEnd, "retry");
		if (!isKnown) unknown ??= Buffer.from(line.subarray(0, 4096));
	}

	const lines = createLineReader({ onLine: takeLine, onTooLong: events.onTooLong });

	return {
		push(bytes) {
			lines.push(bytes);
			keepView();
		},
		isBetweenEvents: () => !hasKept && unknown === undefined && lines.isAtLineStart(),
		end() {
			lines.end();
			dispatch();
		},
		stop() {
			lines.stop();
			kept.clear();
			hasKept = false;
			view = undefined;
			unknown = undefined;
		},
	};
}

function isName(line: Buffer, length: number, name: string): boolean {
	return length === name.length && line.toString("latin1", 0, length) === name;
}
