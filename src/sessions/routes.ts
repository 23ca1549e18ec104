// The session routes below /chat/sessions, and the older message routes below /sessions.

import { Elysia } from "elysia";
import { BODY_ERRORS, describe } from "../http/describe.ts";
import { principalOf } from "../http/exchange.ts";
import { messageJson, sessionJson } from "../http/json.ts";
import * as schema from "./schema.ts";
import type { SessionService } from "./service.ts";

const EXAMPLE_SESSION = {
	id: "6b041e0241cb1347a28169c8",
	userId: "6b041e0141cb1347a28169c6",
	title: "Greetings",
	createdAt: "2026-11-23T10:46:03.228Z",
	updatedAt: "2026-11-23T10:46:03.409Z",
	lastMessageAt: "2026-11-23T10:46:03.409Z",
	lastMessage: "Hello! How can I help?",
	metadata: {},
	messageCount: 2,
	model: null,
	systemPrompt: null,
};
const EXAMPLE_MESSAGE = {
	id: "6b041e0241cb1347a28169ca",
	sessionId: EXAMPLE_SESSION.id,
	session_id: EXAMPLE_SESSION.id,
	user_id: EXAMPLE_SESSION.userId,
	role: "user",
	content: "Say hello",
	timestamp: "2026-11-23T10:46:03.228Z",
	created_at: "2026-11-23T10:46:03.228Z",
	status: "sent",
};
const ID_ERRORS = ["invalid_id", "session_not_found"] as const;

const userIdOf = (request: Request) => principalOf(request).user.id;

