// What this process has to do with generations of other replicas: finds, follows, stops and asks about theirs, and answers for its own.
// Without other replicas it finds nothing, and costs nothing.

import { PocketError } from "../domain/errors.ts";
import type { GenerationFacts, RunningGeneration, RunningTurn, StopOutcome, StopReason } from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";
import type { Answer, Question, Replicas } from "../ports/replicas.ts";
import type { Turn } from "../ports/store.ts";
import type { Generation } from "./generation.ts";
import type { EngineDependencies, Registry } from "./job.ts";
import { createMirrors } from "./mirrors.ts";
import { createTeller } from "./telling.ts";
import { createTicker } from "./ticker.ts";

const ANNOUNCE_EVERY_MS = 2000;
/** A stop is asked for by a person who waits. */
const STOP_WITHIN_MS = 1000;
/** With the second that a follower may take to go, and the storing of the end. */
const MAKE_WAY_WITHIN_MS = 5000;
const LOOK_WITHIN_MS = 500;
const LOOK_AGAIN_MS = 1000;

/** How somebody waits: until when, and what to call at each heartbeat. */
export type Waiting = { readonly signal: AbortSignal; readonly onQuiet: () => void };

/** What the engine can do with its own. */
export type Here = {
	readonly find: (id: Id) => Generation | undefined;
	readonly stop: (id: Id, reason: StopReason) => boolean;
	/** Codes: `generation_in_progress`. */
	readonly makeWay: (sessionId: Id) => Promise<void>;
	readonly stopSession: (sessionId: Id) => Promise<boolean>;
	readonly look: (sessionId: Id) => RunningGeneration | undefined;
	readonly list: () => readonly RunningGeneration[];
};

export type Elsewhere = {
	/** A generation has begun here. */
	readonly announce: (generation: Generation) => void;
	/** One of another replica, to be followed; `undefined` when nobody has it, or its owner is not heard. */
	readonly find: (id: Id) => Promise<Generation | undefined>;
	readonly stop: (id: Id, reason: StopReason) => Promise<StopOutcome>;
	/** Ends what runs in a session elsewhere and is followed by nobody. Codes: `generation_in_progress`. */
	readonly makeWay: (sessionId: Id) => Promise<void>;
	readonly stopSession: (sessionId: Id) => Promise<void>;
	readonly look: (sessionId: Id) => Promise<RunningTurn | undefined>;
	readonly list: () => Promise<readonly RunningGeneration[]>;
	/**
	 * The turn of an answer that is made where nobody is heard, when it is over. Codes: `session_not_found` (it was deleted), `cancelled`.
	 */
	readonly waitForEnd: (facts: { readonly id: Id; readonly userId: Id }, waiting: Waiting) => Promise<Turn>;
	/** Hands over what other replicas are still to be told. */
	readonly close: () => Promise<void>;
};

const NOTHING: Answer = { done: false, held: [], running: [] };

