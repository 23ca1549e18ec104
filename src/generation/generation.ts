// One generation while this process holds it: its state, what has arrived, and who follows. What drives it stands in engine.ts.

import {
	canBecome,
	type ErrorEvent,
	type GenerationEvent,
	type GenerationFacts,
	type GenerationState,
	isFinal,
	type LastEvent,
	type QueuedEvent,
	type StartEvent,
	type TokenEvent,
} from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";
import { Transcript } from "./transcript.ts";

/** Somebody who reads along. */
export type Follower = (event: GenerationEvent) => void;

/** A reader, and the login that reads. */
type Following = { tell: Follower; readonly loginId: Id };

export type FollowOptions = {
	/** What the reader has already: neither that nor anything before it is told, now or later. */
	readonly after?: number;
	/** The login that reads, where it is another than the one that asked. */
	readonly loginId?: Id;
	/** Resolves when the reader can take more; asked between the pieces of a long replay. */
	readonly pace?: () => Promise<void>;
};

/** A transcript longer than this is replayed in pieces of it (UTF-16 units), so that a slow reader is waited for and not dropped. */
const PACED_UNITS = 64 * 1024;

export type GenerationDependencies = {
	/** Milliseconds that only grow. */
	readonly elapsed: () => number;
	/** A reader could not be told; it is none any more. */
	readonly onReaderError: (error: unknown) => void;
};

/** A class, because hundreds of them are touched for every few tokens: one object each, and no closures. */
export class Generation {
	readonly facts: GenerationFacts;
	/** Resolves when the end is stored and told. */
	readonly done: Promise<void>;
	private current: GenerationState = "queued";
	private hasEnded = false;
	private readonly transcript = new Transcript();
	/** Replaced as a whole when somebody comes or goes, so that a reader that leaves while it is told something disturbs no other. */
	private readers: readonly Following[] = [];
	/** Whether something was told since the last look. */
	private hasSpoken = true;
	private queued: QueuedEvent | undefined;
	private last: LastEvent | undefined;
	private hadReaders = false;
	private followedAt: number;
	private readonly deps: GenerationDependencies;
	private readonly finish: () => void;

	constructor(facts: GenerationFacts, deps: GenerationDependencies) {
		this.facts = facts;
		this.deps = deps;
		this.followedAt = deps.elapsed();
		const { promise, resolve } = Promise.withResolvers<void>();
		this.done = promise;
		this.finish = resolve;
	}

	state(): GenerationState {
		return this.current;
	}

	/** The one place where a state changes. */
	become(next: GenerationState): void {
		if (!canBecome(this.current, next)) throw new Error(`a generation cannot go from ${this.current} to ${next}`);
		this.current = next;
		this.hasEnded = isFinal(next);
	}

	isOver(): boolean {
		return this.hasEnded;
	}

	/** The number of the newest token or reasoning event; 0 before the first. */
	seq(): number {
		return this.transcript.seq();
	}

	/** Its place among those who wait, from 1; `null` when it waits no more. */
	position(): number | null {
		return this.current === "queued" ? (this.queued?.position ?? null) : null;
	}

	/** Whether all that was said takes more than so many bytes of UTF-8. */
	isLongerThan(bytes: number): boolean {
		return this.transcript.isLongerThan(bytes);
	}

	text(): { readonly content: string; readonly reasoning: string } {
		return this.transcript.text();
	}

	/** How long all that was said is, in UTF-16 units. */
	units(): number {
		return this.transcript.units();
	}

	add(type: TokenEvent["type"], text: string): void {
		const seq = this.transcript.add(type, text);
		this.emit({ type, content: text, seq });
	}

	setQueued(event: QueuedEvent): void {
		this.queued = event;
		this.emit(event);
	}

	ping(): void {
		this.emit({ type: "ping" });
	}

	/** Tells the end; afterwards nothing is emitted any more. */
	conclude(event: LastEvent): void {
		if (this.last !== undefined) return;
		this.last = event;
		this.emit(event);
		this.readers = [];
		this.finish();
	}