export function sessionRoutes({ sessions }: { sessions: SessionService }) {
	return new Elysia({ prefix: "/chat/sessions" })
		.get(
			"/",
			async ({ query, request }) => {
				const { page, limit } = query;
				const { items, total } = await sessions.findSessions({
					userId: userIdOf(request),
					skip: (page - 1) * limit,
					limit,
					sortBy: query.sortBy ?? query.sort_by ?? "updatedAt",
					sortOrder: query.sortOrder ?? query.sort_order ?? "desc",
				});
				return { data: items.map(sessionJson), total, page, limit, hasMore: page * limit < total };
			},
			{
				query: schema.sessionListQuery,
				detail: describe({
					access: "user",
					keys: ["read"],
					tag: "Sessions",
					summary: "List one's sessions",
					answers: {
						200: {
							description: "A page of sessions",
							schema: "SessionPage",
							example: { data: [EXAMPLE_SESSION], total: 1, page: 1, limit: 20, hasMore: false },
						},
					},
					errors: ["validation_failed"],
				}),
			},
		)
		.post(
			"/",
			async ({ body, request, set }) => {
				const session = await sessions.createSession(userIdOf(request), body);
				set.status = 201;
				return sessionJson(session);
			},
			{
				body: schema.newSessionBody,
				detail: describe({
					access: "user",
					keys: ["chat"],
					largeBody: true,
					tag: "Sessions",
					summary: "Begin a session",
					body: { title: "Greetings" },
					answers: {
						201: {
							description: "The session",
							schema: "Session",
							example: { ...EXAMPLE_SESSION, lastMessage: null, lastMessageAt: null, messageCount: 0 },
						},
					},
					errors: BODY_ERRORS,
				}),
			},
		)
		.get("/:id", async ({ params, request }) => sessionJson(await sessions.findSession(userIdOf(request), params.id)), {
			detail: describe({
				access: "user",
				keys: ["read"],
				tag: "Sessions",
				summary: "One session",
				answers: { 200: { description: "The session", schema: "Session", example: EXAMPLE_SESSION } },
				errors: ID_ERRORS,
			}),
		})
		.patch("/:id", async ({ params, body, request }) => sessionJson(await sessions.updateSession(userIdOf(request), params.id, body)), {
			body: schema.sessionChangeBody,
			detail: describe({
				access: "user",
				keys: ["chat"],
				largeBody: true,
				tag: "Sessions",
				summary: "Rename a session, or change its metadata, model or system prompt",
				body: { title: "Greetings" },
				answers: { 200: { description: "The session now", schema: "Session", example: EXAMPLE_SESSION } },
				errors: [...ID_ERRORS, ...BODY_ERRORS],
			}),
		})
		.delete(
			"/:id",
			async ({ params, request, set }) => {
				await sessions.deleteSession(userIdOf(request), params.id);
				set.status = 204;
			},
			{
				detail: describe({
					access: "user",
					keys: [],
					tag: "Sessions",
					summary: "Delete a session with its messages",
					description: "An answer that is being made in it is stopped first.",
					answers: { 204: { description: "Deleted" } },
					errors: ID_ERRORS,
				}),
			},
		)
		.get(
			"/:id/messages",
			async ({ params, query, request }) => {
				const { sessionId, messages, total } = await sessions.findMessages(userIdOf(request), params.id, query);
				return { sessionId, messages: messages.map(messageJson), total };
			},
			{
				query: schema.messageListQuery,
				detail: describe({
					access: "user",
					keys: ["read"],
					tag: "Messages",
					summary: "The messages of a session",
					description: "Oldest first. With neither `limit` nor `offset`: the newest 500. `before=<messageId>` pages back from there.",
					answers: {
						200: {
							description: "Messages, and how many there are in all",
							schema: "MessageList",
							example: { sessionId: EXAMPLE_SESSION.id, messages: [EXAMPLE_MESSAGE], total: 1 },
						},
					},
					errors: [...ID_ERRORS, "validation_failed"],
				}),
			},
		)
		.delete(
			"/:id/messages",
			async ({ params, request, set }) => {
				await sessions.clearMessages(userIdOf(request), params.id);
				set.status = 204;
			},
			{
				detail: describe({
					access: "user",
					keys: [],
					tag: "Messages",
					summary: "Clear the messages of a session",
					answers: { 204: { description: "Cleared" } },
					errors: [...ID_ERRORS, "generation_in_progress"],
				}),
			},
		)
		.get("/users/:id", async ({ params, query }) => (await sessions.findSessionsOf(params.id, query)).map(sessionJson), {
			query: schema.userSessionsQuery,
			detail: describe({
				access: "admin",
				tag: "Administration",
				summary: "The sessions of a person",
				answers: { 200: { description: "Newest first", schema: "SessionArray", example: [EXAMPLE_SESSION] } },
				errors: ["invalid_id", "user_not_found", "validation_failed"],
			}),
		});
}

/** The older routes: an array in place of an object, and messages written by the client. */
export function messageRoutes({ sessions }: { sessions: SessionService }) {
	return new Elysia({ prefix: "/sessions/:id/messages" })
		.get(
			"/",
			async ({ params, query, request }) => (await sessions.findMessages(userIdOf(request), params.id, query)).messages.map(messageJson),
			{
				query: schema.messageListQuery,
				detail: describe({
					access: "user",
					keys: ["read"],
					tag: "Messages",
					summary: "The messages of a session, as an array",
					answers: { 200: { description: "Oldest first", schema: "MessageArray", example: [EXAMPLE_MESSAGE] } },
					errors: [...ID_ERRORS, "validation_failed"],
				}),
			},
		)
		.post(
			"/",
			async ({ params, body, request, set }) => {
				const message = await sessions.appendMessage(userIdOf(request), params.id, body.role, body.content);
				set.status = 201;
				return messageJson(message);
			},
			{
				body: schema.newMessageBody,
				detail: describe({
					access: "user",
					keys: ["chat"],
					largeBody: true,
					tag: "Messages",
					summary: "Add a message without asking the model",
					body: { role: "user", content: "Say hello" },
					answers: { 201: { description: "The message", schema: "Message", example: EXAMPLE_MESSAGE } },
					errors: [...ID_ERRORS, ...BODY_ERRORS],
				}),
			},
		);
}
