// A turn that is made by a process which is not heard now: its reader is kept with heartbeats, and told from the store when it is over.

import { ERROR_SENTENCES } from "../domain/errors.ts";
import type { GenerationEvent } from "../domain/generation.ts";
import type { BegunTurn } from "../generation/turns.ts";
import { exchangeOf } from "../http/exchange.ts";
import { asPocketError, isRetryable } from "../http/problem.ts";
import { eventStream } from "../http/sse.ts";
import { replayOf, startOf } from "./service.ts";

type UnheardTurn = Extract<BegunTurn, { readonly kind: "unheard" }>;

export function followUnheard(request: Request, { turn, ended }: UnheardTurn, encode: (event: GenerationEvent) => string): Response {
	const { keepOpen } = exchangeOf(request);
	keepOpen(true);
	const left = new AbortController();
	return eventStream({
		signal: request.signal,
		start: (sink) => {
			const tell = (event: GenerationEvent): void => sink.write(encode(event));
			tell(startOf(turn));
			ended({ signal: left.signal, onQuiet: () => tell({ type: "ping" }) })
				.then((stored) => replayOf(stored, isRetryable).slice(1), failureOf)
				.then((events) => {
					keepOpen(false);
					for (const event of events) tell(event);
					sink.end();
				});
		},
		onGone: () => left.abort(),
	});
}

function failureOf(error: unknown): GenerationEvent[] {
	const { code } = asPocketError(error);
	return [{ type: "error", error: ERROR_SENTENCES[code], code, retryable: isRetryable(code) }];
}
