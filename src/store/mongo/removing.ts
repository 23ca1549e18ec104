// Taking a person away with everything that is theirs, on a server without transactions.
//
// 1. A note of what is about to happen. A crash after it: the person is still there, nothing was acknowledged, and only the note goes.
// 2. The account, unless it is the last administrator's. From then on nobody finds the person, and a login or a session that is just being
//    made finds that out itself (logins.ts, sessions.ts). A crash after it: the note leads to the rest.
// 3. Logins, tokens, keys, invitations; sessions before messages, because whoever adds a message looks for its session afterwards (turns.ts).
// 4. The note stays for a while, because another process may just have been writing; then the third step is done once more.

import type { ObjectId } from "mongodb";
import type { UserStore } from "../../ports/store.ts";
import { type Access, LONG_STEP_MS } from "./access.ts";
import type { Administrators } from "./administrators.ts";
import { toObjectId } from "./conversion.ts";
import type { RemovalDocument } from "./documents.ts";
import type { Presence } from "./presence.ts";

export type Removing = Pick<UserStore, "deleteUser"> & {
	/** Goes on with the people whose notes are chosen. May be repeated. */
	sweep(isChosen: (note: RemovalDocument) => boolean): Promise<void>;
};

const LOGINS_AT_ONCE = 500;

type RemovingDeps = { readonly access: Access; readonly presence: Presence } & Pick<Administrators, "takeFrom">;

export function createRemoving({ access, presence, takeFrom }: RemovingDeps): Removing {
	const { operate, step, users, sessions, messages, logins, refreshTokens, resetTokens, apiKeys, invitations, peopleRemovals } = access;

	const isThere = async (_id: ObjectId): Promise<boolean> =>
		(await step(() => users.findOne({ _id }, { projection: { _id: 1 } }))) !== null;

	/** Tokens first, since nothing would find them without their login. */
	async function removeLogins(user_id: ObjectId): Promise<void> {
		let ids: ObjectId[];
		do {
			const found = await step(() =>
				logins
					.find({ user_id }, { projection: { _id: 1 } })
					.limit(LOGINS_AT_ONCE)
					.toArray(),
			);
			ids = found.map(({ _id }) => _id);
			if (ids.length === 0) return;
			await step(() => refreshTokens.deleteMany({ login_id: { $in: ids } }), LONG_STEP_MS);
			await step(() => logins.deleteMany({ _id: { $in: ids } }), LONG_STEP_MS);
		} while (ids.length === LOGINS_AT_ONCE);
	}

	async function removeRemains(user_id: ObjectId): Promise<void> {
		await removeLogins(user_id);
		await step(() => resetTokens.deleteOne({ _id: user_id }));
		await step(() => apiKeys.deleteMany({ user_id }));
		await step(() => invitations.deleteMany({ created_by: user_id }));
		await step(() => sessions.deleteMany({ user_id }), LONG_STEP_MS);
		await step(() => messages.deleteMany({ user_id }), LONG_STEP_MS);
	}

	async function remove(_id: ObjectId): Promise<void> {
		const owner = await presence.owner();
		await step(() => peopleRemovals.updateOne({ _id }, { $set: { at: new Date(), owner } }, { upsert: true }));
		await takeFrom(_id, async (filter, { invitation_id: invitationId }) => {
			// Left by a crash; without its guest it would be good again.
			if (invitationId !== undefined) await step(() => invitations.deleteOne({ _id: invitationId }));
			const { deletedCount } = await step(() => users.deleteOne(filter));
			// Gone without a count: by a try of which we heard nothing, or by somebody else.
			return deletedCount > 0 || !(await isThere(_id)) ? true : null;
		});
		await removeRemains(_id);
	}

	return {
		deleteUser: (id) => operate(() => remove(toObjectId(id))),
		async sweep(isChosen) {
			// As many as were deleted since the last sweep.
			const notes = await step(() => peopleRemovals.find().toArray());
			for (const { _id } of notes.filter(isChosen)) {
				if (!(await isThere(_id))) await removeRemains(_id);
				await step(() => peopleRemovals.deleteOne({ _id }));
			}
		},
	};
}
