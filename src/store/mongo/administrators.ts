// The two rules about administrators as a group, on a server without transactions: there is one first administrator, and the last one
// stays. No lock is held, so nothing is left behind by a crash: each step is one document, and right by itself.

import { type Filter, ObjectId } from "mongodb";
import { fail, PocketError } from "../../domain/errors.ts";
import type { User } from "../../domain/user.ts";
import type { UserStore } from "../../ports/store.ts";
import { type Access, insertOnce } from "./access.ts";
import { toObjectId, userFromDocument, userToDocument } from "./conversion.ts";
import type { UserDocument } from "./documents.ts";
import { endingLogins, type LoginsEnder } from "./ending-logins.ts";
import { duplicateIndex } from "./errors.ts";

export type Administrators = Pick<UserStore, "createFirstAdmin" | "setAdmin" | "setDisabled" | "lockOut" | "countAdmins"> & {
	/**
	 * Does to a person what the last administrator is safe from. `act` is given the condition under which it may happen and the person as
	 * found, and gives `null` when the condition did not hold. Codes: `user_not_found`, `last_admin`.
	 */
	takeFrom<T>(id: ObjectId, act: (filter: Filter<UserDocument>, found: UserDocument) => Promise<T | null>): Promise<T>;
};

/** One who can act: a disabled administrator counts as none. */
export const ACTIVE: Filter<UserDocument> = { is_admin: true, disabled: { $ne: true } };
const FIRST_INDEX = "first_admin_1";
const MOST_TRIES = 50;

type AdministratorDeps = { readonly access: Access; readonly ender: LoginsEnder };

export function createAdministratorOperations({ access, ender }: AdministratorDeps): Administrators {
	const { operate, step, users } = access;
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
	 * The condition for taking something from an administrator who can act. Somebody else must stay: that witness is marked first, with a new
	 * token, and it happens only if nobody has meanwhile marked the one from whom it is taken. Of two who do it to each other, each marks
	 * the other, so at least one of them finds its own mark changed and looks again; then there is no witness left, and it is refused. (In
	 * general: were a witness lost too, then by somebody who marked another one later still; the last of that chain stays.) Tokens are
	 * never taken away, so an old one cannot come back.
	 */
	async function besidesWitness({ _id, admin_token = null }: UserDocument): Promise<Filter<UserDocument>> {
		const witness = await step(() =>
			users.findOneAndUpdate({ ...ACTIVE, _id: { $ne: _id } }, { $set: { admin_token: new ObjectId() } }, { projection: { _id: 1 } }),
		);
		return witness === null ? fail("last_admin") : { ...ACTIVE, _id, admin_token };
	}

	async function takeFrom<T>(_id: ObjectId, act: (filter: Filter<UserDocument>, found: UserDocument) => Promise<T | null>): Promise<T> {
		for (let tries = 0; tries < MOST_TRIES; tries += 1) {
			const found = await step(() => users.findOne({ _id }));
			if (found === null) return fail("user_not_found");
			const isActive = found.is_admin === true && found.disabled !== true;
			const filter = isActive ? await besidesWitness(found) : { _id, $or: [{ is_admin: { $ne: true } }, { disabled: true }] };
			const taken = await act(filter, found);
			if (taken !== null) return taken;
			// Not all at the same pace, so that one of them gets through.
			await Bun.sleep(Math.random() * 10 * (tries + 1));
		}
		throw new PocketError("store_unavailable", { cause: "administrators are being changed all the time" });
	}

	const change = (filter: Filter<UserDocument>, set: Partial<UserDocument>): Promise<UserDocument | null> =>
		step(() => users.findOneAndUpdate(filter, { $set: set }, { returnDocument: "after" }));

	async function demote(_id: ObjectId, now: number): Promise<User> {
		const set = { is_admin: false, updated_at: new Date(now), admin_token: new ObjectId() };
		return userFromDocument(await takeFrom(_id, (filter) => change(filter, set)));
	}

	/** With the mark that ends the logins (ending-logins.ts). */
	async function disable(_id: ObjectId, now: number): Promise<User> {
		const mark = endingLogins(now, null);
		const set = { disabled: true, updated_at: new Date(now), ending_logins: mark };
		const disabled = await takeFrom(_id, (filter) => change(filter, set));
		await ender.finish({ _id, ending_logins: mark });
		return userFromDocument(disabled);
	}

	async function give(_id: ObjectId, set: Partial<UserDocument>): Promise<User> {
		const found = await change({ _id }, set);
		return found === null ? fail("user_not_found") : userFromDocument(found);
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
			operate(() => {
				const _id = toObjectId(id);
				return isAdmin ? give(_id, { is_admin: true, updated_at: new Date(now) }) : demote(_id, now);
			}),

		setDisabled: (id, disabled, now) =>
			operate(() => {
				const _id = toObjectId(id);
				return disabled ? disable(_id, now) : give(_id, { disabled: false, updated_at: new Date(now) });
			}),

		takeFrom,

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