export function createElsewhere(deps: EngineDependencies, { jobs }: Registry, here: Here): Elsewhere {
	const { store, clock, log, policy, isLoginGood, isRetryable, replicas, isStoreShared } = deps;

	const waitForEnd: Elsewhere["waitForEnd"] = async ({ id, userId }, { signal, onQuiet }) => {
		for (let toldAt = clock.elapsed(); ; ) {
			if (clock.elapsed() - toldAt >= policy.heartbeatInterval) {
				toldAt = clock.elapsed();
				onQuiet();
			}
			const turn = await store.findTurnOfGeneration(id, userId).catch((error: unknown) => {
				log.debug({ err: error }, "the store could not be asked about another replica's answer");
				return "unknown" as const;
			});
			if (turn === undefined) throw new PocketError("session_not_found");
			if (turn !== "unknown" && turn.answer.status !== "streaming") return turn;
			await sleepUnless(signal, LOOK_AGAIN_MS);
		}
	};

	if (replicas === undefined) {
		return {
			announce: () => {},
			find: async () => undefined,
			stop: async () => (isStoreShared ? "unheard" : "over"),
			makeWay: async () => {},
			stopSession: async () => {},
			look: async () => undefined,
			list: async () => [],
			waitForEnd,
			close: async () => {},
		};
	}

	const teller = createTeller({ replicas, clock, log, find: here.find });
	const mirrors = createMirrors({
		...{ replicas, store, clock, log, isLoginGood, isRetryable },
		heartbeatInterval: policy.heartbeatInterval,
	});

	const answer = async (question: Question, from: string): Promise<Answer> => {
		switch (question.kind) {
			case "follow":
				return { ...NOTHING, done: true, held: teller.tell(from, question.ids, question.anew) };
			case "stop":
				return { ...NOTHING, done: here.stop(question.id, question.reason) };
			case "make way":
				return { ...NOTHING, done: await isFree(question.sessionId) };
			case "stop session":
				return { ...NOTHING, done: await here.stopSession(question.sessionId) };
			case "look": {
				const found = here.look(question.sessionId);
				return { ...NOTHING, done: true, running: found === undefined ? [] : [found] };
			}
			case "list":
				return { ...NOTHING, done: true, running: here.list() };
		}
	};

	const isFree = async (sessionId: Id): Promise<boolean> => {
		try {
			await here.makeWay(sessionId);
			return true;
		} catch (error) {
			if (error instanceof PocketError && error.code === "generation_in_progress") return false;
			throw error;
		}
	};

	replicas.answerWith(answer);
	const ticker = createTicker(
		ANNOUNCE_EVERY_MS,
		() => {
			if (jobs.size === 0) return ticker.stop();
			replicas.announce([...jobs.values()].map((job) => job.generation.facts));
		},
		(error) => log.error({ err: error }, "other replicas could not be told what runs here"),
	);

	return {
		announce: ({ facts, done }) => {
			replicas.announce([facts]);
			ticker.start();
			done.then(() => replicas.announceEnd(facts)).catch((error: unknown) => log.error({ err: error }, "an end was not announced"));
		},
		find: async (id) => {
			const place = await replicas.findPlace(id);
			return isOther(place, replicas) ? mirrors.follow(place) : undefined;
		},
		stop: async (id, reason) => {
			const place = await replicas.findPlace(id);
			if (!isOther(place, replicas)) return replicas.state() === "ok" ? "over" : "unheard";
			const answered = await replicas.ask(place.replica, { kind: "stop", id, reason }, STOP_WITHIN_MS);
			if (answered === undefined) return "unheard";
			return answered.done ? "stopped" : "over";
		},
		makeWay: async (sessionId) => {
			const place = await replicas.findPlaceInSession(sessionId);
			if (!isOther(place, replicas)) return;
			const answered = await replicas.ask(place.replica, { kind: "make way", sessionId }, MAKE_WAY_WITHIN_MS);
			// Nobody was heard: the store decides.
			if (answered === undefined || answered.done) return;
			throw new PocketError("generation_in_progress", { extra: { generationId: place.facts.id } });
		},
		stopSession: async (sessionId) => {
			const place = await replicas.findPlaceInSession(sessionId);
			if (isOther(place, replicas)) await replicas.ask(place.replica, { kind: "stop session", sessionId }, MAKE_WAY_WITHIN_MS);
		},
		look: async (sessionId) => {
			const place = await replicas.findPlaceInSession(sessionId);
			if (!isOther(place, replicas)) return undefined;
			const running = (await replicas.ask(place.replica, { kind: "look", sessionId }, LOOK_WITHIN_MS))?.running[0];
			return running === undefined ? undefined : { ...running, generationId: running.id, answerId: place.facts.answerId };
		},
		list: async () => (await replicas.askAll({ kind: "list" }, LOOK_WITHIN_MS)).flatMap(({ running }) => running),
		waitForEnd,
		close: async () => {
			ticker.stop();
			mirrors.stop();
			await teller.flush();
			teller.stop();
		},
	};
}

function isOther<P extends { readonly replica: string; readonly facts: GenerationFacts }>(
	place: P | undefined,
	{ self }: Replicas,
): place is P {
	return place !== undefined && place.replica !== self;
}

async function sleepUnless(signal: AbortSignal, milliseconds: number): Promise<void> {
	await new Promise<void>((resolve, reject) => {
		const onAbort = () => {
			clearTimeout(timer);
			reject(new PocketError("cancelled"));
		};
		const timer = setTimeout(() => {
			signal.removeEventListener("abort", onAbort);
			resolve();
		}, milliseconds);
		if (signal.aborted) onAbort();
		else signal.addEventListener("abort", onAbort, { once: true });
	});
}
