// What gives access or tells of it, beside logins: personal keys, invitations, the audit trail, and notes of people who are being removed.

import type { Id } from "../../../domain/id.ts";
import type { CopyRecords } from "../../../ports/copy.ts";
import type { Access } from "../access.ts";
import { keyFromDocument, keyToDocument } from "../api-keys.ts";
import { auditFromDocument, auditToDocument } from "../audit.ts";
import { invitationFromDocument, invitationToDocument, toId, toObjectId } from "../conversion.ts";
import { translate } from "../errors.ts";
import { after, walk } from "./cursor.ts";
import type { Look } from "./look.ts";
import { insertAll } from "./writing.ts";

const BY_ID = { _id: 1 } as const;

export async function* readApiKeys({ apiKeys }: Access, from: Id | null, look: Look): AsyncGenerator<CopyRecords["apiKeys"]> {
	for await (const document of walk(apiKeys, { filter: after("_id", from), sort: BY_ID })) {
		look.accept(document);
		yield { ...keyFromDocument(document), hash: document.hash };
	}
}

export async function writeApiKeys({ apiKeys }: Access, records: readonly CopyRecords["apiKeys"][]): Promise<void> {
	await insertAll(
		apiKeys,
		records.map(({ hash, ...key }) => keyToDocument(key, hash)),
	);
}

/** Not those with which an account was made: the account says so, and only a crash left them (invitations.ts). */
export async function* readInvitations(access: Access, from: Id | null, look: Look): AsyncGenerator<CopyRecords["invitations"]> {
	const { invitations, users } = access;
	for await (const document of walk(invitations, { filter: after("_id", from), sort: BY_ID })) {
		if (await isOneThere(() => users.findOne({ invitation_id: document._id }, { projection: { _id: 1 } }))) continue;
		look.accept(document);
		yield { ...invitationFromDocument(document), hash: document.hash };
	}
}

export async function writeInvitations({ invitations }: Access, records: readonly CopyRecords["invitations"][]): Promise<void> {
	await insertAll(
		invitations,
		records.map(({ hash, ...invitation }) => invitationToDocument(invitation, hash)),
	);
}

/** A note about somebody who is still there tells of a deletion that was never acknowledged (removing.ts). */
export async function* readRemovals({ peopleRemovals, users }: Access, from: Id | null): AsyncGenerator<CopyRecords["removals"]> {
	for await (const { _id } of walk(peopleRemovals, { filter: after("_id", from), sort: BY_ID })) {
		if (!(await isOneThere(() => users.findOne({ _id }, { projection: { _id: 1 } })))) yield { userId: toId(_id) };
	}
}

/** So old that the next look goes on with it. */
export async function writeRemovals({ peopleRemovals }: Access, records: readonly CopyRecords["removals"][]): Promise<void> {
	await insertAll(
		peopleRemovals,
		records.map(({ userId }) => ({ _id: toObjectId(userId), at: new Date(0) })),
	);
}

export async function* readAudit({ audit }: Access, from: Id | null, look: Look): AsyncGenerator<CopyRecords["audit"]> {
	for await (const document of walk(audit, { filter: after("_id", from), sort: BY_ID })) {
		look.accept(document);
		yield auditFromDocument(document);
	}
}

export async function writeAudit({ audit }: Access, records: readonly CopyRecords["audit"][]): Promise<void> {
	await insertAll(audit, records.map(auditToDocument));
}

async function isOneThere(find: () => Promise<unknown>): Promise<boolean> {
	try {
		return (await find()) !== null;
	} catch (error) {
		throw translate(error);
	}
}
