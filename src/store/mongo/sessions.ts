// Sessions as such: each operation is one document. What concerns their messages stands in turns.ts and clearing.ts.

import type { Sort } from "mongodb";
import { fail } from "../../domain/errors.ts";
import type { AdminStore, SessionChange, SessionQuery, SessionStore } from "../../ports/store.ts";
import { type Access, insertOnce } from "./access.ts";
import { sessionFromDocument, sessionToDocument, toObjectId, withIds } from "./conversion.ts";
import type { SessionDocument } from "./documents.ts";
import { metadataToFields } from "./metadata.ts";

type SessionOperations = Pick<SessionStore, "createSession" | "findSession" | "findSessions" | "updateSession"> &
	Pick<AdminStore, "findAllSessions">;

/** Each walks one index in its order; text compares by its bytes, and `_id` decides between equals. */
const SORTS: Readonly<Record<SessionQuery["sortBy"], Readonly<Record<SessionQuery["sortOrder"], Sort>>>> = {
	createdAt: { asc: { created_at: 1, _id: 1 }, desc: { created_at: -1, _id: -1 } },
	updatedAt: { asc: { updated_at: 1, _id: 1 }, desc: { updated_at: -1, _id: -1 } },
	title: { asc: { title: 1, _id: 1 }, desc: { title: -1, _id: -1 } },
};

export function createSessionOperations({ operate, step, sessions }: Access): SessionOperations {
	return {
		createSession: (session) =>
			operate(() =>
				insertOnce(step, {
					insert: () => sessions.insertOne(sessionToDocument(session)),
					isThere: async () => (await sessions.findOne({ _id: toObjectId(session.id) }, { projection: { _id: 1 } })) !== null,
					onDuplicate: () => {
						throw new Error("a session's id was used twice");
					},
				}),
			),

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
