// People: each operation is one document. What concerns administrators as a group stands in administrators.ts.

import { fail } from "../../domain/errors.ts";
import type { User } from "../../domain/user.ts";
import type { UserStore } from "../../ports/store.ts";
import { type Access, insertOnce } from "./access.ts";
import { toObjectId, userFromDocument, userToDocument, withIds } from "./conversion.ts";

type UserOperations = Pick<UserStore, "createUser" | "findUserById" | "findUserByEmail" | "findUsers" | "updateUser">;

export function createUserOperations({ operate, step, users }: Access): UserOperations {
	return {
		createUser: (user) =>
			operate(() =>
				insertOnce(step, {
					insert: () => users.insertOne(userToDocument(user)),
					isThere: async () => (await users.findOne({ _id: toObjectId(user.id) }, { projection: { _id: 1 } })) !== null,
					onDuplicate: () => fail("email_taken"),
				}),
			),

		findUserById: (id) =>
			operate(async () => {
				const found = await step(() => users.findOne({ _id: toObjectId(id) }));
				return found === null ? undefined : userFromDocument(found);
			}),

		findUserByEmail: (email) =>
			operate(async () => {
				const found = await step(() => users.findOne({ email }));
				return found === null ? undefined : userFromDocument(found);
			}),

		/** Newest first by `_id`: ids are made when things are, and old documents have them too. */
		findUsers: ({ skip, limit }) =>
			operate(async () => {
				const [found, total] = await Promise.all([
					step(() => users.find().sort({ _id: -1 }).skip(skip).limit(limit).toArray()),
					// The collection's own count, without a walk through it.
					step(() => users.estimatedDocumentCount()),
				]);
				return { items: found.filter(withIds).map(userFromDocument), total };
			}),

		/** Only what the change names is written, so that two changes at the same time are both kept, and so is what we do not know. */
		updateUser: (id, change, now) =>
			operate(async (): Promise<User> => {
				const set = {
					updated_at: new Date(now),
					...(change.fullName !== undefined && { full_name: change.fullName }),
					...(change.avatarUrl !== undefined && { avatar_url: change.avatarUrl }),
				};
				const found = await step(() => users.findOneAndUpdate({ _id: toObjectId(id) }, { $set: set }, { returnDocument: "after" }));
				return found === null ? fail("user_not_found") : userFromDocument(found);
			}),
	};
}
