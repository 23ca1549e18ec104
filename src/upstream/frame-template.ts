// The fast way to read a token. Within one stream a server's frames differ in nothing but the text of the token, so the bytes before
// and after it are learned from one frame and then only compared. A frame that differs in any other byte takes the slow way, through
// JSON.parse, and may teach a new form. Pure: bytes in, text out; nothing of what a frame means.

import type { UpstreamPart } from "../ports/upstream.ts";

/** Where a frame holds its token. */
export type TokenPlace = {
	/** The name of the member. */
	readonly name: string;
	/** The parsed frame with another token in that member. */
	readonly replace: (frame: unknown, token: string) => unknown;
};

export type TokenReader = {
	/**
	 * Reads whole events of the known form from `bytes` between `from` and `to`, gives their tokens, and tells where the first byte stands
	 * that it did not read. `from` must be the beginning of an event.
	 */
	readonly read: (bytes: Buffer, from: number, to: number, onToken: (token: string) => void) => number;
	/** Takes a frame that was read the slow way and holds nothing but this token. */
	readonly learn: (frame: string, token: string) => void;
	/** For reads that are one chunk with one event of the form that is known now; `undefined` when none is. */
	readonly lane: (onPart: (part: UpstreamPart) => void) => TokenLane | undefined;
};

/** One event as nearly every server writes it. Whatever is framed otherwise takes the slow way. */
const EVENT_START = "data: ";
const EVENT_END = "\n\n";
/** Learning costs more than reading the slow way: a server whose frames never repeat is not learned from for ever. */
const FREE_LESSONS = 4;
const READS_PER_LESSON = 8;

export function createTokenReader(place: TokenPlace): TokenReader {
	let template: Template | undefined;
	let credit = FREE_LESSONS * READS_PER_LESSON;
	let lane: TokenLane | undefined;
	return {
		read: (bytes, from, to, onToken) => {
			let at = from;
			while (template !== undefined && at < to) {
				const end = endOfEvent(template, bytes, at, to);
				const token =
					end === -1 ? undefined : tokenOf(bytes, at + template.prefixLength, end - (template.bytes.length - template.prefixLength));
				if (token === undefined) break;
				if (credit < FREE_LESSONS * READS_PER_LESSON) credit += 1;
				at = end;
				onToken(token);
			}
			return at;
		},
		learn: (frame, token) => {
			if (credit < READS_PER_LESSON) return;
			credit -= READS_PER_LESSON;
			template = learnTemplate(frame, token, place) ?? template;
		},
		lane: (onPart) => {
			if (template === undefined) return undefined;
			if (lane?.template !== template || lane.onPart !== onPart) lane = new TokenLane(template, onPart);
			return lane;
		},
	};
}

/**
 * The fastest way to read a token: model servers send each in a chunk of its own, and a read mostly brings one. A class, because hundreds
 * of them are touched for every few tokens: this object, the template's bytes, and nothing else on this side of the engine.
 */
export class TokenLane {
	readonly template: Template;
	readonly onPart: (part: UpstreamPart) => void;
	private readonly bytes: Buffer;
	private readonly prefixLength: number;
	private readonly suffixLength: number;

	constructor(template: Template, onPart: (part: UpstreamPart) => void) {
		this.template = template;
		this.onPart = onPart;
		this.bytes = template.bytes;
		this.prefixLength = template.prefixLength;
		this.suffixLength = template.bytes.length - template.prefixLength;
	}

	/** Takes a read that is exactly one chunk with exactly one event of the form, and gives its token away; `false`: nothing was taken. */
	take(read: Buffer): boolean {
		const { bytes, prefixLength, suffixLength } = this;
		const chunkTo = read.length - CHUNK_END_BYTES;
		if (read[chunkTo] !== CR || read[chunkTo + 1] !== LINE_FEED) return false;
		const chunkFrom = endOfSizeLine(read, chunkTo);
		const textFrom = chunkFrom + prefixLength;
		const textTo = chunkTo - suffixLength;
		if (chunkFrom === -1 || textTo < textFrom) return false;
		if (bytes.compare(read, textTo, chunkTo, prefixLength) !== 0) return false;
		if (bytes.compare(read, chunkFrom, textFrom, 0, prefixLength) !== 0) return false;
		const token = tokenOf(read, textFrom, textTo);
		if (token === undefined) return false;
		this.onPart({ type: "text", text: token });
		return true;
	}
}

/** Where the data of a chunk begins that ends at `to`, when its size line has that size and nothing else; else -1. */
function endOfSizeLine(read: Buffer, to: number): number {
	let size = 0;
	let at = 0;
	for (; at < MAX_SIZE_DIGITS; at += 1) {
		const digit = hexDigit(read[at] ?? 0);
		if (digit === -1) break;
		size = size * 16 + digit;
	}
	if (read[at] !== CR || read[at + 1] !== LINE_FEED) return -1;
	const from = at + 2;
	return from + size === to ? from : -1;
}

