// What has been handed to the writer of each running answer, so that only the rest travels: with 500 answers of some kilobytes a second,
// sending the whole text each time would cost more than the streams themselves.

import type { Id } from "../../domain/id.ts";
import type { Progress } from "../../ports/store.ts";
import type { Writer } from "./writer.ts";
import type { ProgressPart } from "./writes/table.ts";

/** How much of a text was handed over: UTF-16 units here, bytes of UTF-8 in the file. */
type Extent = { readonly units: number; readonly bytes: number };
type Handed = { readonly content: Extent; readonly reasoning: Extent };

const NOTHING: Extent = { units: 0, bytes: 0 };

export type ProgressSaver = {
	/** Stores these texts; resolves when they are durable. */
	save(texts: readonly Progress[]): Promise<void>;
	/** The next part of this answer will be its whole text. To be called at its end. */
	forget(messageId: Id): void;
};

export function createProgress({ write }: Pick<Writer, "write">): ProgressSaver {
	const handed = new Map<Id, Handed>();

	/** What is new of a text, counted as handed over; `undefined` when nothing is. */
	function partOf(text: Progress): ProgressPart | undefined {
		const before = handed.get(text.messageId);
		const content = wholeCharacters(text.content);
		const reasoning = wholeCharacters(text.reasoning);
		const isGrowth = before !== undefined && content.length >= before.content.units && reasoning.length >= before.reasoning.units;
		const from = isGrowth ? before : { content: NOTHING, reasoning: NOTHING };
		const part = {
			messageId: text.messageId,
			content: content.slice(from.content.units),
			reasoning: reasoning.slice(from.reasoning.units),
		};
		if (isGrowth && part.content === "" && part.reasoning === "") return undefined;
		handed.set(text.messageId, { content: extend(from.content, part.content), reasoning: extend(from.reasoning, part.reasoning) });
		if (!isGrowth) return part;
		return { ...part, after: { contentBytes: from.content.bytes, reasoningBytes: from.reasoning.bytes } };
	}

	/** Hands over what is new; gives the answers that could not take it. */
	async function handOver(texts: readonly Progress[]): Promise<readonly Id[]> {
		const parts = texts.map(partOf).filter((part) => part !== undefined);
		if (parts.length === 0) return [];
		try {
			const lost = await write("saveProgress", parts);
			for (const messageId of lost) handed.delete(messageId);
			return lost;
		} catch (error) {
			for (const { messageId } of parts) handed.delete(messageId);
			throw error;
		}
	}

	return {
		async save(texts) {
			const lost = await handOver(texts);
			// Whole this time. Those that are gone or have ended are lost again, which is as it should be.
			if (lost.length > 0) await handOver(texts.filter((text) => lost.includes(text.messageId)));
		},
		forget(messageId) {
			handed.delete(messageId);
		},
	};
}

function extend(before: Extent, added: string): Extent {
	return { units: before.units + added.length, bytes: before.bytes + Buffer.byteLength(added) };
}

/** Without the first half of a surrogate pair at the end: written apart, both halves would become U+FFFD. It goes with the next part. */
function wholeCharacters(text: string): string {
	const last = text.charCodeAt(text.length - 1);
	return last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text;
}
