// In which order collections are copied, and by which key their records follow one another. A copy that was broken off goes on after a
// key, so all records of one key (the messages of a session) are copied anew together.

import type { Id } from "../domain/id.ts";
import type { CopyCollection, CopyRecords } from "../ports/copy.ts";

type Keys = { readonly [C in CopyCollection]: (record: CopyRecords[C]) => Id };

/** Sessions before their messages, which refer to them. */
const KEYS: Keys = {
	users: ({ id }) => id,
	logins: ({ id }) => id,
	resetTokens: ({ userId }) => userId,
	apiKeys: ({ id }) => id,
	invitations: ({ id }) => id,
	removals: ({ userId }) => userId,
	sessions: ({ id }) => id,
	messages: ({ sessionId }) => sessionId,
	audit: ({ id }) => id,
};

/** All collections, in the order in which they are copied. */
export const COLLECTIONS: readonly CopyCollection[] = Object.keys(KEYS).filter((name): name is CopyCollection => Object.hasOwn(KEYS, name));

export function keyOf<C extends CopyCollection>(collection: C, record: CopyRecords[C]): Id {
	return KEYS[collection](record);
}

/** Roughly how many bytes a record takes. */
export function sizeOf(record: object): number {
	const text = "content" in record && typeof record.content === "string" ? record.content.length : 0;
	return text + 500;
}
