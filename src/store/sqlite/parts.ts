// The text of answers that are still being made, as the file has it: in parts, several answers to a row, put together here.

import type { Database } from "bun:sqlite";
import type { Id } from "../../domain/id.ts";

/** What came of one answer: its id, then where the piece begins and the piece, of the text and of the reasoning. Begins count UTF-16 units. */
export type ProgressPart = readonly [messageId: Id, contentFrom: number, content: string, reasoningFrom: number, reasoning: string];

export type AnswerText = { readonly content: string; readonly reasoning: string };

/** What is stored of running answers; of all, or of one. */
export function readParts(db: Database, only?: Id): ReadonlyMap<Id, AnswerText> {
	const texts = new Map<Id, AnswerText>();
	for (const { parts } of db.query<{ parts: string }, []>("SELECT parts FROM answer_progress ORDER BY number").iterate()) {
		const list: readonly ProgressPart[] = JSON.parse(parts);
		for (const [messageId, contentFrom, content, reasoningFrom, reasoning] of list) {
			if (only !== undefined && messageId !== only) continue;
			const before = texts.get(messageId) ?? { content: "", reasoning: "" };
			// Behind a piece that was not stored nothing fits; its owner sends the whole text next.
			if (contentFrom > before.content.length || reasoningFrom > before.reasoning.length) continue;
			texts.set(messageId, {
				content: before.content.slice(0, contentFrom) + content,
				reasoning: before.reasoning.slice(0, reasoningFrom) + reasoning,
			});
		}
	}
	return texts;
}
