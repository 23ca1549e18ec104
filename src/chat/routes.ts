// The chat routes: how a turn is begun, followed, picked up again and stopped over HTTP.

import { Elysia } from "elysia";
import type { BegunTurn } from "../generation/turns.ts";
import { BODY_ERRORS, describe } from "../http/describe.ts";
import { exchangeOf, principalOf } from "../http/exchange.ts";
import { countRequest } from "../http/limits.ts";
import { encodeFrameWithId } from "../http/sse.ts";
import type { Limiter } from "../ports/limiter.ts";
import { collectTurn, followTurn } from "./following.ts";
import * as schema from "./schema.ts";
import type { ChatService } from "./service.ts";

/** What `begin` can refuse before the prompt is stored. */
export const TURN_ERRORS = [
	"invalid_id",
	"session_not_found",
	"generation_in_progress",
	"message_id_conflict",
	"model_not_found",
	"no_upstream",
	"queue_full",
	"server_shutdown",
	...BODY_ERRORS,
] as const;
const ANSWER_ERRORS = [
	"upstream_unreachable",
	"upstream_timeout",
	"upstream_reset",
	"upstream_protocol",
	"upstream_rejected",
	"upstream_auth",
	"upstream_busy",
	"upstream_error",
	"context_too_long",
	"limit_reached",
] as const;
const EXAMPLE_PROMPT = {
	sessionId: "6b041e0241cb1347a28169c8",
	prompt: "What is the capital of France?",
	messageId: "msg_1700000000000_abc123def",
};
export const EXAMPLE_STREAM = `data: {"type":"start","messageId":"6b041e0241cb1347a28169cb","userMessageId":"6b041e0241cb1347a28169ca","generationId":"6b041e0241cb1347a28169cc","model":"smollm2"}

data: {"type":"token","content":"Paris","seq":1}

data: {"type":"end","messageId":"msg_1700000000000_abc123def","assistantMessageId":"6b041e0241cb1347a28169cb","finishReason":"stop","usage":{"promptTokens":25,"completionTokens":2}}

`;

/** For an answer that may be waited for longer than the idle timeout. */
async function whileKeptOpen<Result>(request: Request, work: () => Promise<Result>): Promise<Result> {
	const { keepOpen } = exchangeOf(request);
	keepOpen(true);
	try {
		return await work();
	} finally {
		keepOpen(false);
	}
}

export type ChatRouteDependencies = { readonly chat: ChatService; readonly limiter: Limiter };

