// A person's password, changed by whoever knows it or by a one-time reset token. Only hashes come here.

import { ObjectId } from "mongodb";
import { fail } from "../../domain/errors.ts";
import type { Id } from "../../domain/id.ts";
import type { LoginStore } from "../../ports/store.ts";
import type { Access } from "./access.ts";
import { toId, toObjectId } from "./conversion.ts";
import type { ResetTokenDocument } from "./documents.ts";
import { endingLogins, type LoginsEnder } from "./ending-logins.ts";
import { duplicateIndex } from "./errors.ts";
import type { Presence } from "./presence.ts";

type PasswordOperations = Pick<LoginStore, "createResetToken" | "resetPassword" | "replacePasswordHash" | "changePassword" | "setPassword">;

export type Passwords = PasswordOperations & {
	/** Ends resets that a process that died left half done. */
	repairResets(isAbandoned: (mark: { readonly owner?: ObjectId | null }) => boolean): Promise<void>;
};

type PasswordDeps = { readonly access: Access; readonly presence: Presence; readonly ender: LoginsEnder };

export function createPasswordOperations({ access, presence, ender }: PasswordDeps): Passwords {
	const { operate, step, resetTokens, users } = access;

	const remove = (_id: ObjectId, hash: string): Promise<unknown> => step(() => resetTokens.deleteOne({ _id, hash }));

	/** Marks it as spent, by one caller; `null` when it is not to be spent. */
	async function spend(hash: string, passwordHash: string, now: number): Promise<ResetTokenDocument | null> {
		const owner = await presence.owner();
		const by = new ObjectId();
		const at = new Date(now);
		return step(async (isRetry) => {
			const spent = await resetTokens.findOneAndUpdate(
				{ hash, expires_at: { $gt: at }, spent: null },
				{ $set: { spent: { by, owner, password_hash: passwordHash, at } } },
			);
			return spent ?? (isRetry ? resetTokens.findOne({ hash, "spent.by": by }) : null);
		});
	}

	/**
	 * The token is marked first, so that it is spent once; then the password with the mark that ends the logins (ending-logins.ts); the
	 * token goes last, because as long as it is there a start finds it. Crashed before the password: nobody was told that it worked, and
	 * `repairResets` gives the token back.
	 */
	async function reset(hash: string, passwordHash: string, now: number): Promise<Id> {
		const token = await spend(hash, passwordHash, now);
		if (token === null) return fail("invalid_reset_token");
		const { _id } = token;
		const mark = endingLogins(now, null);
		const set = { password_hash: passwordHash, updated_at: new Date(now), ending_logins: mark };
		const changed = await step(() => users.updateOne({ _id }, { $set: set }));
		if (changed.matchedCount > 0) await ender.finish({ _id, ending_logins: mark });
		await remove(_id, hash);
		return changed.matchedCount > 0 ? toId(_id) : fail("invalid_reset_token");
	}

	/** Sets a hash while another one is there. A second try that finds the new one has done it before. */
	async function compareAndSet(_id: ObjectId, from: string, set: { readonly password_hash: string }): Promise<boolean> {
		return step(async (isRetry) => {
			const changed = await users.updateOne({ _id, password_hash: from }, { $set: set });
			if (changed.matchedCount > 0 || !isRetry) return changed.matchedCount > 0;
			return (await users.findOne({ _id, password_hash: set.password_hash }, { projection: { _id: 1 } })) !== null;
		});
	}

	/** Before the password, which is not the one that was forgotten any more: after a crash in between the link is lost, and does no harm. */
	const dropResetToken = (_id: ObjectId): Promise<unknown> => step(() => resetTokens.deleteOne({ _id }));

	return {
		/** `updated_at` stays: the person changed nothing. */
		replacePasswordHash: (userId, from, to) => operate(() => compareAndSet(toObjectId(userId), from, { password_hash: to })),

		changePassword: ({ userId, verifiedHash, passwordHash, keptLogin, now }) =>
			operate(async () => {
				const _id = toObjectId(userId);
				const mark = endingLogins(now, toObjectId(keptLogin));
				const set = { password_hash: passwordHash, updated_at: new Date(now), ending_logins: mark };
				await dropResetToken(_id);
				if (!(await compareAndSet(_id, verifiedHash, set))) return fail("wrong_password");
				await ender.finish({ _id, ending_logins: mark });
			}),

		setPassword: (userId, passwordHash, now) =>
			operate(async () => {
				const _id = toObjectId(userId);
				const mark = endingLogins(now, null);
				const set = { password_hash: passwordHash, updated_at: new Date(now), ending_logins: mark };
				await dropResetToken(_id);
				const changed = await step(() => users.updateOne({ _id }, { $set: set }));
				if (changed.matchedCount === 0) return fail("user_not_found");
				await ender.finish({ _id, ending_logins: mark });
			}),

		createResetToken: (hash, userId, expiresAt) =>
			operate(async () => {
				const replace = (): Promise<unknown> =>
					resetTokens.updateOne(
						{ _id: toObjectId(userId) },
						{ $set: { hash, expires_at: new Date(expiresAt) }, $unset: { spent: "" } },
						{ upsert: true },
					);
				await step(async () => {
					try {
						await replace();
					} catch (error) {
						// Two that insert at once: the slower one meets the other's document.
						if (duplicateIndex(error) === undefined) throw error;
						await replace();
					}
				});
			}),

		resetPassword: (hash, passwordHash, now) => operate(() => reset(hash, passwordHash, now)),

		async repairResets(isAbandoned) {
			// One for each person who was given a link and has not used it: few.
			const left = await step(() => resetTokens.find({ spent: { $ne: null } }).toArray());
			for (const { _id, hash, spent } of left) {
				if (!spent || !isAbandoned(spent)) continue;
				const user = await step(() => users.findOne({ _id }, { projection: { password_hash: 1 } }));
				if (user?.password_hash === spent.password_hash) await remove(_id, hash);
				else await step(() => resetTokens.updateOne({ _id, hash, "spent.by": spent.by }, { $unset: { spent: "" } }));
			}
		},
	};
}
