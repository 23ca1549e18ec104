// One-time tokens for a new password: spending one changes three documents, so it leaves a note that a later start can follow.

import { ObjectId } from "mongodb";
import { fail } from "../../domain/errors.ts";
import type { Id } from "../../domain/id.ts";
import type { LoginStore } from "../../ports/store.ts";
import type { Access } from "./access.ts";
import { toId, toObjectId } from "./conversion.ts";
import type { ResetTokenDocument } from "./documents.ts";
import { duplicateIndex } from "./errors.ts";

type ResetTokenOperations = Pick<LoginStore, "createResetToken" | "resetPassword">;

export type ResetTokens = ResetTokenOperations & {
	/** Ends what a crash left half done. */
	repair(): Promise<void>;
};

export function createResetTokens({ operate, step, resetTokens, users, logins }: Access): ResetTokens {
	const remove = (_id: ObjectId, hash: string): Promise<unknown> => step(() => resetTokens.deleteOne({ _id, hash }));

	/** Marked as spent by one caller; `null` when it is not to be spent. */
	function spend(hash: string, passwordHash: string, now: number): Promise<ResetTokenDocument | null> {
		const by = new ObjectId();
		return step(async (isRetry) => {
			const spent = await resetTokens.findOneAndUpdate(
				{ hash, expires_at: { $gt: new Date(now) }, spent: null },
				{ $set: { spent: { by, password_hash: passwordHash, at: new Date(now) } } },
			);
			return spent ?? (isRetry ? resetTokens.findOne({ hash, "spent.by": by }) : null);
		});
	}

	/** Every login that was there when the password changed. */
	const endLogins = (userId: ObjectId, at: Date): Promise<unknown> =>
		step(() => logins.updateMany({ user_id: userId, revoked_at: null }, { $set: { revoked_at: at } }));

	/**
	 * The token is marked first, so that it is spent once; then the password, then the logins; the token goes last, because as long as it
	 * is there a start finds it. Crashed before the password: nobody was told that it worked, and `repair` gives the token back. Crashed
	 * after it: `repair` ends the logins.
	 */
	async function reset(hash: string, passwordHash: string, now: number): Promise<Id> {
		const token = await spend(hash, passwordHash, now);
		if (token === null) return fail("invalid_reset_token");
		const { _id } = token;
		const changed = await step(() => users.updateOne({ _id }, { $set: { password_hash: passwordHash, updated_at: new Date(now) } }));
		if (changed.matchedCount === 0) {
			await remove(_id, hash);
			return fail("invalid_reset_token");
		}
		await endLogins(_id, new Date(now));
		await remove(_id, hash);
		return toId(_id);
	}

	return {
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

		async repair() {
			// One for each person who was given a link and has not used it: few.
			const left = await step(() => resetTokens.find({ spent: { $ne: null } }).toArray());
			for (const { _id, hash, spent } of left) {
				if (!spent) continue;
				const user = await step(() => users.findOne({ _id }, { projection: { password_hash: 1 } }));
				if (user?.password_hash !== spent.password_hash) {
					await step(() => resetTokens.updateOne({ _id, hash, "spent.by": spent.by }, { $unset: { spent: "" } }));
					continue;
				}
				await step(() =>
					logins.updateMany({ user_id: _id, revoked_at: null, created_at: { $lte: spent.at } }, { $set: { revoked_at: spent.at } }),
				);
				await remove(_id, hash);
			}
		},
	};
}
