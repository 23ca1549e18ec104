// How a turn is read over HTTP: as an event stream while it runs, replayed when it is over, or collected to one answer.

import { PocketError } from "../domain/errors.ts";
import type { GenerationEvent } from "../domain/generation.ts";
import type { Generation } from "../generation/generation.ts";
import { errorOf } from "../generation/stored.ts";
import type { BegunTurn } from "../generation/turns.ts";
import { exchangeOf, principalOf } from "../http/exchange.ts";
import { timestamp } from "../http/json.ts";
import { isRetryable } from "../http/problem.ts";
import { encodeFrame, eventStream } from "../http/sse.ts";
import { replayOf } from "./service.ts";
import { followUnheard } from "./unheard.ts";

export type FollowOptions = {
	/** The sequence number after which to begin; 0 for everything. */
	readonly after?: number;
	readonly encode?: (event: GenerationEvent) => string;
	/** The reader has gone before the end. */
	readonly onGone?: (generation: Generation) => void;
};

/** One reader of a turn as an event stream: live while it runs, from the store when it is over. */
export function followTurn(request: Request, turn: BegunTurn, { after = 0, encode = encodeFrame, onGone }: FollowOptions = {}): Response {
	if (turn.kind === "unheard") return followUnheard(request, turn, encode);
	if (turn.kind === "stored") {
		const events = replayOf(turn.turn, isRetryable);
		return eventStream({
			signal: request.signal,
			start: (sink) => {
				for (const event of events) sink.write(encode(event));
				sink.end();
			},
			onGone: () => {},
		});
	}
	const { generation } = turn;
	const { keepOpen } = exchangeOf(request);
	keepOpen(true);
	let unfollow: () => void = () => {};
	let isGone = false;
	return eventStream({
		signal: request.signal,
		start: (sink) => {
			unfollow = generation.follow(
				(event) => {
					const isLast = event.type === "end" || event.type === "error";
					if (isLast) keepOpen(false);
					sink.write(encode(event));
					if (isLast) sink.end();
				},
				{ after, loginId: principalOf(request).loginId, pace: () => sink.drained() },
			);
			// A reader can be dropped while it is told what came before.
			if (isGone) unfollow();
		},
		onGone: () => {
			isGone = true;
			unfollow();
			onGone?.(generation);
		},
	});
}

/** The whole answer of a turn. Codes: those of an `error` event; `cancelled` when the client has gone. */
export async function collectTurn({ signal }: Request, turn: BegunTurn): Promise<object> {
	if (turn.kind !== "running") {
		const { answer } = turn.kind === "stored" ? turn.turn : await turn.ended({ signal, onQuiet: () => {} });
		const code = errorOf(answer);
		if (code !== null) throw new PocketError(code);
		return answerJson(answer.id, answer.sessionId, answer.content, answer.createdAt, answer.usage);
	}
	const { generation } = turn;
	return await new Promise((resolve, reject) => {
		const unfollow = generation.follow((event) => {
			if (event.type === "error")
				reject(new PocketError(event.code, event.retryAfter === undefined ? {} : { retryAfter: event.retryAfter }));
			if (event.type !== "end") return;
			const { sessionId, createdAt } = generation.facts;
			resolve(answerJson(event.assistantMessageId, sessionId, generation.text().content, createdAt, event.usage));
		});
		const onGone = () => {
			// Nobody follows it any more: a next prompt may take its place.
			unfollow();
			reject(new PocketError("cancelled"));
		};
		if (signal.aborted) onGone();
		else signal.addEventListener("abort", onGone, { once: true });
	});
}

function answerJson(messageId: string, sessionId: string, content: string, createdAt: number, usage: object | null): object {
	return { messageId, sessionId, content, role: "assistant", timestamp: timestamp(createdAt), usage };
}
