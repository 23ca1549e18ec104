// One generation while this process holds it: its state, what has arrived, and who follows. What drives it stands in engine.ts.

import {
	canBecome,
	type EndEvent,
	type ErrorEvent,
	type GenerationEvent,
	type GenerationState,
	isFinal,
	type QueuedEvent,
	type StartEvent,
	type TokenEvent,
} from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";
import type { User } from "../domain/user.ts";
import { createTranscript } from "./transcript.ts";

/** Somebody who reads along. */
export type Follower = (event: GenerationEvent) => void;

/** A reader, and the login that reads. */
type Following = { tell: Follower; readonly loginId: Id };

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

export type Generation = ReturnType<typeof createGeneration>;

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

/** What it says at the end; nothing comes after it. */
export type LastEvent = EndEvent | ErrorEvent;

export function createGeneration(facts: GenerationFacts, elapsed: () => number, onReaderError: (error: unknown) => void) {
	let state: GenerationState = "queued";
	const start: StartEvent = {
		type: "start",
		messageId: facts.answerId,
		userMessageId: facts.userMessageId,
		generationId: facts.id,
		model: facts.model,
	};
	const transcript = createTranscript();
	let queued: QueuedEvent | undefined;
	let last: LastEvent | undefined;
	/** Replaced as a whole when somebody comes or goes, so that a reader that leaves while it is told something disturbs no other. */
	let followers: readonly Following[] = [];
	let wasFollowed = false;
	let followedAt = elapsed();
	/** Whether something was told since the last look. */
	let hasSpoken = true;
	let finish: () => void = () => {};
	const done = new Promise<void>((resolve) => {
		finish = resolve;
	});

	const emit = (event: GenerationEvent): void => {
		hasSpoken = true;
		for (const following of followers) {
			try {
				following.tell(event);
			} catch (error) {
				// A reader that cannot be told is none: the others, and the answer, go on.
				followers = followers.filter((other) => other !== following);
				onReaderError(error);
			}
		}
	};

	/** As `follow`, for a transcript that is too long to be told at once. */
	const followPaced = (reader: Follower, after: number, loginId: Id, pace: () => Promise<void>): (() => void) => {
		let isHere = true;
		const following: Following = {
			// It counts as a reader from now on, and finds what comes meanwhile in the transcript; only being sent away is told at once.
			tell: (event) => {
				if (event.type !== "error" || last !== undefined) return;
				isHere = false;
				reader(event);
			},
			loginId,
		};
		followers = [...followers, following];
		const leave = (): void => {
			isHere = false;
			followers = followers.filter((other) => other !== following);
			followedAt = elapsed();
		};
		const catchUp = async (): Promise<void> => {
			reader(start);
			let seq = after;
			while (isHere && seq < transcript.seq()) {
				seq = transcript.replay(seq, reader, PACED_UNITS);
				await pace();
			}
			if (!isHere) return;
			if (last === undefined) following.tell = reader;
			else reader(last);
		};
		catchUp().catch((error: unknown) => {
			leave();
			onReaderError(error);
		});
		return leave;
	};

	return {
		facts,
		/** Resolves when the end is stored and told. */
		done,
		state: () => state,
		/** The one place where a state changes. */
		become: (next: GenerationState): void => {
			if (!canBecome(state, next)) throw new Error(`a generation cannot go from ${state} to ${next}`);
			state = next;
		},
		isOver: () => isFinal(state),
		/** The number of the newest token or reasoning event; 0 before the first. */
		seq: transcript.seq,
		/** Its place among those who wait, from 1; `null` when it waits no more. */
		position: () => (state === "queued" ? (queued?.position ?? null) : null),
		/** Whether all that was said takes more than so many bytes of UTF-8. */
		isLongerThan: transcript.isLongerThan,
		text: transcript.text,
		/** How long all that was said is, in UTF-16 units. */
		units: transcript.units,
		add: (type: TokenEvent["type"], text: string): void => emit(transcript.add(type, text)),
		setQueued: (event: QueuedEvent): void => {
			queued = event;
			emit(event);
		},
		ping: (): void => emit({ type: "ping" }),
		/** Tells the end; afterwards nothing is emitted any more. */
		conclude: (event: LastEvent): void => {
			if (last !== undefined) return;
			last = event;
			emit(event);
			followers = [];
			finish();
		},
		/** Replays what came after `after`, then goes on live. The result ends the following. */
		follow: (reader: Follower, { after = 0, loginId = facts.loginId, pace }: FollowOptions = {}): (() => void) => {
			wasFollowed = true;
			const tell: Follower = after > transcript.seq() ? skipping(reader, after) : reader;
			if (pace !== undefined && transcript.units() > PACED_UNITS) return followPaced(tell, after, loginId, pace);
			tell(start);
			if (state === "queued" && queued !== undefined) tell(queued);
			transcript.replay(after, tell);
			if (last !== undefined) {
				tell(last);
				return () => {};
			}
			const following: Following = { tell, loginId };
			followers = [...followers, following];
			return () => {
				followers = followers.filter((other) => other !== following);
				followedAt = elapsed();
			};
		},
		followers: () => followers.length,
		/** Whether its first reader has come: between its beginning and that there is a moment. */
		wasFollowed: () => wasFollowed,
		/** The login that asked, and those that read. */
		logins: (): readonly Id[] => [...new Set([facts.loginId, ...followers.map((following) => following.loginId)])],
		/** Sends the readers of one login away with a last event. */
		dismiss: (loginId: Id, event: ErrorEvent): void => {
			const leaving = followers.filter((following) => following.loginId === loginId);
			if (leaving.length === 0) return;
			for (const { tell } of leaving) tell(event);
			followers = followers.filter((following) => following.loginId !== loginId);
			followedAt = elapsed();
		},
		/** For how long nobody has followed, in milliseconds; 0 while somebody does. */
		orphanedFor: () => (followers.length > 0 ? 0 : elapsed() - followedAt),
		/** Whether something was told since this was asked last: reading a clock for each token would cost more than the token. */
		takeSpoken: () => {
			const spoken = hasSpoken;
			hasSpoken = false;
			return spoken;
		},
	};
}

/** For a reader that has more than there is yet. */
function skipping(reader: Follower, after: number): Follower {
	return (event) => {
		if ((event.type === "token" || event.type === "reasoning") && event.seq <= after) return;
		reader(event);
	};
}
