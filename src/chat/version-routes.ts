// The routes that make versions: another answer to the last prompt, and a prompt that was changed. Both stream as /chat/stream does.

import { Elysia } from "elysia";
import { describe } from "../http/describe.ts";
import { principalOf } from "../http/exchange.ts";
import { messageJson } from "../http/json.ts";
import { countRequest } from "../http/limits.ts";
import type { Limiter } from "../ports/limiter.ts";
import { followTurn } from "./following.ts";
import { EXAMPLE_STREAM, TURN_ERRORS } from "./routes.ts";
import * as schema from "./schema.ts";
import type { ChatService } from "./service.ts";

const STREAM = {
	description: "The events of `/chat/stream`",
	mediaType: "text/event-stream",
	schema: "EventStream",
	example: EXAMPLE_STREAM,
} as const;

export function versionRoutes({ chat, limiter }: { chat: ChatService; limiter: Limiter }) {
	const principalOfTurn = async (request: Request) => {
		const principal = principalOf(request);
		await countRequest(limiter, request, "chat", `user:${principal.user.id}`);
		return principal;
	};
	const goneOptions = ({ onDisconnect }: { onDisconnect?: "continue" | "stop" }) =>
		onDisconnect === "stop" ? { onGone: chat.stopOnDisconnect } : {};
	return new Elysia({ prefix: "/chat" })
		.post(
			"/sessions/:id/regenerate",
			async ({ params, body, request }) => {
				const { user, loginId } = await principalOfTurn(request);
				return followTurn(request, await chat.regenerate(user, loginId, params.id, body), goneOptions(body));
			},
			{
				body: schema.regenerateBody,
				detail: describe({
					access: "user",
					keys: ["chat"],
					tag: "Chat",
					summary: "Another answer to the last prompt",
					description: "The answer before it is kept as a version.",
					body: { temperature: 1 },
					optionalBody: true,
					answers: { 200: STREAM },
					errors: [...TURN_ERRORS, "nothing_to_answer"],
				}),
			},
		)
		.patch(
			"/messages/:id",
			async ({ params, body, request }) => {
				const { user, loginId } = await principalOfTurn(request);
				return followTurn(request, await chat.edit(user, loginId, params.id, body.content, body), goneOptions(body));
			},
			{
				body: schema.editBody,
				detail: describe({
					access: "user",
					keys: ["chat"],
					largeBody: true,
					tag: "Chat",
					summary: "Change a prompt and get a new answer from there",
					description: "The prompt before and all that followed it are kept as versions.",
					body: { content: "What is the capital of Italy?" },
					answers: { 200: STREAM },
					errors: [...TURN_ERRORS, "message_not_found", "message_not_editable"],
				}),
			},
		)
		.get(
			"/messages/:id/versions",
			async ({ params, request }) => {
				const versions = await chat.findVersions(principalOf(request).user.id, params.id);
				return { versions: versions.map((message) => ({ ...messageJson(message), inForce: message.inForce })) };
			},
			{
				detail: describe({
					access: "user",
					keys: ["read"],
					tag: "Messages",
					summary: "All versions of a message",
					answers: {
						200: {
							description: "Oldest first; `inForce` marks what the conversation shows",
							schema: "MessageVersions",
							example: { versions: [] },
						},
					},
					errors: ["invalid_id", "message_not_found"],
				}),
			},
		);
}
