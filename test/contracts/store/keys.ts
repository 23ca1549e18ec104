// The store's suite: personal keys.

import { describe, expect, test } from "bun:test";
import type { ApiKey } from "../../../src/domain/api-key.ts";
import type { Store } from "../../../src/ports/store.ts";
import type { Current } from "../store.ts";
import { aKey, aUser, DAY, expectCode, HOUR, MINUTE, NOON, newId } from "./samples.ts";

async function storedKey(store: Store, change: Partial<ApiKey> = {}): Promise<ApiKey> {
	const user = aUser();
	await store.createUser(user);
	const key = aKey(user.id, change);
	await store.createKey(key, `hash of ${key.id}`);
	return key;
}

const lastUse = async (store: Store, key: ApiKey) => (await store.findKey(key.id))?.key.lastUsedAt;

export function keyContract(current: Current): void {
	describe("personal keys", () => {
		test("a key comes back with its person, by id and by its hash", async () => {
			const { store } = current;
			const user = aUser({ disabled: true });
			await store.createUser(user);
			const key = aKey(user.id, { scopes: ["read"], expiresAt: NOON + DAY, name: "Nächtliche Sicherung 🌙" });
			await store.createKey(key, "hash");
			expect(await store.findKey(key.id)).toEqual({ key, user });
			expect(await store.findKeyByHash("hash")).toEqual({ key, user });
			expect(await store.findKey(newId())).toBeUndefined();
			expect(await store.findKeyByHash("HASH")).toBeUndefined();
		});

		test("a key of nobody is refused, and nothing is stored", async () => {
			const { store } = current;
			const key = aKey(newId());
			await expectCode(store.createKey(key, "hash"), "user_not_found");
			expect(await store.findKey(key.id)).toBeUndefined();
			expect(await store.findKeys(key.userId)).toEqual([]);
		});

		test("a person's keys are listed newest first, and nobody else's", async () => {
			const { store } = current;
			const first = await storedKey(store);
			await storedKey(store);
			const second = aKey(first.userId);
			await store.createKey(second, "second");
			expect(await store.findKeys(first.userId)).toEqual([second, first]);
		});

		test("many uses within the pause are noted once; a key that is gone is no error", async () => {
			const { store } = current;
			const key = await storedKey(store);
			expect(await lastUse(store, key)).toBeNull();
			const use = (now: number) => store.touchKey(key.id, now, now - MINUTE);
			await use(NOON);
			await use(NOON + 1000);
			await use(NOON + MINUTE);
			expect(await lastUse(store, key)).toBe(NOON);
			await use(NOON + MINUTE + 1);
			expect(await lastUse(store, key)).toBe(NOON + MINUTE + 1);
			await store.touchKey(newId(), NOON, NOON);
		});

		test("only its owner deletes a key, once", async () => {
			const { store } = current;
			const [key, stranger] = [await storedKey(store), await storedKey(store)];
			await expectCode(store.deleteKey(key.id, stranger.userId), "key_not_found");
			expect(await store.findKey(key.id)).toBeDefined();
			await store.deleteKey(key.id, key.userId);
			await expectCode(store.deleteKey(key.id, key.userId), "key_not_found");
			expect(await store.findKeyByHash(`hash of ${key.id}`)).toBeUndefined();
			expect(await store.findKey(stranger.id)).toBeDefined();
		});

		test("all of a person are deleted at once, with their number, and nobody else's", async () => {
			const { store } = current;
			const [key, stranger] = [await storedKey(store), await storedKey(store)];
			await store.createKey(aKey(key.userId), "second");
			expect(await store.deleteKeys(key.userId)).toBe(2);
			expect(await store.deleteKeys(key.userId)).toBe(0);
			expect(await store.findKeys(stranger.userId)).toEqual([stranger]);
		});

		test("purging removes what ended before that time; a key without an end stays", async () => {
			const { store } = current;
			const ended = await storedKey(store, { expiresAt: NOON - 1 });
			const kept = [
				await storedKey(store, { expiresAt: NOON }),
				await storedKey(store),
				await storedKey(store, { expiresAt: NOON + HOUR }),
			];
			await store.purgeKeys(NOON);
			expect(await store.findKey(ended.id)).toBeUndefined();
			for (const key of kept) expect(await store.findKey(key.id)).toBeDefined();
		});
	});
}
