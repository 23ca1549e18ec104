// An answer that is told from the store: how it ended, as a reader would have been told.

import { ERROR_SENTENCES, type ErrorCode } from "../domain/errors.ts";
import type { LastEvent } from "../domain/generation.ts";
import type { Message } from "../domain/message.ts";
import type { Turn } from "../ports/store.ts";

/** How a stored answer failed; `null` when it did not. One that is still `streaming` there but runs nowhere was cut off. */
export function errorOf({ errorCode, status }: Message): ErrorCode | null {
	return errorCode ?? (status === "streaming" ? "interrupted" : null);
}

export function lastEventOf({ userMessage, answer }: Turn, isRetryable: (code: ErrorCode) => boolean): LastEvent {
	const code = errorOf(answer);
	if (code !== null) return { type: "error", error: ERROR_SENTENCES[code], code, retryable: isRetryable(code) };
	return {
		type: "end",
		messageId: userMessage.clientMessageId ?? answer.id,
		assistantMessageId: answer.id,
		finishReason: answer.finishReason ?? "stop",
		usage: answer.usage,
	};
}
