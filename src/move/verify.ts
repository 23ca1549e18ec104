// Whether a copy is one: every collection is read back on both sides, and each session of the copy must show as many messages as it has.

import type { Id } from "../domain/id.ts";
import type { Message } from "../domain/message.ts";
import type { CopyCollection, CopyDigest, CopySide, CopyTarget } from "../ports/copy.ts";
import { createDigester } from "./digest.ts";
import { COLLECTIONS } from "./order.ts";
import type { Tracker } from "./progress.ts";

export type Verdict = {
	/** What is not the same, for people; empty when all is. */
	readonly differing: readonly string[];
	readonly source: { readonly [C in CopyCollection]?: CopyDigest };
};

type Sides = { readonly source: CopySide; readonly target: CopyTarget; readonly tracker: Tracker };

export async function compare({ source, target, tracker }: Sides): Promise<Verdict> {
	const digests: { [C in CopyCollection]?: CopyDigest } = {};
	const differing: string[] = [];
	const onMiscount = (session: Id): void => {
		if (differing.length < 10) differing.push(`the count of session ${session}`);
	};
	for (const collection of COLLECTIONS) {
		const there = await digestOf(collection, source.read(collection, null), tracker);
		const records = collection === "messages" ? countedMessages(target, onMiscount) : target.read(collection, null);
		const here = await digestOf(collection, records, tracker);
		digests[collection] = there;
		if (there.sha256 !== here.sha256) differing.push(collection);
	}
	return { differing, source: digests };
}

async function digestOf(collection: CopyCollection, records: AsyncIterable<object>, tracker: Tracker): Promise<CopyDigest> {
	const digester = createDigester();
	for await (const record of records) {
		digester.add(record);
		await tracker.advance(collection, 1);
	}
	return digester.digest();
}

/** The messages as they are read, with their sessions walked beside them: both come in the order of the sessions' ids. */
async function* countedMessages(target: CopyTarget, onMiscount: (session: Id) => void): AsyncGenerator<Message> {
	const sessions = target.messageCounts()[Symbol.asyncIterator]();
	let session = await sessions.next();
	let there = 0;
	const nextSession = async (): Promise<void> => {
		if (!session.done && session.value.count !== there) onMiscount(session.value.id);
		there = 0;
		session = await sessions.next();
	};
	for await (const message of target.read("messages", null)) {
		while (!session.done && session.value.id !== message.sessionId) await nextSession();
		if (message.inForce) there += 1;
		yield message;
	}
	while (!session.done) await nextSession();
}
