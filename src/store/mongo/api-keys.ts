// Personal keys: each operation is one document. Only hashes of them come here.

import { type ApiKey, KEY_SCOPES } from "../../domain/api-key.ts";
import { fail } from "../../domain/errors.ts";
import type { User } from "../../domain/user.ts";
import type { KeyStore } from "../../ports/store.ts";
import { type Access, insertOnce } from "./access.ts";
import { toId, toObjectId, userFromDocument } from "./conversion.ts";
import type { ApiKeyDocument } from "./documents.ts";

export function createApiKeyOperations({ operate, step, apiKeys, users }: Access): KeyStore {
	async function withPerson(found: ApiKeyDocument | null): Promise<{ readonly key: ApiKey; readonly user: User } | undefined> {
		const user = found === null ? null : await step(() => users.findOne({ _id: found.user_id }));
		return found === null || user === null ? undefined : { key: keyFromDocument(found), user: userFromDocument(user) };
	}

	return {
		/** Stored, then taken back when the person is gone: the other way round one who is being deleted could keep a key. */
		createKey: (key, hash) =>
			operate(async () => {
				const document = keyToDocument(key, hash);
				const { _id, user_id } = document;
				await insertOnce(step, {
					insert: () => apiKeys.insertOne(document),
					isThere: async () => (await apiKeys.findOne({ _id }, { projection: { _id: 1 } })) !== null,
					onDuplicate: () => {
						throw new Error("a key was made twice");
					},
				});
				if ((await step(() => users.findOne({ _id: user_id }, { projection: { _id: 1 } }))) !== null) return;
				await step(() => apiKeys.deleteOne({ _id }));
				fail("user_not_found");
			}),

		findKeys: (userId) =>
			operate(async () => {
				const found = await step(() =>
					apiKeys
						.find({ user_id: toObjectId(userId) })
						.sort({ _id: -1 })
						.toArray(),
				);
				return found.map(keyFromDocument);
			}),

		findKey: (id) => operate(async () => withPerson(await step(() => apiKeys.findOne({ _id: toObjectId(id) })))),

		findKeyByHash: (hash) => operate(async () => withPerson(await step(() => apiKeys.findOne({ hash })))),

		touchKey: (id, now, notedBefore) =>
			operate(async () => {
				const isDue = { $or: [{ last_used_at: null }, { last_used_at: { $lt: new Date(notedBefore) } }] };
				await step(() => apiKeys.updateOne({ _id: toObjectId(id), ...isDue }, { $set: { last_used_at: new Date(now) } }));
			}),

		/** A second try that finds nothing may have removed it before. */
		deleteKey: (id, userId) =>
			operate(async () => {
				const isGone = await step(async (isRetry) => {
					const { deletedCount } = await apiKeys.deleteOne({ _id: toObjectId(id), user_id: toObjectId(userId) });
					return deletedCount > 0 || isRetry;
				});
				if (!isGone) fail("key_not_found");
			}),

		deleteKeys: (userId) =>
			operate(async () => {
				const { deletedCount } = await step(() => apiKeys.deleteMany({ user_id: toObjectId(userId) }));
				return deletedCount;
			}),

		purgeKeys: (before) =>
			operate(async () => {
				await step(() => apiKeys.deleteMany({ expires_at: { $lt: new Date(before) } }));
			}),
	};
}

export function keyToDocument(key: ApiKey, hash: string): ApiKeyDocument {
	return {
		_id: toObjectId(key.id),
		user_id: toObjectId(key.userId),
		name: key.name,
		prefix: key.prefix,
		hash,
		scopes: [...key.scopes],
		created_at: new Date(key.createdAt),
		expires_at: key.expiresAt === null ? null : new Date(key.expiresAt),
		last_used_at: key.lastUsedAt === null ? null : new Date(key.lastUsedAt),
	};
}

export function keyFromDocument({ _id, user_id, name, prefix, scopes, created_at, expires_at, last_used_at }: ApiKeyDocument): ApiKey {
	return {
		id: toId(_id),
		userId: toId(user_id),
		name,
		prefix,
		scopes: KEY_SCOPES.filter((scope) => scopes.includes(scope)),
		createdAt: created_at.getTime(),
		expiresAt: expires_at?.getTime() ?? null,
		lastUsedAt: last_used_at?.getTime() ?? null,
	};
}
