// The order of messages within a session: (created_at, seq, _id). `created_at` never goes back within a session, whatever the clock does;
// `seq` decides within one millisecond; old messages have none and stand before those that have, in the order of their ids.

import type { Filter } from "mongodb";
import type { MessageDocument } from "./documents.ts";

export const OLDEST_FIRST = { created_at: 1, seq: 1, _id: 1 } as const;
export const NEWEST_FIRST = { created_at: -1, seq: -1, _id: -1 } as const;

type Placed = Pick<MessageDocument, "_id" | "created_at" | "seq">;

/** The first condition bounds the walk through the index, the second sorts out what shares the millisecond. */
export function before({ _id, created_at, seq = null }: Placed): Filter<MessageDocument> {
	const within: Filter<MessageDocument>[] = seq === null ? [{ seq: null, _id: { $lt: _id } }] : [{ seq: null }, { seq: { $lt: seq } }];
	return { created_at: { $lte: created_at }, $or: [{ created_at: { $lt: created_at } }, ...within] };
}

export function after({ _id, created_at, seq = null }: Placed): Filter<MessageDocument> {
	const within: Filter<MessageDocument>[] =
		seq === null ? [{ seq: null, _id: { $gt: _id } }, { seq: { $ne: null } }] : [{ seq: { $gt: seq } }, { seq, _id: { $gt: _id } }];
	return { created_at: { $gte: created_at }, $or: [{ created_at: { $gt: created_at } }, ...within] };
}

export function fromOn({ _id, created_at, seq = null }: Placed): Filter<MessageDocument> {
	const within: Filter<MessageDocument>[] =
		seq === null ? [{ seq: null, _id: { $gte: _id } }, { seq: { $ne: null } }] : [{ seq: { $gte: seq } }];
	return { created_at: { $gte: created_at }, $or: [{ created_at: { $gt: created_at } }, ...within] };
}
