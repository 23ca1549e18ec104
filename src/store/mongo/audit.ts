// The audit trail. Ids are made when entries are, so `_id` is its order, and the age of an entry too.

import type { Filter } from "mongodb";
import type { AuditEntry } from "../../domain/audit.ts";
import { firstTimedId } from "../../domain/id.ts";
import type { AuditQuery, AuditStore } from "../../ports/audit.ts";
import { type Access, insertOnce, LONG_STEP_MS } from "./access.ts";
import { toId, toObjectId } from "./conversion.ts";
import type { AuditDocument } from "./documents.ts";

export function createAuditOperations({ operate, step, audit }: Access): AuditStore {
	const newest = (filter: Filter<AuditDocument>, limit: number): Promise<AuditDocument[]> =>
		step(() => audit.find(filter).sort({ _id: -1 }).limit(limit).toArray());

	async function find({ userId, action, since = 0, before, limit }: AuditQuery): Promise<readonly AuditDocument[]> {
		const among = {
			_id: { $gte: toObjectId(firstTimedId(since)), ...(before !== undefined && { $lt: toObjectId(before) }) },
			at: { $gte: new Date(since) },
			...(action !== undefined && { action }),
		};
		if (userId === undefined) return newest(among, limit);
		// Two walks along an index each, in place of one that would sort everything of a person.
		const person = toObjectId(userId);
		const [about, by] = await Promise.all([newest({ ...among, user_id: person }, limit), newest({ ...among, by_id: person }, limit)]);
		const others = by.filter(({ user_id }) => user_id === null || !user_id.equals(person));
		return [...about, ...others].sort((one, other) => (one._id.toHexString() < other._id.toHexString() ? 1 : -1)).slice(0, limit);
	}

	return {
		appendAudit: (entry) =>
			operate(() =>
				insertOnce(step, {
					insert: () => audit.insertOne(auditToDocument(entry)),
					isThere: () => Promise.resolve(true),
					onDuplicate: () => {
						throw new Error("the id of an entry was used twice");
					},
				}),
			),

		findAudit: (query) => operate(async () => (await find(query)).map(auditFromDocument)),

		purgeAudit: (before) =>
			operate(async () => {
				await step(() => audit.deleteMany({ _id: { $lt: toObjectId(firstTimedId(before)) } }), LONG_STEP_MS);
			}),
	};
}

export function auditToDocument({ id, at, userId, byId, ...entry }: AuditEntry): AuditDocument {
	return {
		...entry,
		_id: toObjectId(id),
		at: new Date(at),
		user_id: userId === null ? null : toObjectId(userId),
		by_id: byId === null ? null : toObjectId(byId),
	};
}

export function auditFromDocument({ _id, at, action, user_id, by_id, address, device, detail }: AuditDocument): AuditEntry {
	return {
		id: toId(_id),
		at: at.getTime(),
		action,
		userId: user_id === null ? null : toId(user_id),
		byId: by_id === null ? null : toId(by_id),
		address,
		device,
		detail,
	};
}
