// Writes about personal keys. Only hashes of them come here.

import type { Database } from "bun:sqlite";
import type { ApiKey } from "../../../domain/api-key.ts";
import { fail } from "../../../domain/errors.ts";
import type { Id } from "../../../domain/id.ts";
import { keyToRow, type SqlValues } from "../rows.ts";
import type { WriteArgs } from "./table.ts";

export function createKey(db: Database, { key, hash }: WriteArgs<"createKey">): undefined {
	const made = db
		.query<{ id: Id }, [SqlValues]>(
			`INSERT INTO api_keys (id, user_id, name, prefix, hash, scopes, created_at, expires_at, last_used_at)
			SELECT $id, id, $name, $prefix, $hash, $scopes, $created_at, $expires_at, $last_used_at FROM users WHERE id = $user_id
			RETURNING id`,
		)
		.get({ ...keyToRow(key), hash });
	if (made === null) fail("user_not_found");
}

/** Whether or not the person is there. */
export function insertKey(db: Database, key: ApiKey, hash: string): void {
	db.query<never, [SqlValues]>(
		`INSERT INTO api_keys (id, user_id, name, prefix, hash, scopes, created_at, expires_at, last_used_at)
		VALUES ($id, $user_id, $name, $prefix, $hash, $scopes, $created_at, $expires_at, $last_used_at)`,
	).run({ ...keyToRow(key), hash });
}

export function touchKey(db: Database, { id, now, notedBefore }: WriteArgs<"touchKey">): undefined {
	db.query<never, [SqlValues]>(
		"UPDATE api_keys SET last_used_at = $now WHERE id = $id AND (last_used_at IS NULL OR last_used_at < $notedBefore)",
	).run({ id, now, notedBefore });
}

export function deleteKey(db: Database, { id, userId }: WriteArgs<"deleteKey">): undefined {
	const gone = db
		.query<{ id: Id }, [SqlValues]>("DELETE FROM api_keys WHERE id = $id AND user_id = $userId RETURNING id")
		.get({ id, userId });
	if (gone === null) fail("key_not_found");
}

export function deleteKeys(db: Database, { userId }: WriteArgs<"deleteKeys">): number {
	return db.query<never, [SqlValues]>("DELETE FROM api_keys WHERE user_id = $userId").run({ userId }).changes;
}

/** The table is small: some keys for each person who writes scripts. */
export function purgeKeys(db: Database, { before }: WriteArgs<"purgeKeys">): undefined {
	db.query<never, [SqlValues]>("DELETE FROM api_keys WHERE expires_at < $before").run({ before });
}
