// What two database files hold, compared row by row, whatever numbers and order the files themselves gave to them.

import { Database } from "bun:sqlite";

/** Tables, and the columns that put their rows in an order. */
const TABLES: Readonly<Record<string, string>> = {
	users: "id",
	logins: "id",
	refresh_tokens: "hash",
	reset_tokens: "hash",
	api_keys: "id",
	invitations: "id",
	removals: "user_id",
	sessions: "id",
	messages: "session_id, seq",
	answer_progress: "number",
	audit: "id",
	totals: "name",
	session_totals: "user_id",
};

/** The tables that do not hold the same; messages are compared in the order of their sessions. Keeps one hash for each, no rows. */
export function differingTables(one: string, other: string): readonly string[] {
	return Object.keys(TABLES).filter((table) => digestOf(one, table) !== digestOf(other, table));
}

function digestOf(path: string, table: string): string {
	const file = new Database(path, { readonly: true });
	try {
		const hash = new Bun.CryptoHasher("sha256");
		for (const row of rowsOf(file, table)) hash.update(`${JSON.stringify(row)}\n`);
		return hash.digest("hex");
	} finally {
		file.close();
	}
}

function rowsOf(file: Database, table: string): Iterable<unknown> {
	// Of a token that was spent long ago MongoDB keeps only that it was spent.
	if (table === "refresh_tokens") {
		return file
			.query(
				`SELECT token.hash, token.login_id, successor.hash AS successor, iif(successor.hash IS NULL, 0, token.spent_at) AS spent_at, token.spent_at IS NULL AS is_newest
				FROM refresh_tokens AS token LEFT JOIN refresh_tokens AS successor ON successor.hash = token.successor_hash AND successor.spent_at IS NULL
				ORDER BY token.hash`,
			)
			.iterate();
	}
	const rows = file.query<Record<string, unknown>, []>(`SELECT * FROM "${table}" ORDER BY ${TABLES[table]}`).iterate();
	return withoutSeq(rows);
}

function* withoutSeq(rows: Iterable<Record<string, unknown>>): Generator<unknown> {
	for (const { seq: _seq, ...row } of rows) yield row;
}
