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
import type { User } from "./user.ts";

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

/** Whether a text from outside names a state. */
export function isGenerationState(text: string): text is GenerationState {
	return Object.hasOwn(TRANSITIONS, text);
}

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

/** What is known of a generation from its beginning on. */
export type GenerationFacts = {
	readonly id: Id;
	readonly sessionId: Id;
	readonly user: Pick<User, "id" | "email">;
	/** The login that asked; when it ends, so does the generation. */
	readonly loginId: Id;
	readonly answerId: Id;
	readonly userMessageId: Id;
	readonly clientMessageId: string | null;
	readonly model: string | null;
	/** When the answer's message was made (milliseconds since 1970). */
	readonly createdAt: number;
};

/** What an administrator sees of a generation; never its text. */
export type RunningGeneration = {
	readonly id: Id;
	readonly sessionId: Id;
	readonly user: Pick<User, "id" | "email">;
	readonly state: GenerationState;
	readonly model: string | null;
	readonly upstream: string | null;
	/** Its place among those who wait; `null` when it has a slot. */
	readonly position: number | null;
	readonly seq: number;
	readonly createdAt: number;
};

/** How far the generation of a session is. */
export type RunningTurn = { readonly generationId: Id; readonly answerId: Id; readonly state: GenerationState; readonly seq: number };

/** Why a generation is ended before its end. */
export type StopReason = "owner" | "orphaned" | "yielded" | "replaced" | "deleted" | "signed_out";

/** What came of asking for a stop. `over`: nothing of that id runs; `unheard`: it may run where nobody can be asked. */
export type StopOutcome = "stopped" | "over" | "unheard";

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

/** What it says at the end; nothing comes after it. */
export type LastEvent = EndEvent | ErrorEvent;

/** What a reader of a generation is told, in this order: start, queued*, (token | reasoning)*, then exactly one of end and error. */
export type GenerationEvent = StartEvent | QueuedEvent | TokenEvent | PingEvent | EndEvent | ErrorEvent;
