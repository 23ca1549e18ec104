// Personal keys: made, listed and revoked by their owner, and presented in place of an access token. A key is 256 random bits, shown
// once; what is stored is its SHA-256.

import { type ApiKey, KEY_MARK, KEYS_PER_USER, type KeyScope, prefixOf } from "../domain/api-key.ts";
import { PocketError } from "../domain/errors.ts";
import { type Id, parseId } from "../domain/id.ts";
import type { User } from "../domain/user.ts";
import type { Actor, Audit } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { KeyStore } from "../ports/store.ts";
import { hashSecret, newSecret } from "./secrets.ts";

export type KeyService = ReturnType<typeof createKeyService>;

export type KeyServiceDependencies = { readonly store: KeyStore; readonly audit: Audit; readonly clock: Clock; readonly log: Log };

export type NewKey = {
	readonly name: string;
	readonly scopes: readonly KeyScope[];
	/** Milliseconds; `null`: it does not end. */
	readonly lifetime: number | null;
};

/** A use is noted at most this often. */
const NOTE_EVERY_MS = 60_000;
/** A key of ours has 46 characters; more is not even hashed. */
const MAX_LENGTH = 200;

/** Whether a bearer token presents itself as a personal key; no access token begins like one. */
export function isPersonalKey(token: string): boolean {
	return token.startsWith(KEY_MARK);
}

export function createKeyService({ store, audit, clock, log }: KeyServiceDependencies) {
	/** When a use was last handed to the store, by key: the store is not asked on every request. */
	const noted = new Map<Id, number>();

	const noteUse = ({ id, lastUsedAt }: ApiKey): void => {
		const now = clock.now();
		const due = now - NOTE_EVERY_MS;
		// The clock may have been set back: a time to come counts as none.
		const isRecent = (time: number | null | undefined): boolean => time != null && time >= due && time <= now;
		if (isRecent(lastUsedAt) || isRecent(noted.get(id))) return;
		if (noted.size >= 10_000) noted.clear();
		noted.set(id, now);
		store.touchKey(id, now, due).catch((error: unknown) => log.warn({ key: id, err: error }, "the use of a key could not be noted"));
	};

	return {
		/** Codes: `too_many_keys`, `user_not_found`. */
		make: async (
			userId: Id,
			{ name, scopes, lifetime }: NewKey,
			actor: Actor,
		): Promise<{ readonly key: ApiKey; readonly secret: string }> => {
			// Two that are made at once may both find room: the number is a bound on clutter, not a wall.
			if ((await store.findKeys(userId)).length >= KEYS_PER_USER) throw new PocketError("too_many_keys");
			const secret = KEY_MARK + newSecret();
			const now = clock.now();
			const key: ApiKey = {
				id: clock.newId(),
				userId,
				name: name.trim(),
				prefix: prefixOf(secret),
				scopes,
				createdAt: now,
				expiresAt: lifetime === null ? null : now + lifetime,
				lastUsedAt: null,
			};
			await store.createKey(key, hashSecret(secret));
			audit.record({ action: "key_made", userId, ...actor, detail: key.prefix });
			return { key, secret };
		},

		/** Newest first. */
		list: (userId: Id): Promise<readonly ApiKey[]> => store.findKeys(userId),

		/** From now on it is refused. Codes: `invalid_id`, `key_not_found`. */
		revoke: async (userId: Id, text: string, actor: Actor): Promise<void> => {
			const id = parseId(text);
			if (id === undefined) throw new PocketError("invalid_id");
			const prefix = (await store.findKeys(userId)).find((key) => key.id === id)?.prefix;
			await store.deleteKey(id, userId);
			audit.record({ action: "key_revoked", userId, ...actor, detail: prefix });
		},

		/** Tells how many. */
		revokeAll: async (userId: Id, actor: Actor): Promise<number> => {
			const count = await store.deleteKeys(userId);
			if (count > 0) audit.record({ action: "key_revoked", userId, ...actor, detail: `all ${count}` });
			return count;
		},

		/** Who a key belongs to, now, and what it is good for. Codes: `invalid_token`, `account_disabled`. */
		authenticate: async (token: string): Promise<{ readonly user: User; readonly key: ApiKey }> => {
			const found = token.length > MAX_LENGTH ? undefined : await store.findKeyByHash(hashSecret(token));
			if (found === undefined || (found.key.expiresAt !== null && found.key.expiresAt <= clock.now())) {
				throw new PocketError("invalid_token", { sentence: "This key is not valid, was revoked or has ended." });
			}
			if (found.user.disabled) throw new PocketError("account_disabled");
			noteUse(found.key);
			return found;
		},

		/** Whether what was begun with a key may go on: one that ends meanwhile had authorised it, one that was revoked has not. */
		isGood: async (id: Id): Promise<boolean> => {
			const found = await store.findKey(id);
			return found !== undefined && !found.user.disabled;
		},
	};
}
