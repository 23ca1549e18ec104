// What the engine knows of one running generation beside the generation itself, and the registry of all that this process holds.

import type { ErrorCode } from "../domain/errors.ts";
import type { FinishReason, GenerationState } from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";
import type { Message, Usage } from "../domain/message.ts";
import type { Session } from "../domain/session.ts";
import type { User } from "../domain/user.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Replicas } from "../ports/replicas.ts";
import type { MessageStore } from "../ports/store.ts";
import type { PromptMessage, Upstream, UpstreamCall } from "../ports/upstream.ts";
import type { Ask } from "./branching.ts";
import { FinishedGenerations } from "./finished.ts";
import type { Generation } from "./generation.ts";
import type { Queue, Ticket } from "./queue.ts";

/** Milliseconds, where it is a time. */
export type EnginePolicy = {
	readonly firstTokenTimeout: number;
	readonly idleTimeout: number;
	readonly totalTimeout: number;
	readonly orphanTimeout: number;
	readonly yieldTimeout: number;
	readonly heartbeatInterval: number;
	readonly maxAnswerBytes: number;
	/** For how long, and with how many characters, an answer may run ahead of a store that is away; `Infinity` where the store is this process's own. */
	readonly unstoredTimeout: number;
	readonly mostUnstored: number;
	readonly contextMessages: number;
	readonly systemPrompt: string | null;
};

/** Which model servers can take a turn. */
export type Router = {
	/** The model that will be asked, and the names of those that serve it. Codes: `no_upstream`, `model_not_found`. */
	choose(model: string | null): Promise<Route>;
	upstream(name: string): Upstream | undefined;
	/** How many answers a model server makes at once. */
	slotsOf(name: string): number;
	/** Looks at model servers whose last look is old, in passing; never throws. */
	look(): void;
	/** What happened with a model server, so that the next turn may go elsewhere. */
	report(name: string, outcome: "ok" | ErrorCode): void;
};

export type Route = { readonly model: string | null; readonly upstreams: () => readonly string[] };

export type EngineDependencies = {
	readonly store: MessageStore;
	readonly router: Router;
	readonly queue: Queue;
	readonly clock: Clock;
	readonly log: Log;
	readonly policy: EnginePolicy;
	/** The other processes of this service; `undefined`: this one is alone. */
	readonly replicas: Replicas | undefined;
	/** Whether answers that are `streaming` in the store may be made by another process. */
	readonly isStoreShared: boolean;
	/** Whether the login that asked is still good; asked every few seconds while it runs. */
	readonly isLoginGood: (loginId: Id) => Promise<boolean>;
	/** Whether a person may be told to try again. */
	readonly isRetryable: (code: ErrorCode) => boolean;
};

export type TurnRequest = {
	readonly session: Session;
	readonly user: User;
	readonly loginId: Id;
	readonly ask: Ask;
	readonly model: string | null;
	readonly temperature?: number;
	readonly maxTokens?: number;
};

/** Times are on the monotonic clock. */
export type Job = {
	readonly generation: Generation;
	readonly request: TurnRequest;
	/** The text that is answered. */
	readonly prompt: string;
	readonly ticket: Ticket;
	readonly createdAt: number;
	readonly model: string | null;
	upstream: string | undefined;
	call: UpstreamCall | undefined;
	/** The newest messages, read while the turn was being stored; only until it is clear whether it has to wait. */
	readAhead: readonly Message[] | undefined;
	context: readonly PromptMessage[];
	/** Whether another model server was tried already. */
	retried: boolean;
	sentAt: number | undefined;
	firstPartAt: number | undefined;
	/** The newest piece that the last tick saw; the tick keeps the times, so that a token needs no clock. */
	seenSeq: number;
	/** When the last part came and when something was last told, to a tick. */
	lastPartAt: number;
	toldAt: number;
	/** When its text was last handed to the store, and up to where. */
	savedAt: number;
	savedSeq: number;
	/** Since when the store has owed an answer for what it was handed; `undefined` when it owes none. */
	unstoredSince: number | undefined;
	/** The length of the text that it has taken, in UTF-16 units. */
	storedUnits: number;
};

/** A job that waits for its turn. */
export function newJob(
	begun: Pick<Job, "generation" | "request" | "prompt" | "ticket" | "model" | "readAhead"> & { readonly now: number },
): Job {
	const { now, ...rest } = begun;
	return {
		...rest,
		createdAt: now,
		upstream: undefined,
		call: undefined,
		context: [],
		retried: false,
		sentAt: undefined,
		firstPartAt: undefined,
		seenSeq: 0,
		lastPartAt: now,
		toldAt: now,
		savedAt: now,
		savedSeq: 0,
		unstoredSince: undefined,
		storedUnits: 0,
	};
}

export type Outcome = {
	readonly state: Extract<GenerationState, "complete" | "stopped" | "interrupted" | "failed">;
	readonly code: ErrorCode | null;
	readonly finishReason: FinishReason | null;
	readonly usage: Usage | null;
	/** Seconds that the model server asked to wait. */
	readonly retryAfter?: number;
};

/** Nothing useful came. */
export function failed(code: ErrorCode): Outcome {
	return { state: "failed", code, finishReason: null, usage: null };
}

/** It was cut off; what had arrived is kept. */
export function interrupted(code: ErrorCode): Outcome {
	return { state: "interrupted", code, finishReason: null, usage: null };
}

/** All that runs here, and what ended within the last minute. */
export type Registry = {
	readonly jobs: Map<Id, Job>;
	readonly bySession: Map<Id, Job>;
	readonly finished: FinishedGenerations;
};

export function createRegistry(): Registry {
	return { jobs: new Map(), bySession: new Map(), finished: new FinishedGenerations() };
}
