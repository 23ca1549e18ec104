// Finds the stand-in's marks (`~number:microseconds~`) in the bytes of one stream and checks that every number comes once and in order.
// It reads neither JSON nor chunks, so that the load generator costs little; a chunk's edge within a mark is stepped over.

export type MarkCount = { lost: number; doubled: number; reordered: number };

export type MarkReader = {
	/** How many different tokens have come. */
	readonly seen: () => number;
	/** Looks through the next bytes and gives how many tokens were in them; `onToken` gets the stamp of each, in microseconds. */
	readonly push: (bytes: Buffer, onToken: (stamp: number) => void) => number;
	/** What was wrong, once the stream is over. */
	readonly count: () => MarkCount;
};

const TILDE = 126;
const COLON = 58;
const CR = 13;
const LF = 10;

export function createMarkReader(tokens: number): MarkReader {
	const came = new Uint8Array(tokens + 1);
	let different = 0;
	let newest = 0;
	let doubled = 0;
	let reordered = 0;
	let carry: Buffer | undefined;

	const note = (number: number): void => {
		if (number < 1 || number > tokens || came[number] === 1) {
			doubled += 1;
			return;
		}
		came[number] = 1;
		different += 1;
		if (number < newest) reordered += 1;
		else newest = number;
	};

	return {
		seen: () => different,
		push: (fresh, onToken) => {
			const bytes = carry === undefined ? fresh : Buffer.concat([carry, fresh]);
			carry = undefined;
			let found = 0;
			let from = bytes.indexOf(TILDE);
			while (from !== -1) {
				let at = from + 1;
				let number = 0;
				let value = 0;
				let byte = bytes[at];
				while (byte !== undefined && byte !== TILDE) {
					if (byte === COLON) {
						number = value;
						value = 0;
					} else if (byte === CR) at = afterChunkEdge(bytes, at);
					else value = value * 10 + byte - 48;
					at += 1;
					byte = bytes[at];
				}
				if (byte === undefined) {
					carry = Buffer.from(bytes.subarray(from));
					return found;
				}
				note(number);
				onToken(value);
				found += 1;
				from = bytes.indexOf(TILDE, at + 1);
			}
			return found;
		},
		count: () => ({ lost: tokens - different, doubled, reordered }),
	};
}

/** The last byte of `\r\n<size>\r\n`, or beyond the end when it has not all come. */
function afterChunkEdge(bytes: Buffer, at: number): number {
	const sizeFrom = bytes.indexOf(LF, at);
	const end = sizeFrom === -1 ? -1 : bytes.indexOf(LF, sizeFrom + 1);
	return end === -1 ? bytes.length : end;
}
