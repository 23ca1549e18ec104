// A login's refresh tokens as records of a copy, and back to rows. A row that was spent names its successor; of the older ones the other
// driver knows only that they were spent.

import type { Database } from "bun:sqlite";
import type { Id } from "../../../domain/id.ts";
import type { Login } from "../../../domain/login.ts";
import type { RefreshChain } from "../../../ports/copy.ts";
import type { SqlValues } from "../rows.ts";

type TokenRow = { hash: string; spent_at: number | null; successor_hash: string | null };

export function readChain(db: Database, loginId: Id): RefreshChain {
	const rows = db
		.query<TokenRow, [SqlValues]>("SELECT hash, spent_at, successor_hash FROM refresh_tokens WHERE login_id = $loginId ORDER BY hash")
		.all({ loginId });
	const newest = rows.find(({ spent_at }) => spent_at === null)?.hash ?? null;
	const parent = newest === null ? undefined : rows.find(({ successor_hash }) => successor_hash === newest);
	return {
		newest,
		parent: parent?.hash ?? null,
		rotatedAt: parent?.spent_at ?? null,
		spent: rows.filter(({ hash, spent_at }) => spent_at !== null && hash !== parent?.hash).map(({ hash }) => hash),
	};
}

/** An older token succeeds itself: so it is no parent of any token that is not spent, and whoever presents it ends the family. */
export function insertChain(db: Database, login: Login, { newest, parent, rotatedAt, spent }: RefreshChain): void {
	for (const hash of spent) insert(db, login.id, { hash, spent_at: login.createdAt, successor_hash: hash });
	if (parent !== null) insert(db, login.id, { hash: parent, spent_at: rotatedAt ?? login.createdAt, successor_hash: newest ?? parent });
	if (newest !== null) insert(db, login.id, { hash: newest, spent_at: null, successor_hash: null });
}

function insert(db: Database, loginId: Id, row: TokenRow): void {
	db.query<never, [SqlValues]>(
		"INSERT INTO refresh_tokens (hash, login_id, spent_at, successor_hash) VALUES ($hash, $loginId, $spent_at, $successor_hash)",
	).run({ ...row, loginId });
}
