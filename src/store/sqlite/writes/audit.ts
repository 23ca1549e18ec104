// Writes of the audit trail: it grows at its end and is cut at its beginning.

import type { Database } from "bun:sqlite";
import type { AuditEntry } from "../../../domain/audit.ts";
import { firstTimedId } from "../../../domain/id.ts";
import { auditToRow, type SqlValues } from "../rows.ts";
import type { WriteArgs } from "./table.ts";

export function appendAudit(db: Database, entry: AuditEntry): undefined {
	db.query<never, [SqlValues]>(
		`INSERT INTO audit (id, at, action, user_id, by_id, address, device, detail)
		VALUES ($id, $at, $action, $user_id, $by_id, $address, $device, $detail)`,
	).run(auditToRow(entry));
}

/** Along the primary key, which begins with the time: a clock that was set back costs an entry some of its life. */
export function purgeAudit(db: Database, { before }: WriteArgs<"purgeAudit">): undefined {
	db.query<never, [SqlValues]>("DELETE FROM audit WHERE id < $first").run({ first: firstTimedId(before) });
}
