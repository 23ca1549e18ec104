// Invitations. An account remembers which one it was made with, and an index sees to it that no second one has the same: so making the
// account is what spends the invitation, in one write. The invitation's own document goes afterwards; one that a crash left there is good for
// nothing any more, and goes at the next start.

import type { ObjectId } from "mongodb";
import { fail } from "../../domain/errors.ts";
import type { InvitationStore } from "../../ports/store.ts";
import { type Access, insertOnce } from "./access.ts";
import { ACTIVE } from "./administrators.ts";
import { invitationFromDocument, invitationToDocument, toObjectId, userToDocument } from "./conversion.ts";
import type { InvitationDocument } from "./documents.ts";

export type Invitations = InvitationStore & {
	/** Removes those with which an account was made. May be repeated. */
	dropSpent(): Promise<void>;
};

const SPENT_INDEX = "invitation_id_1";

export function createInvitationOperations({ operate, step, invitations, users }: Access): Invitations {
	const remove = (_id: ObjectId): Promise<unknown> => step(() => invitations.deleteOne({ _id }));

	/** The rights of who made it are looked up and not remembered. */
	async function findGood(hash: string, now: number): Promise<InvitationDocument | null> {
		const found = await step(() => invitations.findOne({ hash, expires_at: { $gt: new Date(now) } }));
		if (found === null || found.created_by === null) return found;
		const { created_by: _id } = found;
		const maker = await step(() => users.findOne({ ...ACTIVE, _id }, { projection: { _id: 1 } }));
		return maker === null ? null : found;
	}

	return {
		createInvitation: (invitation, hash) =>
			operate(() =>
				insertOnce(step, {
					insert: () => invitations.insertOne(invitationToDocument(invitation, hash)),
					isThere: async () => (await invitations.findOne({ _id: toObjectId(invitation.id) }, { projection: { _id: 1 } })) !== null,
					onDuplicate: () => {
						throw new Error("an invitation's id or token was used twice");
					},
				}),
			),

		findInvitation: (hash, now) =>
			operate(async () => {
				const found = await findGood(hash, now);
				return found === null ? undefined : invitationFromDocument(found);
			}),

		/** There are few: an administrator made each, and they end. */
		findInvitations: (now, { skip, limit }) =>
			operate(async () => {
				const open = { expires_at: { $gt: new Date(now) } };
				const [found, total] = await Promise.all([
					step(() => invitations.find(open).sort({ _id: -1 }).skip(skip).limit(limit).toArray()),
					step(() => invitations.countDocuments(open)),
				]);
				return { items: found.map(invitationFromDocument), total };
			}),

		deleteInvitation: (id) =>
			operate(async () => {
				const _id = toObjectId(id);
				const isGone = await step(async (isRetry) => (await invitations.deleteOne({ _id })).deletedCount > 0 || isRetry);
				if (!isGone) fail("invitation_not_found");
			}),

		createInvitedUser: (user, hash, now) =>
			operate(async () => {
				const invitation = await findGood(hash, now);
				if (invitation === null) return fail("invalid_invitation");
				const { _id } = invitation;
				await insertOnce(step, {
					insert: () => users.insertOne({ ...userToDocument(user), invitation_id: _id }),
					isThere: async () => (await users.findOne({ _id: toObjectId(user.id) }, { projection: { _id: 1 } })) !== null,
					onDuplicate: (index) => fail(index === SPENT_INDEX ? "invalid_invitation" : "email_taken"),
				});
				await remove(_id);
			}),

		async dropSpent() {
			const open = await step(() => invitations.find({}, { projection: { _id: 1 } }).toArray());
			for (const { _id } of open) {
				const guest = await step(() => users.findOne({ invitation_id: _id }, { projection: { _id: 1 } }));
				if (guest !== null) await remove(_id);
			}
		},
	};
}
