// A generation: the making of one answer. Its states with the transitions between them, and the events that tell a reader about it.
// What drives it from state to state is src/generation; how an event looks on the wire is src/http.
//
//            ┌────────────── stop ──────────────┐
//   queued ──┤                                  ├─→ stopped
//     │      └─ no slot, no upstream ─→ failed  │
//     └─ slot ─→ sending ── first token ─→ streaming ── end mark ─→ complete
//                  │                          │
//                  └── refused, deadline ─────┴── reset, deadline, cap, shutdown ─→ failed | interrupted
//
// `failed` is stored as the message status `error` (nothing arrived), `interrupted` keeps the part that had arrived.

import type { ErrorCode } from "./errors.ts";
import type { Id } from "./id.ts";
import type { MessageStatus, Usage } from "./message.ts";

export type GenerationState = "queued" | "sending" | "streaming" | "complete" | "stopped" | "interrupted" | "failed";

const TRANSITIONS: Readonly<Record<GenerationState, readonly GenerationState[]>> = {
	queued: ["sending", "stopped", "failed", "interrupted"],
	sending: ["streaming", "complete", "stopped", "failed", "interrupted", "queued"],
	streaming: ["complete", "stopped", "failed", "interrupted"],
	complete: [],
	stopped: [],
	interrupted: [],
	failed: [],
};

/** Whether a generation may go from one state to another. The engine asks before each change and treats a `false` as a defect. */
export function canBecome(from: GenerationState, to: GenerationState): boolean {
	return TRANSITIONS[from].includes(to);
}

/** Whether nothing more will happen to it. */
export function isFinal(state: GenerationState): boolean {
	return TRANSITIONS[state].length === 0;
}

/** The status that the assistant message of a generation in this state has in the store. */
export function messageStatusOf(state: GenerationState): MessageStatus {
	switch (state) {
		case "queued":
		case "sending":
		case "streaming":
			return "streaming";
		case "complete":
			return "sent";
		case "failed":
			return "error";
		default:
			return state;
	}
}

/** Why a model stopped, in the words of the OpenAI API: `stop`, `length`, or what the model server said. */
export type FinishReason = string;

export type StartEvent = {
	readonly type: "start";
	/** The stored assistant message. */
	readonly messageId: Id;
	readonly userMessageId: Id;
	readonly generationId: Id;
	readonly model: string | null;
};
export type QueuedEvent = { readonly type: "queued"; readonly position: number; readonly etaMs?: number };
export type TokenEvent = { readonly type: "token" | "reasoning"; readonly content: string; readonly seq: number };
export type PingEvent = { readonly type: "ping" };
export type EndEvent = {
	readonly type: "end";
	/** The client's own id of the turn when it sent one, else the stored assistant message. */
	readonly messageId: string;
	readonly assistantMessageId: Id;
	readonly finishReason: FinishReason;
	readonly usage: Usage | null;
};
export type ErrorEvent = {
	readonly type: "error";
	readonly error: string;
	readonly code: ErrorCode;
	readonly retryable: boolean;
	/** Seconds that the model server asked to wait, at most an hour. */
	readonly retryAfter?: number;
};

/** What a reader of a generation is told, in this order: start, queued*, (token | reasoning)*, then exactly one of end and error. */
export type GenerationEvent = StartEvent | QueuedEvent | TokenEvent | PingEvent | EndEvent | ErrorEvent;
