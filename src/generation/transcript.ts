// What a generation has said: its text so far, and every token of it for a reader that comes back. Tokens are kept as they came for a
// moment only; then they are one text with the places of the cuts, a twentieth of the memory.

import type { TokenEvent } from "../domain/generation.ts";

/** In the places of cuts, marks a piece of reasoning; the other 31 bits are where it ends in its text. */
const REASONING = 0x8000_0000;
const FIRST_CAPACITY = 64;

export function createTranscript() {
	/** Where each folded piece ends in the text of its kind; the piece at index n has the sequence number n + 1. */
	let ends = new Uint32Array(FIRST_CAPACITY);
	let folded = 0;
	let content = "";
	let reasoning = "";
	/** Pieces that came since the last fold. */
	let recent: TokenEvent[] = [];
	/** UTF-16 units in all. */
	let units = 0;
	/** The last exact count: how many units had how many bytes. */
	let counted = { units: 0, bytes: 0 };

	const fold = (): void => {
		if (recent.length === 0) return;
		ends = withRoom(ends, folded + recent.length);
		let contentEnd = content.length;
		let reasoningEnd = reasoning.length;
		const newContent: string[] = [];
		const newReasoning: string[] = [];
		for (const { type, content: piece } of recent) {
			if (type === "token") {
				newContent.push(piece);
				contentEnd += piece.length;
				ends[folded] = contentEnd;
			} else {
				newReasoning.push(piece);
				reasoningEnd += piece.length;
				ends[folded] = (reasoningEnd | REASONING) >>> 0;
			}
			folded += 1;
		}
		content = flat(content + newContent.join(""));
		reasoning = flat(reasoning + newReasoning.join(""));
		recent = [];
	};

	/** The folded pieces above `after`, as they came, up to so many units; gives the number of the last one. */
	const unfold = (after: number, tell: (event: TokenEvent) => void, limit: number): number => {
		let contentFrom = 0;
		let reasoningFrom = 0;
		let told = 0;
		for (let index = 0; index < folded; index += 1) {
			const mark = ends[index] ?? 0;
			const end = (mark & ~REASONING) >>> 0;
			const isReasoning = mark >= REASONING;
			if (index >= after) {
				if (told >= limit) return index;
				const piece = isReasoning ? reasoning.slice(reasoningFrom, end) : content.slice(contentFrom, end);
				told += piece.length;
				tell({ type: isReasoning ? "reasoning" : "token", content: piece, seq: index + 1 });
			}
			if (isReasoning) reasoningFrom = end;
			else contentFrom = end;
		}
		return folded;
	};

	return {
		/** The number of the newest piece; 0 before the first. */
		seq: () => folded + recent.length,
		/** How long all of it is, in UTF-16 units. */
		units: () => units,
		add: (type: TokenEvent["type"], text: string): TokenEvent => {
			const event: TokenEvent = { type, content: text, seq: folded + recent.length + 1 };
			recent.push(event);
			units += text.length;
			return event;
		},
		/** All pieces with a number above `after`, in order, up to about so many units; gives the number of the last one told. */
		replay: (after: number, tell: (event: TokenEvent) => void, limit = Number.POSITIVE_INFINITY): number => {
			if (limit !== Number.POSITIVE_INFINITY) fold();
			const reached = after < folded ? unfold(after, tell, limit) : after;
			if (reached < folded) return reached;
			for (const event of recent) if (event.seq > after) tell(event);
			return Math.max(after, folded + recent.length);
		},
		/** The whole text so far. */
		text: () => {
			fold();
			return { content, reasoning };
		},
		/** Whether all of it takes more than so many bytes of UTF-8. A UTF-16 unit takes three at most, so most looks count nothing. */
		isLongerThan: (limit: number): boolean => {
			if (counted.bytes + (units - counted.units) * 3 <= limit) return false;
			fold();
			counted = { units, bytes: Buffer.byteLength(content) + Buffer.byteLength(reasoning) };
			return counted.bytes > limit;
		},
	};
}

function withRoom(array: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
	if (length <= array.length) return array;
	const larger = new Uint32Array(Math.max(length, array.length * 2));
	larger.set(array);
	return larger;
}

/** A text that was put together keeps all its pieces alive until somebody reads it: reading one character makes it one. */
function flat(text: string): string {
	text.charCodeAt(0);
	return text;
}
