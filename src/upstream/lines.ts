// Bytes as they arrive → lines, whatever the cuts and the line ends (LF, CR, CRLF), without a byte order mark. A line is handed on as
// bytes: UTF-8 that was split between reads is whole again in a whole line, and a reader that knows a line's form need not decode it.

import { createByteBuffer } from "./byte-buffer.ts";

/** The longest line, and the longest event made of lines. */
export const MAX_LINE_BYTES = 1024 * 1024;

export type LineEvents = {
	/** A line without its end. The bytes stay as they are until the `push` that gave them returns; copy what is kept longer. */
	readonly onLine: (line: Buffer) => void;
	/** The line is longer than 1 MiB. Nothing follows. */
	readonly onTooLong: () => void;
};

export type LineReader = {
	push(bytes: Buffer): void;
	/** Whether what was pushed so far ended with a line end. */
	isAtLineStart(): boolean;
	/** The text has ended: gives a last line that has no end, if there is one. */
	end(): void;
	/** Nothing more is wanted. */
	stop(): void;
};

const LF = 10;
const CR = 13;

export function createLineReader(events: LineEvents): LineReader {
	/** The beginning of a line whose end is still to come. */
	const carry = createByteBuffer(MAX_LINE_BYTES);
	let isFirstLine = true;
	/** The last line ended with a CR at the end of a read: an LF that comes next belongs to it. */
	let skipsLf = false;
	let isOver = false;

	function tooLong(): void {
		isOver = true;
		events.onTooLong();
	}

	function emit(line: Buffer): void {
		const hasMark = isFirstLine && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf;
		isFirstLine = false;
		events.onLine(hasMark ? line.subarray(3) : line);
	}

	function endLine(rest: Buffer): void {
		if (carry.size === 0) {
			if (rest.length > MAX_LINE_BYTES) tooLong();
			else emit(rest);
			return;
		}
		if (!carry.append(rest)) {
			tooLong();
			return;
		}
		emit(carry.take());
	}

	return {
		push(bytes) {
			let from = 0;
			// One search a read for CR, which is rare: -1 stays -1.
			let cr = bytes.indexOf(CR);
			while (from < bytes.length && !isOver) {
				const belongsToLast = skipsLf && bytes[from] === LF;
				skipsLf = false;
				if (belongsToLast) {
					from++;
					continue;
				}
				if (cr !== -1 && cr < from) cr = bytes.indexOf(CR, from);
				const lf = bytes.indexOf(LF, from);
				const isCr = cr !== -1 && (lf === -1 || cr < lf);
				const to = isCr ? cr : lf;
				if (to === -1) {
					if (!carry.append(bytes.subarray(from))) tooLong();
					return;
				}
				skipsLf = isCr;
				endLine(bytes.subarray(from, to));
				from = to + 1;
			}
		},
		isAtLineStart: () => carry.size === 0 && !skipsLf && !isFirstLine && !isOver,
		end() {
			if (!isOver && carry.size > 0) emit(carry.take());
			isOver = true;
		},
		stop() {
			isOver = true;
			carry.clear();
		},
	};
}
