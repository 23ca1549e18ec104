// What the processes of one service (its replicas) tell one another while answers are made: where each is made, what it says, and what is
// asked of the one that makes it. Live only: what must last is the store's. Nothing here rejects. While the place where they meet is away,
// each process is alone, and every call gives at once what nobody answered gives.

import type { GenerationFacts, LastEvent, RunningGeneration, StopReason, TokenEvent } from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";

/** Which replica has a generation: it runs there, or ended there within the last minute. */
export type Place = { readonly replica: string; readonly facts: GenerationFacts };

/** What one replica asks another about the generations that the other has. */
export type Question =
	/** To tell what these say, all of those that are followed here; asked again every second. `anew`: from the beginning, for something was missed. */
	| { readonly kind: "follow"; readonly ids: readonly Id[]; readonly anew: readonly Id[] }
	| { readonly kind: "stop"; readonly id: Id; readonly reason: StopReason }
	/** To end what nobody follows in a session, for a new turn there. */
	| { readonly kind: "make way"; readonly sessionId: Id }
	/** To stop what runs in a session that is being deleted; answered when that is stored. */
	| { readonly kind: "stop session"; readonly sessionId: Id }
	/** How far the one in a session is. */
	| { readonly kind: "look"; readonly sessionId: Id }
	/** All that runs or waits there. */
	| { readonly kind: "list" };

export type Answer = {
	/** `stop`, `stop session`: whether something was stopped. `make way`: whether the session is free now. */
	readonly done: boolean;
	/** `follow`: those that it has. */
	readonly held: readonly Id[];
	/** `look`, `list`. */
	readonly running: readonly RunningGeneration[];
};

/** A part of what a generation says. Parts come in the order in which they were said. */
export type LogPart =
	| { readonly kind: "queued"; readonly position: number; readonly etaMs: number | null }
	/** Pieces of one type, one after the other; the first has the sequence number `from`. */
	| { readonly kind: "pieces"; readonly type: TokenEvent["type"]; readonly from: number; readonly pieces: readonly string[] }
	| { readonly kind: "last"; readonly event: LastEvent };

/** Where a part stands: after how many pieces (its own included), and a number that grows among those that stand there. */
export type LogPosition = { readonly pieces: number; readonly part: number };
export type LogEntry = { readonly position: LogPosition; readonly part: LogPart };

/** `anew`: whatever was there of this generation is dropped first. `renew`: the log is kept for a minute from now on. */
export type LogBatch = { readonly id: Id; readonly anew: boolean; readonly renew: boolean; readonly entries: readonly LogEntry[] };

export type Replicas = {
	/** Names this process for as long as it runs. */
	readonly self: string;
	/** `degraded`: this process is alone. */
	state(): "ok" | "degraded";
	/** Says that these run here; for ten seconds, so it is said again and again. */
	announce(running: readonly GenerationFacts[]): void;
	/** Says that it has ended here, and can be replayed for a minute. */
	announceEnd(facts: GenerationFacts): void;
	/** Where a generation is; `undefined` also when that cannot be known now. */
	findPlace(id: Id): Promise<Place | undefined>;
	/** Where the generation is that runs in a session. */
	findPlaceInSession(sessionId: Id): Promise<Place | undefined>;
	/** `undefined`: nobody has heard it, or nobody answered within so many milliseconds. */
	ask(replica: string, question: Question, withinMs: number): Promise<Answer | undefined>;
	/** Asks all others; the answers that came within so many milliseconds. */
	askAll(question: Question, withinMs: number): Promise<readonly Answer[]>;
	/** Sets what answers the others. */
	answerWith(answer: (question: Question, from: string) => Promise<Answer>): void;
	/** Adds to the logs of generations. `false`: not, or not all of it. */
	append(batches: readonly LogBatch[]): Promise<boolean>;
	/** What stands in their logs after these positions, a bounded part of it; `undefined` when that cannot be known now. */
	read(after: ReadonlyMap<Id, LogPosition>): Promise<ReadonlyMap<Id, readonly LogEntry[]> | undefined>;
	close(): void;
};
