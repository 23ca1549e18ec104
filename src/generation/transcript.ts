// What a generation has said: its text so far, and where each piece of it ends, for a reader that comes back. A token costs one number
// and one joint in a text; it is no object of its own.

import type { TokenEvent } from "../domain/generation.ts";

/** In the places of cuts, marks a piece of reasoning; the other 31 bits are where it ends in its text. */
const REASONING = 0x8000_0000;
const FIRST_CAPACITY = 64;

/** A class, because hundreds of them are touched for every few tokens: one object each, and no closures. */
export class Transcript {
	/** Where each piece ends in the text of its kind; the piece at index n has the sequence number n + 1. */
	private ends = new Uint32Array(FIRST_CAPACITY);
	private count = 0;
	private content = "";
	private reasoning = "";
	/** The last exact count: how many units had how many bytes. */
	private countedUnits = 0;
	private countedBytes = 0;

	/** The number of the newest piece; 0 before the first. */
	seq(): number {
		return this.count;
	}

	/** How long all of it is, in UTF-16 units. */
	units(): number {
		return this.content.length + this.reasoning.length;
	}

	/** Gives the number of the piece. */
	add(type: TokenEvent["type"], text: string): number {
		if (this.count === this.ends.length) this.ends = withRoom(this.ends);
		if (type === "token") {
			this.content += text;
			this.ends[this.count] = this.content.length;
		} else {
			this.reasoning += text;
			this.ends[this.count] = (this.reasoning.length | REASONING) >>> 0;
		}
		this.count += 1;
		return this.count;
	}

	/** All pieces with a number above `after`, in order, up to about so many units; gives the number of the last one told. */
	replay(after: number, tell: (event: TokenEvent) => void, limit = Number.POSITIVE_INFINITY): number {
		if (after >= this.count) return after;
		const { content, reasoning } = this.text();
		let contentFrom = 0;
		let reasoningFrom = 0;
		let told = 0;
		// What is told may bring more: that is left to the next.
		const { ends, count } = this;
		for (let index = 0; index < count; index += 1) {
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
		return count;
	}

	/** The whole text so far. */
	text(): { readonly content: string; readonly reasoning: string } {
		// A text that was put together keeps all its pieces alive until somebody reads it: reading one character makes it one.
		this.content.charCodeAt(0);
		this.reasoning.charCodeAt(0);
		return { content: this.content, reasoning: this.reasoning };
	}

	/** Whether all of it takes more than so many bytes of UTF-8. A UTF-16 unit takes three at most, so most looks count nothing. */
	isLongerThan(limit: number): boolean {
		const units = this.units();
		if (this.countedBytes + (units - this.countedUnits) * 3 <= limit) return false;
		const { content, reasoning } = this.text();
		this.countedUnits = units;
		this.countedBytes = Buffer.byteLength(content) + Buffer.byteLength(reasoning);
		return this.countedBytes > limit;
	}
}

function withRoom(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
	const larger = new Uint32Array(array.length * 2);
	larger.set(array);
	return larger;
}
