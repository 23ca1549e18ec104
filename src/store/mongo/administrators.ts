// The two rules about administrators as a group, on a server without transactions: there is one first administrator, and the last one
// stays. No lock is held, so nothing is left behind by a crash: each step is one document, and right by itself.

import { type Filter, ObjectId } from "mongodb";
import { fail, PocketError } from "../../domain/errors.ts";
import type { User } from "../../domain/user.ts";
import type { UserStore } from "../../ports/store.ts";
import { type Access, insertOnce } from "./access.ts";
import { toObjectId, userFromDocument, userToDocument } from "./conversion.ts";
import type { UserDocument } from "./documents.ts";
import { duplicateIndex } from "./errors.ts";

type AdministratorOperations = Pick<UserStore, "createFirstAdmin" | "setAdmin" | "lockOut" | "countAdmins">;

/** One who can act: a disabled administrator counts as none. */
const ACTIVE: Filter<UserDocument> = { is_admin: true, disabled: { $ne: true } };
const FIRST_INDEX = "first_admin_1";
const MOST_TRIES = 50;

export function createAdministratorOperations({ operate, step, users }: Access): AdministratorOperations {
	const count = (): Promise<number> => step(() => users.countDocuments(ACTIVE));

	/**
	 * Gives the mark `first_admin` together with the rights, in one write; its index is unique and sparse, so of any number of claims at
	 * once one is written. `false`: somebody else has the mark.
	 */
	async function claim(user: User): Promise<boolean> {
		const _id = toObjectId(user.id);
		const rights = { is_admin: true, first_admin: true as const, updated_at: new Date(user.updatedAt) };
		try {
			const promoted = await step(() => users.updateOne({ _id }, { $set: rights }));
			if (promoted.matchedCount > 0) return true;
			await insertOnce(step, {
				insert: () => users.insertOne({ ...userToDocument(user), ...rights }),
				isThere: async () => (await users.findOne({ _id }, { projection: { _id: 1 } })) !== null,
				onDuplicate: (index) => {
					if (index !== FIRST_INDEX) return fail("email_taken");
					throw new MarkTaken();
				},
			});
			return true;
		} catch (error) {
			if (error instanceof MarkTaken || duplicateIndex(error) === FIRST_INDEX) return false;
			throw error;
		}
	}

	/**
	 * Takes the rights of one whose rights count. Somebody else must stay: that witness is marked first, with a new token, and the
	 * demotion happens only if nobody has meanwhile marked the one who is demoted. Of two who demote each other, each marks the other, so
	 * at least one of them finds its own mark changed and looks again; then there is no witness left, and it is refused. (In general: were
	 * a witness demoted too, then by somebody who marked another one later still; the last of that chain stays.) Tokens are never taken
	 * away, so an old one cannot come back.
	 */
	async function demoteActive(found: UserDocument, now: number): Promise<UserDocument | null> {
		const witness = await step(() =>
			users.findOneAndUpdate({ ...ACTIVE, _id: { $ne: found._id } }, { $set: { admin_token: new ObjectId() } }, { projection: { _id: 1 } }),
		);
		if (witness === null) return fail("last_admin");
		return step(() =>
			users.findOneAndUpdate(
				{ ...ACTIVE, _id: found._id, admin_token: found.admin_token ?? null },
				{ $set: { is_admin: false, updated_at: new Date(now), admin_token: new ObjectId() } },
				{ returnDocument: "after" },
			),
		);
	}

	/** Of one whose rights do not count: has none, or is disabled. */
	function demoteOther(_id: ObjectId, now: number): Promise<UserDocument | null> {
		return step(() =>
			users.findOneAndUpdate(
				{ _id, $or: [{ is_admin: { $ne: true } }, { disabled: true }] },
				{ $set: { is_admin: false, updated_at: new Date(now) } },
				{ returnDocument: "after" },
			),
		);
	}

	async function demote(_id: ObjectId, now: number): Promise<User> {
		for (let tries = 0; tries < MOST_TRIES; tries += 1) {
			const found = await step(() => users.findOne({ _id }));
			if (found === null) return fail("user_not_found");
			const isActive = found.is_admin === true && found.disabled !== true;
			const demoted = isActive ? await demoteActive(found, now) : await demoteOther(_id, now);
			if (demoted !== null) return userFromDocument(demoted);
			// Not all at the same pace, so that one of them gets through.
			await Bun.sleep(Math.random() * 10 * (tries + 1));
		}
		throw new PocketError("store_unavailable", { cause: "administrators are being changed all the time" });
	}

	return {
		countAdmins: () => operate(count),

		createFirstAdmin: (user) =>
			operate(async () => {
				for (let tries = 0; tries < MOST_TRIES; tries += 1) {
					if ((await count()) > 0) return fail("setup_done");
					if (await claim(user)) return;
					// The mark of one who is no administrator any more means nothing.
					await step(() =>
						users.updateMany(
							{ first_admin: true, $or: [{ is_admin: { $ne: true } }, { disabled: true }] },
							{ $unset: { first_admin: "" } },
						),
					);
				}
				throw new PocketError("store_unavailable", { cause: "the first administrator is being made all the time" });
			}),

		setAdmin: (id, isAdmin, now) =>
			operate(async () => {
				const _id = toObjectId(id);
				if (!isAdmin) return demote(_id, now);
				const found = await step(() =>
					users.findOneAndUpdate({ _id }, { $set: { is_admin: true, updated_at: new Date(now) } }, { returnDocument: "after" }),
				);
				return found === null ? fail("user_not_found") : userFromDocument(found);
			}),

		lockOut: (id, now) =>
			operate(async () => {
				const found = await step(() =>
					users.findOneAndUpdate(
						{ _id: toObjectId(id) },
						{ $set: { is_admin: false, disabled: true, updated_at: new Date(now) }, $unset: { first_admin: "" } },
						{ returnDocument: "after" },
					),
				);
				return found === null ? fail("user_not_found") : userFromDocument(found);
			}),
	};
}

/** Somebody else was first. */
class MarkTaken extends Error {}
