// The administration routes. The names of members are the old gateway's, snake_case, with the usual ones beside them.

import { Elysia } from "elysia";
import { PocketError } from "../domain/errors.ts";
import { type Id, parseId } from "../domain/id.ts";
import { describe } from "../http/describe.ts";
import { callerOf, principalOf } from "../http/exchange.ts";
import { adminSessionJson, adminUserJson, messageJson, timestamp } from "../http/json.ts";
import { pageQuery } from "../http/query.ts";
import type { AdminService } from "./service.ts";

const EXAMPLE_USER = {
	id: "6b041e0141cb1347a28169c6",
	email: "carol@example.com",
	name: "Carol",
	full_name: "Carol",
	avatar_url: null,
	avatar: null,
	is_admin: false,
	createdAt: "2026-11-23T10:46:03.228Z",
	updatedAt: "2026-11-23T10:46:03.228Z",
	disabled: false,
	created_at: "2026-11-23T10:46:03.228Z",
	updated_at: "2026-11-23T10:46:03.228Z",
};
const EXAMPLE_METRICS = {
	overview: { total_users: 11, total_sessions: 58, total_messages: 153, admin_count: 1, active_users: 2 },
	recent_activity: { new_users_24h: 1, new_sessions_24h: 5, new_messages_24h: 20 },
	messages: { user_messages: 85, assistant_messages: 67, avg_per_session: 2.64 },
};

/** The last two are handed over from the engine. */
export type AdminRouteDependencies = {
	readonly admin: AdminService;
	readonly findGenerations: () => Promise<readonly GenerationView[]>;
	/** `over`: nothing with this id runs; `unheard`: where it may run nobody answers. */
	readonly stopGeneration: (id: Id) => Promise<"stopped" | "over" | "unheard">;
};

export type GenerationView = {
	readonly id: Id;
	readonly sessionId: Id;
	readonly user: { readonly id: Id; readonly email: string };
	readonly state: string;
	readonly model: string | null;
	readonly upstream: string | null;
	readonly position: number | null;
	readonly seq: number;
	readonly createdAt: number;
};

const EXAMPLE_GENERATION = {
	generationId: "6b041e0241cb1347a28169cc",
	sessionId: "6b041e0241cb1347a28169c8",
	userId: "6b041e0141cb1347a28169c6",
	email: "carol@example.com",
	status: "streaming",
	model: "smollm2",
	upstream: "ollama",
	position: null,
	seq: 12,
	createdAt: "2026-11-23T10:46:03.409Z",
};

export function adminRoutes({ admin, findGenerations, stopGeneration }: AdminRouteDependencies) {
	const query = pageQuery(50);
	return new Elysia({ prefix: "/admin" })
		.get(
			"/metrics",
			async () => {
				const now = await admin.metrics();
				return {
					overview: {
						total_users: now.users,
						total_sessions: now.sessions,
						total_messages: now.messages,
						admin_count: now.admins,
						active_users: now.activeUsers,
					},
					recent_activity: { new_users_24h: now.newUsers, new_sessions_24h: now.newSessions, new_messages_24h: now.newMessages },
					messages: {
						user_messages: now.userMessages,
						assistant_messages: now.assistantMessages,
						avg_per_session: now.sessions === 0 ? 0 : Math.round((now.messages / now.sessions) * 100) / 100,
					},
				};
			},
			{
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Counts",
					answers: { 200: { description: "How many there are", schema: "Metrics", example: EXAMPLE_METRICS } },
				}),
			},
		)
		.get(
			"/users",
			async ({ query }) => {
				const { items, total } = await admin.findUsers(query);
				return { users: items.map(adminUserJson), total, ...query };
			},
			{
				query,
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "All people",
					answers: {
						200: { description: "Newest first", schema: "AdminUserPage", example: { users: [EXAMPLE_USER], total: 1, skip: 0, limit: 50 } },
					},
					errors: ["validation_failed"],
				}),
			},
		)
		.get(
			"/sessions",
			async ({ query }) => {
				const { items, total } = await admin.findSessions(query);
				return { sessions: items.map(adminSessionJson), total, ...query };
			},
			{
				query,
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "All sessions",
					answers: {
						200: { description: "Newest first", schema: "AdminSessionPage", example: { sessions: [], total: 0, skip: 0, limit: 50 } },
					},
					errors: ["validation_failed"],
				}),
			},
		)
		.get(
			"/messages",
			async ({ query }) => {
				const { items, total } = await admin.findMessages(query);
				return { messages: items.map(messageJson), total, ...query };
			},
			{
				query,
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "All messages",
					answers: {
						200: { description: "Newest first", schema: "AdminMessagePage", example: { messages: [], total: 0, skip: 0, limit: 50 } },
					},
					errors: ["validation_failed"],
				}),
			},
		)
		.get(
			"/generations",
			async () => ({
				generations: (await findGenerations()).map(({ id, user, state, createdAt, ...rest }) => ({
					generationId: id,
					userId: user.id,
					email: user.email,
					status: state,
					createdAt: timestamp(createdAt),
					...rest,
				})),
			}),
			{
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Who is generating and who is waiting",
					answers: {
						200: {
							description: "Oldest first; `position` is the place in the queue",
							schema: "AdminGenerationList",
							example: { generations: [EXAMPLE_GENERATION] },
						},
					},
				}),
			},
		)
		.post(
			"/generations/:id/stop",
			async ({ params, set }) => {
				const id = parseId(params.id);
				if (id === undefined) throw new PocketError("invalid_id");
				const outcome = await stopGeneration(id);
				if (outcome !== "stopped") throw new PocketError(outcome === "over" ? "generation_not_found" : "generation_unreachable");
				set.status = 202;
				return { status: "stopping" };
			},
			{
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Stop anybody's answer and keep what had arrived",
					answers: { 202: { description: "It ends now", schema: "Stopping", example: { status: "stopping" } } },
					errors: ["invalid_id", "generation_not_found", "generation_unreachable"],
				}),
			},
		)
		.post(
			"/users/:id/toggle-admin",
			async ({ params, request }) => {
				const user = await admin.toggleAdmin(principalOf(request).user.id, params.id, callerOf(request));
				return { user: adminUserJson(user), is_admin: user.isAdmin };
			},
			{
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Give or take an administrator's rights",
					answers: {
						200: {
							description: "The person now",
							schema: "AdminUserChange",
							example: { user: { ...EXAMPLE_USER, is_admin: true }, is_admin: true },
						},
					},
					errors: ["invalid_id", "user_not_found", "own_admin_status", "last_admin", "store_full"],
				}),
			},
		);
}