export function chatRoutes({ chat, limiter }: ChatRouteDependencies) {
	const begin = async (request: Request, body: typeof schema.messageBody.static): Promise<BegunTurn> => {
		const { user, loginId } = principalOf(request);
		await countRequest(limiter, request, "chat", `user:${user.id}`);
		return chat.begin(user, loginId, body);
	};
	const userIdOf = (request: Request) => principalOf(request).user.id;

	return new Elysia({ prefix: "/chat" })
		.post(
			"/stream",
			async ({ body, request }) => {
				const turn = await begin(request, body);
				return followTurn(request, turn, body.onDisconnect === "stop" ? { onGone: chat.stopOnDisconnect } : {});
			},
			{
				body: schema.streamBody,
				detail: describe({
					access: "user",
					keys: ["chat"],
					largeBody: true,
					tag: "Chat",
					summary: "Ask, and read the answer while it is made",
					description:
						"Each event is one line `data: <json>` and a blank line. A closed connection does not end the answer: it goes on and is stored, unless `onDisconnect` is `stop`. The same `messageId` sent again joins the first.",
					body: EXAMPLE_PROMPT,
					answers: {
						200: {
							description: "Events `start`, `queued`, `token`, `reasoning`, `ping`, then one of `end` and `error`",
							mediaType: "text/event-stream",
							schema: "EventStream",
							example: EXAMPLE_STREAM,
						},
					},
					errors: TURN_ERRORS,
				}),
			},
		)
		.post(
			"/message",
			async ({ body, request }) => {
				return whileKeptOpen(request, async () => collectTurn(request, await begin(request, body)));
			},
			{
				body: schema.messageBody,
				detail: describe({
					access: "user",
					keys: ["chat"],
					largeBody: true,
					tag: "Chat",
					summary: "Ask, and get the whole answer at once",
					body: EXAMPLE_PROMPT,
					answers: {
						200: {
							description: "The stored answer",
							schema: "Completion",
							example: {
								messageId: "6b041e0241cb1347a28169cb",
								sessionId: EXAMPLE_PROMPT.sessionId,
								content: "Paris",
								role: "assistant",
								timestamp: "2026-11-23T10:46:03.409Z",
								usage: { promptTokens: 25, completionTokens: 2 },
							},
						},
					},
					errors: [...TURN_ERRORS, ...ANSWER_ERRORS],
				}),
			},
		)
		.get(
			"/generations/:id/events",
			async ({ params, query, request }) => {
				const turn = await chat.findGeneration(userIdOf(request), params.id);
				const lastEventId = /^\d{1,9}$/.exec(request.headers.get("last-event-id") ?? "")?.[0];
				return followTurn(request, turn, {
					after: lastEventId === undefined ? (query.after ?? 0) : Number(lastEventId),
					encode: encodeFrameWithId,
				});
			},
			{
				query: schema.eventsQuery,
				detail: describe({
					access: "user",
					keys: ["read", "chat"],
					tag: "Chat",
					summary: "Pick a running answer up again",
					description:
						"Replays what came after `Last-Event-ID` or `after`, then goes on live. Here `token` and `reasoning` events have an `id:` line.",
					answers: {
						200: {
							description: "The events of `/chat/stream`",
							mediaType: "text/event-stream",
							schema: "EventStream",
							example: EXAMPLE_STREAM,
						},
					},
					headers: { "Last-Event-ID": "The `id` of the last event that arrived; it wins over `after`." },
					errors: ["invalid_id", "generation_not_found", "validation_failed"],
				}),
			},
		)
		.post(
			"/generations/:id/stop",
			async ({ params, request, set }) => {
				await chat.stop(userIdOf(request), params.id);
				set.status = 202;
				return { status: "stopping" };
			},
			{
				detail: describe({
					access: "user",
					keys: ["chat"],
					tag: "Chat",
					summary: "Stop an answer and keep what had arrived",
					answers: { 202: { description: "It ends now", schema: "Stopping", example: { status: "stopping" } } },
					errors: ["invalid_id", "generation_not_found", "generation_unreachable"],
				}),
			},
		)
		.get(
			"/sessions/:id/generation",
			async ({ params, request, set }) => {
				const running = await chat.findRunning(userIdOf(request), params.id);
				if (running === undefined) {
					set.status = 204;
					return undefined;
				}
				const { generationId, state, answerId, seq } = running;
				return { generationId, status: state, messageId: answerId, seq };
			},
			{
				detail: describe({
					access: "user",
					keys: ["read", "chat"],
					tag: "Chat",
					summary: "What is running in a session now",
					answers: {
						200: {
							description: "The running generation",
							schema: "RunningGeneration",
							example: { generationId: "6b041e0241cb1347a28169cc", status: "streaming", messageId: "6b041e0241cb1347a28169cb", seq: 12 },
						},
						204: { description: "Nothing is" },
					},
					errors: ["invalid_id", "session_not_found"],
				}),
			},
		)
		.post(
			"/sessions/:id/generate-title",
			async ({ params, request }) => {
				const title = await whileKeptOpen(request, () => chat.generateTitle(userIdOf(request), params.id));
				return { title };
			},
			{
				detail: describe({
					access: "user",
					keys: ["chat"],
					tag: "Sessions",
					summary: "Name a session after its first exchange",
					answers: { 200: { description: "The title, stored", schema: "Title", example: { title: "The capital of France" } } },
					errors: ["invalid_id", "session_not_found"],
				}),
			},
		);
}