function hexDigit(byte: number): number {
	if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
	if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
	return byte >= 0x41 && byte <= 0x46 ? byte - 0x37 : -1;
}

/**
 * The bytes of an event before and after its token, one behind the other: hundreds of streams have a template each, and what a token
 * costs is mostly how much memory it touches.
 */
type Template = { readonly bytes: Buffer; readonly prefixLength: number };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LINE_FEED = 0x0a;
const CR = 0x0d;
/** Behind the data of a chunk: a line end. */
const CHUNK_END_BYTES = 2;
/** Enough for any event that holds one token. */
const MAX_SIZE_DIGITS = 6;
/** Cannot stand in a frame by chance: the proof below must not be deceived by a token that looks like the marker. */
const MARKER = "\u0001pocketllm\u0001";

/**
 * The form of a frame that holds this token. `undefined` when its place cannot be proved: the token must stand there once, and the frame
 * must parse to the same thing with the marker in its place.
 */
function learnTemplate(frame: string, token: string, { name, replace }: TokenPlace): Template | undefined {
	const found = findValue(frame, name, token);
	if (found === undefined) return undefined;
	const prefix = frame.slice(0, found.from);
	const suffix = frame.slice(found.to);
	if (!isProved(frame, prefix, suffix, replace)) return undefined;
	const start = EVENT_START + prefix;
	return { bytes: Buffer.from(start + suffix + EVENT_END), prefixLength: Buffer.byteLength(start) };
}

/** Where the text of `"name":"…"` stands, between its quotes, when there is exactly one such member with this value. */
function findValue(frame: string, name: string, value: string): { from: number; to: number } | undefined {
	const key = `"${name}":`;
	let found: { from: number; to: number } | undefined;
	for (let at = frame.indexOf(key); at !== -1; at = frame.indexOf(key, at + 1)) {
		let from = at + key.length;
		while (frame[from] === " ") from += 1;
		if (frame[from] !== '"') continue;
		from += 1;
		const to = endOfText(frame, from);
		if (to === undefined || textOf(frame.slice(from, to)) !== value) continue;
		if (found !== undefined) return undefined;
		found = { from, to };
	}
	return found;
}

function endOfText(frame: string, from: number): number | undefined {
	for (let at = from; at < frame.length; at += 1) {
		if (frame[at] === "\\") at += 1;
		else if (frame[at] === '"') return at;
	}
	return undefined;
}

function isProved(frame: string, prefix: string, suffix: string, replace: TokenPlace["replace"]): boolean {
	try {
		const marked: unknown = JSON.parse(prefix + JSON.stringify(MARKER).slice(1, -1) + suffix);
		return JSON.stringify(marked) === JSON.stringify(replace(JSON.parse(frame), MARKER));
	} catch {
		return false;
	}
}

/** Where an event of this form ends that begins at `from`, or -1. */
function endOfEvent(template: Template, bytes: Buffer, from: number, to: number): number {
	const { prefixLength } = template;
	const textFrom = from + prefixLength;
	const suffixLength = template.bytes.length - prefixLength;
	if (to - textFrom < suffixLength || template.bytes.compare(bytes, from, textFrom, 0, prefixLength) !== 0) return -1;
	// Mostly there is one event in a read.
	const isLast = template.bytes.compare(bytes, to - suffixLength, to, prefixLength) === 0;
	if (isLast && isOneLine(bytes, textFrom, to - suffixLength)) return to;
	const found = bytes.indexOf(template.bytes.subarray(prefixLength), textFrom);
	return found === -1 || found + suffixLength > to ? -1 : found + suffixLength;
}

/** Whether there is no line end: a loop, because tokens are short and a call costs more than they do. */
function isOneLine(bytes: Buffer, from: number, to: number): boolean {
	for (let at = from; at < to; at += 1) if (bytes[at] === LINE_FEED) return false;
	return true;
}

/** The token between its quotes; `undefined` when this is no text of a JSON string, so that a quote in it never passes for text. */
function tokenOf(bytes: Buffer, from: number, to: number): string | undefined {
	if (to < from) return undefined;
	let isAscii = true;
	for (let at = from; at < to; at += 1) {
		const byte = bytes[at] ?? 0;
		if (byte === BACKSLASH || byte === QUOTE || byte < 0x20) return textOf(bytes.toString("utf8", from, to));
		if (byte > 0x7e) isAscii = false;
	}
	return bytes.toString(isAscii ? "latin1" : "utf8", from, to);
}

/** The text between the quotes of a JSON string; `undefined` when it is none, so that a quote in it never passes for text. */
function textOf(escaped: string): string | undefined {
	try {
		const text: unknown = JSON.parse(`"${escaped}"`);
		return typeof text === "string" ? text : undefined;
	} catch {
		return undefined;
	}
}
