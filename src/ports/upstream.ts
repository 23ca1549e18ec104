// A model server as the rules see it: it offers models, and turns a conversation into a stream of parts.

import type { ErrorCode } from "../domain/errors.ts";
import type { FinishReason } from "../domain/generation.ts";
import type { Role, Usage } from "../domain/message.ts";

export const UPSTREAM_KINDS = ["openai", "ollama", "model-management", "demo"] as const;
export type UpstreamKind = (typeof UPSTREAM_KINDS)[number];

export type UpstreamModel = {
	/** The name by which the model is asked for. */
	readonly id: string;
	/** Tokens of context, when the server tells. */
	readonly contextLength?: number;
	/** Whether it is in memory now, when the server tells. */
	readonly loaded?: boolean;
};

/** What a look at the server showed. */
export type UpstreamReport = {
	readonly models: readonly UpstreamModel[];
	/** How many answers it makes at once, when it tells. */
	readonly slots?: number;
};

export type PromptMessage = { readonly role: Role; readonly content: string };

export type UpstreamRequest = {
	/** `undefined`: the server's own choice. */
	readonly model?: string;
	/** Oldest first; the last one is the new prompt, of role `user`, and stands here exactly once. */
	readonly messages: readonly PromptMessage[];
	readonly temperature?: number;
	readonly maxTokens?: number;
	/** Names the conversation to servers that keep caches by it. */
	readonly sessionId: string;
};

/**
 * What arrives, in order: text and reasoning, then exactly one of `finish` and `failure`, and nothing after it.
 * An error after the start is a part, not a throw; so is one before it.
 */
export type UpstreamPart =
	| { readonly type: "text"; readonly text: string }
	| { readonly type: "reasoning"; readonly text: string }
	| { readonly type: "finish"; readonly reason: FinishReason; readonly usage?: Usage }
	| { readonly type: "failure"; readonly failure: UpstreamFailure };

export type UpstreamFailure = {
	readonly code: ErrorCode;
	/** Seconds the server asked to wait, at most an hour. */
	readonly retryAfter?: number;
	/** For the log only: at most 4 KiB of what the server said. */
	readonly evidence?: string;
};

/** A running call. */
export type UpstreamCall = {
	/** Ends the call and closes its connection at once. No part follows. Harmless when it has ended. */
	cancel(): void;
};

export type Upstream = {
	/** A short name for people, unique; never a URL. */
	readonly name: string;
	readonly kind: UpstreamKind;
	/** The model that the configuration pins for this server (`?model=`). */
	readonly pinnedModel?: string;
	/** The slots that the configuration gives (`?slots=`). */
	readonly configuredSlots?: number;
	/**
	 * Looks at the server: its models and slots. Bounded by 5 s. Rejects with a PocketError:
	 * `upstream_unreachable`, `upstream_timeout`, `upstream_auth`, `upstream_protocol`, `upstream_error`.
	 */
	inspect(): Promise<UpstreamReport>;
	/**
	 * Asks for an answer. `onPart` is called on later turns of the event loop, never from within `stream` itself, and never after
	 * `finish`, `failure` or `cancel()`. Deadlines: connecting (2 s) is the adapter's; first token, silence and total are the caller's.
	 */
	stream(request: UpstreamRequest, onPart: (part: UpstreamPart) => void): UpstreamCall;
	/** A `stream` will most likely be asked for within a moment: whatever of it tells the server nothing of the prompt may begin now. */
	expect?(): void;
};
