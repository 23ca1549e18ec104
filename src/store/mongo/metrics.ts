// The numbers that the administrator sees. Each is the collection's own count or a walk through keys of one index; the walks by role grow
// with all messages (some 5 million keys a second), which is why no person's page asks for them.

import type { AdminStore } from "../../ports/store.ts";
import { type Access, LONG_STEP_MS } from "./access.ts";

export function createMetrics({ operate, step, users, sessions, messages }: Access): Pick<AdminStore, "metrics"> {
	const countRole = (role: string): Promise<number> => step(() => messages.countDocuments({ role }), LONG_STEP_MS);

	async function countActive(since: Date): Promise<number> {
		const groups = [{ $match: { updated_at: { $gte: since } } }, { $group: { _id: "$user_id" } }, { $count: "people" }];
		const [found] = await step(() => sessions.aggregate(groups).toArray(), LONG_STEP_MS);
		return found === undefined ? 0 : Number(found.people);
	}

	return {
		metrics: ({ active, recent }) =>
			operate(async () => {
				const isNew = { created_at: { $gte: new Date(recent) } };
				const [
					people,
					admins,
					activeUsers,
					sessionCount,
					messageCount,
					userMessages,
					assistantMessages,
					newUsers,
					newSessions,
					newMessages,
				] = await Promise.all([
					step(() => users.estimatedDocumentCount()),
					step(() => users.countDocuments({ is_admin: true, disabled: { $ne: true } })),
					countActive(new Date(active)),
					step(() => sessions.estimatedDocumentCount()),
					step(() => messages.estimatedDocumentCount()),
					countRole("user"),
					countRole("assistant"),
					step(() => users.countDocuments(isNew)),
					step(() => sessions.countDocuments(isNew)),
					step(() => messages.countDocuments({ role: { $in: ["user", "assistant", "system"] }, ...isNew })),
				]);
				return {
					users: people,
					admins,
					activeUsers,
					sessions: sessionCount,
					messages: messageCount,
					userMessages,
					assistantMessages,
					newUsers,
					newSessions,
					newMessages,
				};
			}),
	};
}
