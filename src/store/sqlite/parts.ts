// The text of an answer that is still being made stands in pieces beside its row; here they are put together.

import type { Database } from "bun:sqlite";
import type { MessageRow, SqlValues } from "./rows.ts";

/** The row with the text that has come so far; any other than a running answer's as it is. */
export function withParts(db: Database, row: MessageRow): MessageRow {
	if (row.status !== "streaming") return row;
	const parts = db
		.query<{ content: string; reasoning: string }, [SqlValues]>(
			"SELECT content, reasoning FROM answer_parts WHERE message_id = $id ORDER BY ends_at",
		)
		.all({ id: row.id });
	if (parts.length === 0) return row;
	const reasoning = parts.map((part) => part.reasoning).join("");
	return { ...row, content: parts.map((part) => part.content).join(""), reasoning: reasoning === "" ? null : reasoning };
}
