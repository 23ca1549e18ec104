// The fast way to read a token. Within one stream a server's frames differ in nothing but the text of the token, so the bytes before
// and after it are learned from one frame and then only compared. A frame that differs in any other byte takes the slow way, through
// JSON.parse, and may teach a new form. Pure: bytes in, text out; nothing of what a frame means.

/** Reads the token's text from the data of an event; `undefined` when the data has another form. */
type FrameTemplate = (data: Buffer) => string | undefined;

/** Where a frame holds its token. */
export type TokenPlace = {
	/** The name of the member. */
	readonly name: string;
	/** The parsed frame with another token in that member. */
	readonly replace: (frame: unknown, token: string) => unknown;
};

export type TokenReader = {
	/** The token of a frame whose form is known. */
	readonly read: FrameTemplate;
	/** Takes a frame that was read the slow way and holds nothing but this token. */
	readonly learn: (frame: string, token: string) => void;
};

/** Learning costs more than reading the slow way: a server whose frames never repeat is not learned from for ever. */
const FREE_LESSONS = 4;
const READS_PER_LESSON = 8;

export function createTokenReader(place: TokenPlace): TokenReader {
	let template: FrameTemplate | undefined;
	let credit = FREE_LESSONS * READS_PER_LESSON;
	return {
		read: (data) => {
			const token = template?.(data);
			if (token !== undefined && credit < FREE_LESSONS * READS_PER_LESSON) credit += 1;
			return token;
		},
		learn: (frame, token) => {
			if (credit < READS_PER_LESSON) return;
			credit -= READS_PER_LESSON;
			template = learnTemplate(frame, token, place) ?? template;
		},
	};
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Cannot stand in a frame by chance: the proof below must not be deceived by a token that looks like the marker. */
const MARKER = "\u0001pocketllm\u0001";

/**
 * The form of a frame that holds this token. `undefined` when its place cannot be proved: the token must stand there once, and the frame
 * must parse to the same thing with the marker in its place.
 */
function learnTemplate(frame: string, token: string, { name, replace }: TokenPlace): FrameTemplate | undefined {
	const found = findValue(frame, name, token);
	if (found === undefined) return undefined;
	const prefix = frame.slice(0, found.from);
	const suffix = frame.slice(found.to);
	if (!isProved(frame, prefix, suffix, replace)) return undefined;
	return createTemplate(Buffer.from(prefix), Buffer.from(suffix));
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

function createTemplate(prefix: Buffer, suffix: Buffer): FrameTemplate {
	const shortest = prefix.length + suffix.length;
	return (data) => {
		const end = data.length - suffix.length;
		if (data.length < shortest) return undefined;
		// Last bytes first: another frame of the same server begins alike more often than it ends alike.
		if (suffix.compare(data, end, data.length) !== 0 || prefix.compare(data, 0, prefix.length) !== 0) return undefined;
		for (let at = prefix.length; at < end; at += 1) {
			const byte = data[at] ?? 0;
			if (byte === BACKSLASH || byte === QUOTE || byte < 0x20) return textOf(data.toString("utf8", prefix.length, end));
		}
		return data.toString("utf8", prefix.length, end);
	};
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
