// Reads of sessions: one, a person's list in each of its orders, everybody's.

import type { Database } from "bun:sqlite";
import type { Id } from "../../../domain/id.ts";
import type { Session } from "../../../domain/session.ts";
import type { AdminStore, Page, Range, SessionQuery, SessionStore } from "../../../ports/store.ts";
import { type SessionRow, type SqlValues, sessionFromRow } from "../rows.ts";
import { type Pages, readPage } from "./paging.ts";
import type { Read } from "./read.ts";

type SessionReads = Pick<SessionStore, "findSession" | "findSessions" | "walkSessions"> & Pick<AdminStore, "findAllSessions">;

/** Each walks one index in its order; text compares by its bytes (BINARY), and `id` decides between equals. */
const LISTS: Readonly<Record<SessionQuery["sortBy"], Readonly<Record<SessionQuery["sortOrder"], string>>>> = {
	createdAt: {
		asc: "SELECT * FROM sessions WHERE user_id = $userId ORDER BY created_at, id LIMIT $limit OFFSET $skip",
		desc: "SELECT * FROM sessions WHERE user_id = $userId ORDER BY created_at DESC, id DESC LIMIT $limit OFFSET $skip",
	},
	updatedAt: {
		asc: "SELECT * FROM sessions WHERE user_id = $userId ORDER BY updated_at, id LIMIT $limit OFFSET $skip",
		desc: "SELECT * FROM sessions WHERE user_id = $userId ORDER BY updated_at DESC, id DESC LIMIT $limit OFFSET $skip",
	},
	title: {
		asc: "SELECT * FROM sessions WHERE user_id = $userId ORDER BY title, id LIMIT $limit OFFSET $skip",
		desc: "SELECT * FROM sessions WHERE user_id = $userId ORDER BY title DESC, id DESC LIMIT $limit OFFSET $skip",
	},
};

export function createSessionReads({ db, read }: { readonly db: Database; readonly read: Read }): SessionReads {
	return {
		findSession: (id, userId) =>
			read(() => {
				const row = db.query<SessionRow, [SqlValues]>("SELECT * FROM sessions WHERE id = $id AND user_id = $userId").get({ id, userId });
				return row === null ? undefined : sessionFromRow(row);
			}),
		findSessions: (query) => read(() => findSessions(db, query)),
		walkSessions: (userId, after, limit) => read(() => walkSessions(db, userId, after, limit)),
		findAllSessions: (range) => findAllSessions(db, read, range),
	};
}

function findSessions(db: Database, { userId, sortBy, sortOrder, skip, limit }: SessionQuery): Page<Session> {
	const rows = db.query<SessionRow, [SqlValues]>(LISTS[sortBy][sortOrder]).all({ userId, skip, limit });
	const total = db.query<{ count: number }, [SqlValues]>("SELECT count FROM session_totals WHERE user_id = $userId").get({ userId });
	return { items: rows.map(sessionFromRow), total: total?.count ?? 0 };
}

function walkSessions(db: Database, userId: Id, after: Session | null, limit: number): readonly Session[] {
	return db
		.query<SessionRow, [SqlValues]>(
			`SELECT * FROM sessions WHERE user_id = $userId AND (created_at, id) > ($createdAt, $id)
			ORDER BY created_at, id LIMIT $limit`,
		)
		.all({ userId, createdAt: after?.createdAt ?? Number.MIN_SAFE_INTEGER, id: after?.id ?? "", limit })
		.map(sessionFromRow);
}

const ALL: Pages = {
	newestFirst: {
		page: "SELECT * FROM sessions WHERE id < $from ORDER BY id DESC LIMIT $limit OFFSET $skip",
		step: "SELECT id FROM sessions WHERE id < $from ORDER BY id DESC LIMIT 1 OFFSET $skip",
	},
	oldestFirst: {
		page: "SELECT * FROM sessions WHERE id > $from ORDER BY id LIMIT $limit OFFSET $skip",
		step: "SELECT id FROM sessions WHERE id > $from ORDER BY id LIMIT 1 OFFSET $skip",
	},
};

async function findAllSessions(db: Database, read: Read, range: Range): Promise<Page<Session>> {
	const totals = await read(() => db.query<{ count: number }, []>("SELECT count FROM totals WHERE name = 'sessions'").get());
	const total = totals?.count ?? 0;
	const rows = await readPage<SessionRow>({ db, read }, ALL, range, total);
	return { items: rows.map(sessionFromRow), total };
}
