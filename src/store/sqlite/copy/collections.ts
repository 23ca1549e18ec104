// THE table of how each collection of a copy is read from SQLite and written to it. A new table of the schema belongs into a row here, or
// into NOT_COPIED with a reason; test/store/copy-tables.test.ts holds that against the schema.

import type { Database } from "bun:sqlite";
import type { CopyCollection, CopyRecords } from "../../../ports/copy.ts";
import { readParts } from "../parts.ts";
import {
	type AuditRow,
	auditFromRow,
	type InvitationRow,
	invitationFromRow,
	type KeyRow,
	keyFromRow,
	type LoginRow,
	loginFromRow,
	type MessageRow,
	messageFromRow,
	type SessionRow,
	type SqlValues,
	sessionFromRow,
	type UserRow,
	userFromRow,
} from "../rows.ts";
import { appendAudit } from "../writes/audit.ts";
import { createInvitation } from "../writes/invitations.ts";
import { insertKey } from "../writes/keys.ts";
import { createResetToken, insertLogin } from "../writes/logins.ts";
import { insertMessage } from "../writes/messages.ts";
import { createSession } from "../writes/sessions.ts";
import { insertUser } from "../writes/users.ts";
import { insertChain, readChain } from "./refresh-chain.ts";

type Collection<R> = {
	/** The tables that it holds. */
	readonly tables: readonly string[];
	/** Records with a key after this one (`""`: all), in the order of their keys. */
	readonly read: (db: Database, after: string) => Iterable<R>;
	readonly insert: (db: Database, record: R) => void;
	/** Removes records with a key after this one. */
	readonly clearAfter: (db: Database, after: string) => void;
};

export const SQLITE_COLLECTIONS: { readonly [C in CopyCollection]: Collection<CopyRecords[C]> } = {
	users: {
		tables: ["users"],
		read: (db, after) =>
			mapped(db.query<UserRow, [SqlValues]>("SELECT * FROM users WHERE id > $after ORDER BY id").iterate({ after }), userFromRow),
		insert: insertUser,
		clearAfter: (db, after) => run(db, "DELETE FROM users WHERE id > $after", after),
	},
	logins: {
		tables: ["logins", "refresh_tokens"],
		read: (db, after) =>
			mapped(db.query<LoginRow, [SqlValues]>("SELECT * FROM logins WHERE id > $after ORDER BY id").iterate({ after }), (row) => ({
				...loginFromRow(row),
				tokens: readChain(db, row.id),
			})),
		insert: (db, { tokens, ...login }) => {
			insertLogin(db, login);
			insertChain(db, login, tokens);
		},
		// The tokens go with it (ON DELETE CASCADE).
		clearAfter: (db, after) => run(db, "DELETE FROM logins WHERE id > $after", after),
	},
	resetTokens: {
		tables: ["reset_tokens"],
		read: (db, after) =>
			db
				.query<CopyRecords["resetTokens"], [SqlValues]>(
					"SELECT user_id AS userId, hash, expires_at AS expiresAt FROM reset_tokens WHERE user_id > $after ORDER BY user_id",
				)
				.iterate({ after }),
		insert: createResetToken,
		clearAfter: (db, after) => run(db, "DELETE FROM reset_tokens WHERE user_id > $after", after),
	},
	apiKeys: {
		tables: ["api_keys"],
		read: (db, after) =>
			mapped(
				db.query<KeyRow & { hash: string }, [SqlValues]>("SELECT * FROM api_keys WHERE id > $after ORDER BY id").iterate({ after }),
				(row) => ({ ...keyFromRow(row), hash: row.hash }),
			),
		insert: (db, { hash, ...key }) => insertKey(db, key, hash),
		clearAfter: (db, after) => run(db, "DELETE FROM api_keys WHERE id > $after", after),
	},
	invitations: {
		tables: ["invitations"],
		read: (db, after) =>
			mapped(
				db
					.query<InvitationRow & { hash: string }, [SqlValues]>("SELECT * FROM invitations WHERE id > $after ORDER BY id")
					.iterate({ after }),
				(row) => ({ ...invitationFromRow(row), hash: row.hash }),
			),
		insert: (db, { hash, ...invitation }) => createInvitation(db, { invitation, hash }),
		clearAfter: (db, after) => run(db, "DELETE FROM invitations WHERE id > $after", after),
	},
	removals: {
		tables: ["removals"],
		read: (db, after) =>
			db
				.query<CopyRecords["removals"], [SqlValues]>("SELECT user_id AS userId FROM removals WHERE user_id > $after ORDER BY user_id")
				.iterate({ after }),
		insert: (db, { userId }) => {
			db.query<never, [SqlValues]>("INSERT INTO removals (user_id) VALUES ($userId)").run({ userId });
		},
		clearAfter: (db, after) => run(db, "DELETE FROM removals WHERE user_id > $after", after),
	},
	sessions: {
		tables: ["sessions"],
		read: (db, after) =>
			mapped(db.query<SessionRow, [SqlValues]>("SELECT * FROM sessions WHERE id > $after ORDER BY id").iterate({ after }), (row) => {
				const { messageCount: _counted, ...session } = sessionFromRow(row);
				return session;
			}),
		// settle (target.ts) counts.
		insert: (db, session) => createSession(db, { ...session, messageCount: 0 }),
		clearAfter: (db, after) => run(db, "DELETE FROM sessions WHERE id > $after", after),
	},
	messages: {
		tables: ["messages", "answer_progress"],
		read: (db, after) =>
			mapped(
				db.query<MessageRow, [SqlValues]>("SELECT * FROM messages WHERE session_id > $after ORDER BY session_id, seq").iterate({ after }),
				(row) => messageFromRow(row.status === "streaming" ? withText(db, row) : row),
			),
		insert: insertMessage,
		clearAfter: (db, after) => run(db, "DELETE FROM messages WHERE session_id > $after", after),
	},
	audit: {
		tables: ["audit"],
		read: (db, after) =>
			mapped(db.query<AuditRow, [SqlValues]>("SELECT * FROM audit WHERE id > $after ORDER BY id").iterate({ after }), auditFromRow),
		insert: appendAudit,
		clearAfter: (db, after) => run(db, "DELETE FROM audit WHERE id > $after", after),
	},
};

/** Tables of the schema that no record comes from, each for a reason. */
export const NOT_COPIED: Readonly<Record<string, string>> = {
	totals: "its triggers count what is inserted",
	session_totals: "its triggers count what is inserted",
	heartbeat: "what a check writes; says nothing about anybody",
};

/** What has come of an answer that a crash cut off goes to where it stands from its end on. */
function withText(db: Database, row: MessageRow): MessageRow {
	const text = readParts(db, row.id).get(row.id);
	return text === undefined ? row : { ...row, content: text.content, reasoning: text.reasoning || null };
}

function* mapped<Row, R>(rows: Iterable<Row>, map: (row: Row) => R): Iterable<R> {
	for (const row of rows) yield map(row);
}

function run(db: Database, sql: string, after: string): void {
	db.query<never, [SqlValues]>(sql).run({ after });
}
