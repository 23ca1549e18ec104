// The query of the audit trail.

import { t } from "elysia";
import { AUDIT_ACTIONS } from "../domain/audit.ts";
import { ID_AS_SHOWN, integerIn, oneOf } from "../http/query.ts";

export const auditQuery = t.Object({
	user: t.Optional(t.String({ minLength: 1, maxLength: 254, expects: "an e-mail address or an id" })),
	action: t.Optional(oneOf(AUDIT_ACTIONS)),
	since: t.Optional(t.String({ maxLength: 40, expects: "a time such as 2026-11-23T10:46:03Z", shows: { format: "date-time" } })),
	before: t.Optional(t.String({ maxLength: 64, expects: "the id of an entry", shows: ID_AS_SHOWN })),
	limit: integerIn("limit", 1, 100, 50),
});
