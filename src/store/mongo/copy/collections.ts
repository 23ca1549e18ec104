// THE table of how each collection of a copy is read from MongoDB and written to it. A new collection of access.ts belongs into a row here,
// or into NOT_COPIED with a reason; test/store/copy-tables.test.ts holds that.

import { ObjectId } from "mongodb";
import type { Id } from "../../../domain/id.ts";
import type { CopyCollection, CopyRecords, LeftBehind } from "../../../ports/copy.ts";
import type { Access, Collections } from "../access.ts";
import {
	readApiKeys,
	readAudit,
	readInvitations,
	readRemovals,
	writeApiKeys,
	writeAudit,
	writeInvitations,
	writeRemovals,
} from "./access-records.ts";
import { createMessageWriter, readMessages, readSessions, writeSessions } from "./conversations.ts";
import { createLook, type Look, NO_LOOK } from "./look.ts";
import { readLogins, readResetTokens, readUsers, writeLogins, writeResetTokens, writeUsers } from "./people.ts";

type OnLeft = ((left: LeftBehind) => void) | undefined;

type Collection<R> = {
	/** The collections that it holds, and the field that has the records' key. */
	readonly holds: readonly (readonly [keyof Collections, string])[];
	/** Records with a key after this one, in the order of their keys; what is left out is told when somebody listens. */
	readonly read: (access: Access, after: Id | null, onLeft: OnLeft) => AsyncGenerator<R>;
	/** Made for each copy: a writer may remember what came before. */
	readonly createWriter: (access: Access) => (records: readonly R[]) => Promise<void>;
};

export const MONGO_COLLECTIONS: { readonly [C in CopyCollection]: Collection<CopyRecords[C]> } = {
	users: {
		holds: [["users", "_id"]],
		read: (access, after, onLeft) => readUsers(access, after, lookAt(access, "users", onLeft)),
		createWriter: (access) => (records) => writeUsers(access, records),
	},
	logins: {
		holds: [
			["logins", "_id"],
			["refreshTokens", "login_id"],
		],
		read: (access, after, onLeft) => readLogins(access, after, lookAt(access, "logins", onLeft), lookAt(access, "refreshTokens", onLeft)),
		createWriter: (access) => (records) => writeLogins(access, records),
	},
	resetTokens: {
		holds: [["resetTokens", "_id"]],
		read: (access, after, onLeft) => readResetTokens(access, after, lookAt(access, "resetTokens", onLeft)),
		createWriter: (access) => (records) => writeResetTokens(access, records),
	},
	apiKeys: {
		holds: [["apiKeys", "_id"]],
		read: (access, after, onLeft) => readApiKeys(access, after, lookAt(access, "apiKeys", onLeft)),
		createWriter: (access) => (records) => writeApiKeys(access, records),
	},
	invitations: {
		holds: [["invitations", "_id"]],
		read: (access, after, onLeft) => readInvitations(access, after, lookAt(access, "invitations", onLeft)),
		createWriter: (access) => (records) => writeInvitations(access, records),
	},
	removals: {
		holds: [["peopleRemovals", "_id"]],
		read: (access, after) => readRemovals(access, after),
		createWriter: (access) => (records) => writeRemovals(access, records),
	},
	sessions: {
		holds: [["sessions", "_id"]],
		read: (access, after, onLeft) => readSessions(access, after, lookAt(access, "sessions", onLeft)),
		createWriter: (access) => (records) => writeSessions(access, records),
	},
	messages: {
		holds: [["messages", "session_id"]],
		read: (access, after, onLeft) => readMessages(access, after, lookAt(access, "messages", onLeft)),
		createWriter: (access) => createMessageWriter(access).write,
	},
	audit: {
		holds: [["audit", "_id"]],
		read: (access, after, onLeft) => readAudit(access, after, lookAt(access, "audit", onLeft)),
		createWriter: (access) => (records) => writeAudit(access, records),
	},
};

/** Collections that no record comes from, each for a reason. */
export const NOT_COPIED: { readonly [N in keyof Collections]?: string } = {
	removals: "notes of sessions whose deletion is under way: their messages are left out",
	processes: "who is at work now; nobody is in the copy",
	state: "the version, and what a check writes; says nothing about anybody",
};

/** What was written after a key is removed by the same key. */
export function keyFilter(field: string, key: Id | null): Readonly<Record<string, unknown>> {
	return key === null ? {} : { [field]: { $gt: new ObjectId(key) } };
}

function lookAt(access: Access, kind: Parameters<typeof createLook>[0], onLeft: OnLeft): Look {
	return onLeft === undefined ? NO_LOOK : createLook(kind, access[kind].collectionName, onLeft);
}
