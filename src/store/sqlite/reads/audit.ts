// Reads of the audit trail, each along one index from its newest end.

import type { Database } from "bun:sqlite";
import { firstTimedId } from "../../../domain/id.ts";
import type { AuditQuery, AuditStore } from "../../../ports/audit.ts";
import { type AuditRow, auditFromRow, type SqlValues } from "../rows.ts";
import type { Read } from "./read.ts";

export function createAuditReads({ db, read }: { readonly db: Database; readonly read: Read }): Pick<AuditStore, "findAudit"> {
	return { findAudit: (query) => read(() => rowsOf(db, query).map(auditFromRow)) };
}

/** Behind every id there is. */
const NEWEST = "g";

function rowsOf(db: Database, { userId, action, since = 0, before, limit }: AuditQuery): readonly AuditRow[] {
	const values = { before: before ?? NEWEST, first: firstTimedId(since), since, limit };
	if (userId !== undefined) {
		return db
			.query<AuditRow, [SqlValues]>(
				`SELECT * FROM (
					SELECT * FROM audit WHERE user_id = $userId AND id < $before AND id >= $first AND at >= $since AND ($action IS NULL OR action = $action)
					ORDER BY id DESC LIMIT $limit
				)
				UNION
				SELECT * FROM (
					SELECT * FROM audit WHERE by_id = $userId AND id < $before AND id >= $first AND at >= $since AND ($action IS NULL OR action = $action)
					ORDER BY id DESC LIMIT $limit
				)
				ORDER BY id DESC LIMIT $limit`,
			)
			.all({ ...values, userId, action: action ?? null });
	}
	if (action !== undefined) {
		return db
			.query<AuditRow, [SqlValues]>(
				"SELECT * FROM audit WHERE action = $action AND id < $before AND id >= $first AND at >= $since ORDER BY id DESC LIMIT $limit",
			)
			.all({ ...values, action });
	}
	return db
		.query<AuditRow, [SqlValues]>("SELECT * FROM audit WHERE id < $before AND id >= $first AND at >= $since ORDER BY id DESC LIMIT $limit")
		.all(values);
}
