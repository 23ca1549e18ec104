// One message of a session, and the states it can be in.

import type { ErrorCode } from "./errors.ts";
import type { Id } from "./id.ts";

export const ROLES = ["user", "assistant", "system"] as const;
export type Role = (typeof ROLES)[number];

/**
 * `streaming` → `sent` (complete) | `stopped` (its owner ended it) | `interrupted` (cut off) | `error` (nothing useful came).
 * A message of a person is `sent` from the beginning.
 */
export const MESSAGE_STATUSES = ["sent", "streaming", "stopped", "interrupted", "error"] as const;
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

/** Tokens counted by the model server; a member is missing when it did not say. */
export type Usage = {
	readonly promptTokens?: number;
	readonly completionTokens?: number;
};

/** Milliseconds, measured by us on a monotonic clock. */
export type Timings = {
	/** Waiting for a slot. */
	readonly queuedMs?: number;
	/** From sending upstream to the first token or reasoning. */
	readonly firstTokenMs?: number;
	/** From sending upstream to the end. */
	readonly totalMs?: number;
};

export type Message = {
	readonly id: Id;
	readonly sessionId: Id;
	readonly userId: Id;
	readonly role: Role;
	readonly content: string;
	readonly createdAt: number;
	readonly status: MessageStatus;
	readonly errorCode: ErrorCode | null;
	/** Thinking text of a reasoning model, apart from the answer. */
	readonly reasoning: string | null;
	readonly model: string | null;
	readonly generationId: Id | null;
	/** The client's own id for the turn, on the message of the person. */
	readonly clientMessageId: string | null;
	/** The first of the versions that this one is one of; `null` for that first one. */
	readonly versionOf: Id | null;
	/** Whether it belongs to the branch that is shown, counted and told to the model; the others are kept as versions. */
	readonly inForce: boolean;
	readonly finishReason: string | null;
	readonly usage: Usage | null;
	readonly timings: Timings | null;
};