	/** Replays what came after `after`, then goes on live. The result ends the following. */
	follow(reader: Follower, { after = 0, loginId = this.facts.loginId, pace }: FollowOptions = {}): () => void {
		this.hadReaders = true;
		const tell: Follower = after > this.seq() ? skipping(reader, after) : reader;
		if (pace !== undefined && this.units() > PACED_UNITS) return this.followPaced(tell, after, loginId, pace);
		tell(this.startEvent());
		if (this.current === "queued" && this.queued !== undefined) tell(this.queued);
		this.transcript.replay(after, tell);
		if (this.last !== undefined) {
			tell(this.last);
			return () => {};
		}
		const following: Following = { tell, loginId };
		this.readers = [...this.readers, following];
		return () => this.leave(following);
	}

	/** How many follow it. */
	followers(): number {
		return this.readers.length;
	}

	/** Whether its first reader has come: between its beginning and that there is a moment. */
	wasFollowed(): boolean {
		return this.hadReaders;
	}

	/** The login that asked, and those that read. */
	logins(): readonly Id[] {
		return [...new Set([this.facts.loginId, ...this.readers.map((following) => following.loginId)])];
	}

	/** Sends the readers of one login away with a last event. */
	dismiss(loginId: Id, event: ErrorEvent): void {
		const leaving = this.readers.filter((following) => following.loginId === loginId);
		if (leaving.length === 0) return;
		for (const { tell } of leaving) tell(event);
		this.readers = this.readers.filter((following) => following.loginId !== loginId);
		this.followedAt = this.deps.elapsed();
	}

	/** For how long nobody has followed, in milliseconds; 0 while somebody does. */
	orphanedFor(): number {
		return this.readers.length > 0 ? 0 : this.deps.elapsed() - this.followedAt;
	}

	/** Whether something was told since this was asked last: reading a clock for each token would cost more than the token. */
	takeSpoken(): boolean {
		const spoken = this.hasSpoken;
		this.hasSpoken = false;
		return spoken;
	}

	private startEvent(): StartEvent {
		const { answerId, userMessageId, id, model } = this.facts;
		return { type: "start", messageId: answerId, userMessageId, generationId: id, model };
	}

	private emit(event: GenerationEvent): void {
		this.hasSpoken = true;
		for (const following of this.readers) {
			try {
				following.tell(event);
			} catch (error) {
				// A reader that cannot be told is none: the others, and the answer, go on.
				this.readers = this.readers.filter((other) => other !== following);
				this.deps.onReaderError(error);
			}
		}
	}

	private leave(following: Following): void {
		this.readers = this.readers.filter((other) => other !== following);
		this.followedAt = this.deps.elapsed();
	}

	/** As `follow`, for a transcript that is too long to be told at once. */
	private followPaced(reader: Follower, after: number, loginId: Id, pace: () => Promise<void>): () => void {
		let isHere = true;
		const following: Following = {
			// It counts as a reader from now on, and finds what comes meanwhile in the transcript; only being sent away is told at once.
			tell: (event) => {
				if (event.type !== "error" || this.last !== undefined) return;
				isHere = false;
				reader(event);
			},
			loginId,
		};
		this.readers = [...this.readers, following];
		const leave = (): void => {
			isHere = false;
			this.leave(following);
		};
		const catchUp = async (): Promise<void> => {
			reader(this.startEvent());
			let seq = after;
			while (isHere && seq < this.seq()) {
				seq = this.transcript.replay(seq, reader, PACED_UNITS);
				await pace();
			}
			if (!isHere) return;
			if (this.last === undefined) following.tell = reader;
			else reader(this.last);
		};
		catchUp().catch((error: unknown) => {
			leave();
			this.deps.onReaderError(error);
		});
		return leave;
	}
}

/** For a reader that has more than there is yet. */
function skipping(reader: Follower, after: number): Follower {
	return (event) => {
		if ((event.type === "token" || event.type === "reasoning") && event.seq <= after) return;
		reader(event);
	};
}
