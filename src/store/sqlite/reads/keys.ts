// Reads of personal keys.

import type { Database } from "bun:sqlite";
import type { ApiKey } from "../../../domain/api-key.ts";
import type { Id } from "../../../domain/id.ts";
import type { User } from "../../../domain/user.ts";
import type { KeyStore } from "../../../ports/store.ts";
import { type KeyRow, keyFromRow, type SqlValues, type UserRow, userFromRow } from "../rows.ts";
import type { Read } from "./read.ts";

export function createKeyReads({
	db,
	read,
}: {
	readonly db: Database;
	readonly read: Read;
}): Pick<KeyStore, "findKeys" | "findKey" | "findKeyByHash"> {
	return {
		findKeys: (userId) =>
			read(() =>
				db.query<KeyRow, [SqlValues]>("SELECT * FROM api_keys WHERE user_id = $userId ORDER BY id DESC").all({ userId }).map(keyFromRow),
			),
		findKey: (id) => read(() => withPerson(db, db.query<KeyRow, [SqlValues]>("SELECT * FROM api_keys WHERE id = $id").get({ id }))),
		findKeyByHash: (hash) =>
			read(() => withPerson(db, db.query<KeyRow, [SqlValues]>("SELECT * FROM api_keys WHERE hash = $hash").get({ hash }))),
	};
}

/** Both come from one snapshot. */
function withPerson(db: Database, row: KeyRow | null): { readonly key: ApiKey; readonly user: User } | undefined {
	const person = row === null ? null : personOf(db, row.user_id);
	return row === null || person === null ? undefined : { key: keyFromRow(row), user: userFromRow(person) };
}

function personOf(db: Database, id: Id): UserRow | null {
	return db.query<UserRow, [SqlValues]>("SELECT * FROM users WHERE id = $id").get({ id });
}
