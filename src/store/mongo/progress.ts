// The text of running answers. One save is under way at a time, and what comes meanwhile waits with its latest text: two at once could
// reach the server in either order, and an older text must not replace a newer one.

import type { AnyBulkWriteOperation } from "mongodb";
import type { Id } from "../../domain/id.ts";
import type { MessageStore, Progress } from "../../ports/store.ts";
import type { Access } from "./access.ts";
import { toObjectId } from "./conversion.ts";
import type { MessageDocument } from "./documents.ts";

export function createProgress({ operate, step, messages }: Access): Pick<MessageStore, "saveProgress"> {
	const waiting = new Map<Id, Progress>();
	let underWay: Promise<void> = Promise.resolve();
	let next: Promise<void> | undefined;

	/** Only answers that are still streaming; an answer that ended keeps its end, however late this arrives. */
	async function saveWaiting(): Promise<void> {
		next = undefined;
		const commands = [...waiting.values()].map(
			({ messageId, content, reasoning }): AnyBulkWriteOperation<MessageDocument> => ({
				updateOne: {
					filter: { _id: toObjectId(messageId), status: "streaming" },
					update: { $set: { content, reasoning: reasoning === "" ? null : reasoning } },
				},
			}),
		);
		waiting.clear();
		await step(() => messages.bulkWrite(commands, { ordered: false }));
	}

	async function save(parts: readonly Progress[]): Promise<void> {
		if (parts.length === 0) return;
		for (const part of parts) waiting.set(part.messageId, part);
		if (next === undefined) {
			next = underWay.then(saveWaiting);
			// The one after it starts whatever becomes of it; who waits for it learns that.
			underWay = next.catch(() => undefined);
		}
		await next;
	}

	return { saveProgress: (parts) => operate(() => save(parts)) };
}
