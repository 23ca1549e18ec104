// Ids of everything we store: 24 hexadecimal characters, the text form of a MongoDB ObjectId, in every store.
// Only the form lives here; who may see an object with an id is decided by the features.

/** An id: exactly 24 lower-case hexadecimal characters. */
export type Id = string & { readonly __id: unique symbol };

const ID = /^[0-9a-f]{24}$/;

/** Reads an id in either case; gives it in lower case, or `undefined` when the text is no id. */
export function parseId(text: string): Id | undefined {
	const lower = text.toLowerCase();
	return isId(lower) ? lower : undefined;
}

function isId(text: string): text is Id {
	return ID.test(text);
}

/** Makes ids: 4 bytes of seconds, 5 random bytes of this process, a 3-byte counter (the ObjectId layout of the BSON specification). */
export function createIdSource(now: () => number, randomBytes: (count: number) => Uint8Array): () => Id {
	const process = toHex(randomBytes(5));
	const start = randomBytes(3);
	let counter = ((start[0] ?? 0) << 16) | ((start[1] ?? 0) << 8) | (start[2] ?? 0);
	return () => {
		counter = (counter + 1) & 0xffffff;
		const seconds = Math.floor(now() / 1000) >>> 0;
		const text = seconds.toString(16).padStart(8, "0") + process + counter.toString(16).padStart(6, "0");
		return isId(text) ? text : fail();
	};
}

/**
 * Makes ids whose order is that of time, to the millisecond and also between processes, for what is read in that order: 6 bytes of
 * milliseconds, a 2-byte counter, 4 random bytes of this process.
 */
export function createTimedIdSource(now: () => number, randomBytes: (count: number) => Uint8Array): () => Id {
	const process = toHex(randomBytes(4));
	let [last, counter] = [0, 0];
	return () => {
		const time = now();
		counter = time === last ? (counter + 1) & 0xffff : 0;
		last = time;
		const text = timeOf(time) + counter.toString(16).padStart(4, "0") + process;
		return isId(text) ? text : fail();
	};
}

/** What comes before every timed id of this time (milliseconds since 1970) or later, and behind every earlier one. */
export function firstTimedId(time: number): Id {
	const text = timeOf(time).padEnd(24, "0");
	return isId(text) ? text : fail();
}

function timeOf(milliseconds: number): string {
	return Math.max(0, Math.floor(milliseconds)).toString(16).padStart(12, "0");
}

function fail(): never {
	throw new Error("an id must be 24 hexadecimal characters");
}

function toHex(bytes: Uint8Array): string {
	let text = "";
	for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
	return text;
}
