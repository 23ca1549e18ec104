// The numbers that the administrator sees.

import type { Database } from "bun:sqlite";
import type { AdminStore, Metrics } from "../../../ports/store.ts";
import type { SqlValues } from "../rows.ts";
import { countAdmins } from "../writes/users.ts";
import type { Read } from "./read.ts";

type TotalsRow = { users: number; sessions: number; user: number; assistant: number; messages: number };
type RecentRow = { activeUsers: number; newUsers: number; newSessions: number; newMessages: number };

export function createMetricsRead({ db, read }: { readonly db: Database; readonly read: Read }): Pick<AdminStore, "metrics"> {
	return { metrics: (since) => read(() => readMetrics(db, since)) };
}

function readMetrics(db: Database, { active, recent }: { readonly active: number; readonly recent: number }): Metrics {
	const totals = db
		.query<TotalsRow, []>(
			`SELECT
				sum(count) FILTER (WHERE name = 'users') AS users,
				sum(count) FILTER (WHERE name = 'sessions') AS sessions,
				sum(count) FILTER (WHERE name = 'user') AS user,
				sum(count) FILTER (WHERE name = 'assistant') AS assistant,
				sum(count) FILTER (WHERE name IN ('user', 'assistant', 'system')) AS messages
			FROM totals`,
		)
		.get();
	// Every part but the count of new users is a walk through an index; of people there are few.
	const news = db
		.query<RecentRow, [SqlValues]>(
			`SELECT
				(SELECT count(*) FROM session_totals AS person
					WHERE EXISTS (SELECT 1 FROM sessions WHERE user_id = person.user_id AND updated_at >= $active)) AS activeUsers,
				(SELECT count(*) FROM users WHERE created_at >= $recent) AS newUsers,
				(SELECT count(*) FROM sessions WHERE created_at >= $recent) AS newSessions,
				(SELECT count(*) FROM messages WHERE created_at >= $recent) AS newMessages`,
		)
		.get({ active, recent });
	return {
		users: totals?.users ?? 0,
		admins: countAdmins(db),
		activeUsers: news?.activeUsers ?? 0,
		sessions: totals?.sessions ?? 0,
		messages: totals?.messages ?? 0,
		userMessages: totals?.user ?? 0,
		assistantMessages: totals?.assistant ?? 0,
		newUsers: news?.newUsers ?? 0,
		newSessions: news?.newSessions ?? 0,
		newMessages: news?.newMessages ?? 0,
	};
}
