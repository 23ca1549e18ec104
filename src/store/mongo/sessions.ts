// Sessions as such: each operation is one document. What concerns their messages stands in turns.ts and clearing.ts.

import type { Filter, Sort } from "mongodb";
import { fail } from "../../domain/errors.ts";
import type { Session } from "../../domain/session.ts";
import type { AdminStore, SessionChange, SessionQuery, SessionStore } from "../../ports/store.ts";
import { type Access, insertOnce } from "./access.ts";
import { sessionFromDocument, sessionToDocument, toObjectId, withIds } from "./conversion.ts";
import type { SessionDocument } from "./documents.ts";
import { metadataToFields } from "./metadata.ts";

type SessionOperations = Pick<SessionStore, "createSession" | "findSession" | "findSessions" | "walkSessions" | "updateSession"> &
	Pick<AdminStore, "findAllSessions">;

/** Each walks one index in its order; text compares by its bytes, and `_id` decides between equals. */
const SORTS: Readonly<Record<SessionQuery["sortBy"], Readonly<Record<SessionQuery["sortOrder"], Sort>>>> = {
	createdAt: { asc: { created_at: 1, _id: 1 }, desc: { created_at: -1, _id: -1 } },
	updatedAt: { asc: { updated_at: 1, _id: 1 }, desc: { updated_at: -1, _id: -1 } },
	title: { asc: { title: 1, _id: 1 }, desc: { title: -1, _id: -1 } },
};

/** The earliest time there is. */
const BEGINNING = new Date(-8.64e15);

export function createSessionOperations({ operate, step, sessions, users }: Access): SessionOperations {
	/** Whoever deletes a person takes the account first and the sessions then: one that was inserted after that would stay for ever. */
	async function requireOwner(session: Session): Promise<void> {
		const owner = await step(() => users.findOne({ _id: toObjectId(session.userId) }, { projection: { _id: 1 } }));
		if (owner !== null) return;
		await step(() => sessions.deleteOne({ _id: toObjectId(session.id) }));
		fail("user_not_found");
	}

	/** What the document itself says counts: an old one may have no time, and stands first then. */
	async function behind({ id, createdAt }: Session): Promise<Filter<SessionDocument>> {
		const _id = toObjectId(id);
		const found = await step(() => sessions.findOne({ _id }, { projection: { created_at: 1 } }));
		if (found !== null && !(found.created_at instanceof Date)) {
			return { $or: [{ created_at: { $exists: false }, _id: { $gt: _id } }, { created_at: { $gt: BEGINNING } }] };
		}
		const at = new Date(createdAt);
		return { created_at: { $gte: at }, $or: [{ created_at: { $gt: at } }, { _id: { $gt: _id } }] };
	}

	return {
		createSession: (session) =>
			operate(async () => {
				await insertOnce(step, {
					insert: () => sessions.insertOne(sessionToDocument(session)),
					isThere: async () => (await sessions.findOne({ _id: toObjectId(session.id) }, { projection: { _id: 1 } })) !== null,
					onDuplicate: () => {
						throw new Error("a session's id was used twice");
					},
				});
				await requireOwner(session);
			}),

		walkSessions: (userId, after, limit) =>
			operate(async () => {
				const own: Filter<SessionDocument> = { user_id: toObjectId(userId), ...(after !== null && (await behind(after))) };
				const found = await step(() => sessions.find(own).sort(SORTS.createdAt.asc).limit(limit).toArray());
				return found.map(sessionFromDocument);
			}),

		findSession: (id, userId) =>
			operate(async () => {
				const found = await step(() => sessions.findOne({ _id: toObjectId(id), user_id: toObjectId(userId) }));
				return found === null ? undefined : sessionFromDocument(found);
			}),

		findSessions: ({ userId, sortBy, sortOrder, skip, limit }) =>
			operate(async () => {
				const own = { user_id: toObjectId(userId) };
				const [found, total] = await Promise.all([
					step(() => sessions.find(own).sort(SORTS[sortBy][sortOrder]).skip(skip).limit(limit).toArray()),
					// Counts keys of an index, as many as this person has sessions.
					step(() => sessions.countDocuments(own)),
				]);
				return { items: found.map(sessionFromDocument), total };
			}),

		updateSession: (id, userId, change, now) =>
			operate(async () => {
				const own = { _id: toObjectId(id), user_id: toObjectId(userId) };
				const isEmpty = Object.values(change).every((value) => value === undefined);
				const found = isEmpty
					? await step(() => sessions.findOne(own))
					: await step(() => sessions.findOneAndUpdate(own, { $set: fieldsOf(change, now) }, { returnDocument: "after" }));
				return found === null ? fail("session_not_found") : sessionFromDocument(found);
			}),

		/** Newest first by `_id`: ids are made when things are. */
		findAllSessions: ({ skip, limit }) =>
			operate(async () => {
				const [found, total] = await Promise.all([
					step(() => sessions.find().sort({ _id: -1 }).skip(skip).limit(limit).toArray()),
					step(() => sessions.estimatedDocumentCount()),
				]);
				return { items: found.filter(withIds).map(sessionFromDocument), total };
			}),
	};
}

function fieldsOf({ title, metadata, model, systemPrompt }: SessionChange, now: number): Partial<SessionDocument> {
	return {
		updated_at: new Date(now),
		...(title !== undefined && { title }),
		...(metadata !== undefined && metadataToFields(metadata)),
		...(model !== undefined && { model }),
		...(systemPrompt !== undefined && { system_prompt: systemPrompt }),
	};
}
