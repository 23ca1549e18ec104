// The text of running answers on its way to the file, and back to those who read it meanwhile. Only what is new travels, as one text for
// all answers of a save: with 500 answers a second anything more would cost as much as the streams themselves.

import type { Database } from "bun:sqlite";
import type { Id } from "../../domain/id.ts";
import type { AnswerEnd, Progress } from "../../ports/store.ts";
import { type AnswerText, type ProgressPart, readParts } from "./parts.ts";
import type { Writer } from "./writer.ts";

/** How much of an answer was handed over, in UTF-16 units, and the number of the first save that its stored text needs. */
type Handed = { readonly content: number; readonly reasoning: number; readonly first: number };

/** After a save that failed: the next one has the whole text, whatever of this one was stored. */
const UNKNOWN_UNITS = Number.POSITIVE_INFINITY;

/** An answer that goes on for longer than so many saves is handed over whole again, so that the rows before can go. */
const WHOLE_AFTER_SAVES = 600;

export type ProgressSaver = {
	/** Stores these texts; resolves when they are durable. */
	save(texts: readonly Progress[]): Promise<void>;
	/** Stores the end of an answer; its parts are no longer needed. */
	finish(end: AnswerEnd): Promise<boolean>;
	/** What is stored of an answer that runs; `undefined` when nothing is. To be called within a read. */
	textOf(messageId: Id): AnswerText | undefined;
};

export function createProgress({ db, write }: { readonly db: Database } & Pick<Writer, "write">): ProgressSaver {
	/** The answers whose rows are still needed: until their end, or a later save of the whole text, is durable. */
	const handed = new Map<Id, Handed>();
	/** What is stored of the answers that run here, so that reading one does not look through all rows. */
	const durable = new Map<Id, AnswerText>();
	/** The numbers of our own rows; an older or a newer one is another process's. */
	let firstOwn = 0;
	let last = 0;

	function startNumbers(): void {
		if (last === 0) last = numbersIn(db).last;
		firstOwn ||= last + 1;
	}

	/** What is new of an answer, counted as handed over with this save; `undefined` when nothing is. */
	function partOf({ messageId, content, reasoning }: Progress, number: number): ProgressPart | undefined {
		const before = handed.get(messageId);
		const isGrowth =
			before !== undefined &&
			content.length >= before.content &&
			reasoning.length >= before.reasoning &&
			number - before.first < WHOLE_AFTER_SAVES;
		if (isGrowth && content.length === before.content && reasoning.length === before.reasoning) return undefined;
		handed.set(messageId, { content: content.length, reasoning: reasoning.length, first: before?.first ?? number });
		const from = isGrowth ? before : { content: 0, reasoning: 0 };
		return [messageId, from.content, content.slice(from.content), from.reasoning, reasoning.slice(from.reasoning)];
	}

	/** Of this save on, what is stored of an answer is whole: the rows before are no longer needed for it. */
	function startAt(messageId: Id, number: number): void {
		const before = handed.get(messageId);
		if (before !== undefined) handed.set(messageId, { ...before, first: number });
	}

	/** A save failed. What stands in the rows before stays needed. */
	function doubt(messageId: Id, number: number): void {
		const before = handed.get(messageId);
		if (before === undefined) return;
		if (before.first === number) handed.delete(messageId);
		else handed.set(messageId, { content: UNKNOWN_UNITS, reasoning: UNKNOWN_UNITS, first: before.first });
	}

	/** Rows below this number hold nothing that is still needed; `without` an answer that ends. */
	function firstNeeded(without?: Id): number {
		let least = last + 1;
		for (const [messageId, { first }] of handed) if (messageId !== without && first < least) least = first;
		return least;
	}

	return {
		async save(texts) {
			startNumbers();
			const number = last + 1;
			const parts = texts.map((text) => partOf(text, number)).filter((part) => part !== undefined);
			if (parts.length === 0) return;
			last = number;
			try {
				const stored = await write("saveProgress", { number, parts: JSON.stringify(parts), below: firstNeeded() });
				if (stored !== number) {
					// Another process has written: what stands before is no longer only ours.
					firstOwn = stored;
					last = Math.max(last, stored);
				}
				for (const [messageId, contentFrom, , reasoningFrom] of parts) if (contentFrom + reasoningFrom === 0) startAt(messageId, number);
				for (const text of texts) if (handed.has(text.messageId)) durable.set(text.messageId, text);
			} catch (error) {
				for (const [messageId] of parts) doubt(messageId, number);
				throw error;
			}
		},
		async finish(end) {
			const below = last === 0 ? 0 : firstNeeded(end.messageId);
			const isStored = await write("finishAnswer", { end, below });
			// Not before: another answer's save would let go of this one's text, which a crash may still need.
			handed.delete(end.messageId);
			durable.delete(end.messageId);
			// Answers that end at once each keep the rows of the others. When this fails, the next save or end lets go of them.
			if (handed.size === 0 && below <= last) write("dropProgress", { below: last + 1 }).catch(() => undefined);
			return isStored;
		},
		textOf(messageId) {
			const rows = numbersIn(db);
			const areOurs = rows.last === 0 || (rows.first >= firstOwn && rows.last <= last && firstOwn > 0);
			return areOurs ? durable.get(messageId) : readParts(db, messageId).get(messageId);
		},
	};
}

/** The lowest and the highest number in the file; 0 when there is none. */
function numbersIn(db: Database): { readonly first: number; readonly last: number } {
	const row = db
		.query<{ first: number; last: number }, []>(
			`SELECT coalesce((SELECT min(number) FROM answer_progress), 0) AS first,
				coalesce((SELECT max(number) FROM answer_progress), 0) AS last`,
		)
		.get();
	return row ?? { first: 0, last: 0 };
}
