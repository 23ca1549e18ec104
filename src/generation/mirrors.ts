// Generations of other replicas that somebody follows here. Each is mirrored by a generation of this process, which is filled from the log
// that its owner writes; readers follow that one as any other. When its owner is heard no more, the store tells how it ended.

import { ERROR_SENTENCES, type ErrorCode } from "../domain/errors.ts";
import type { ErrorEvent, GenerationState, LastEvent } from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { LogEntry, LogPosition, Place, Replicas } from "../ports/replicas.ts";
import type { MessageStore, Turn } from "../ports/store.ts";
import { Generation } from "./generation.ts";
import { lastEventOf } from "./stored.ts";
import { createTicker } from "./ticker.ts";

const READ_EVERY_MS = 40;
const ASK_EVERY_MS = 1000;
const ANSWER_WITHIN_MS = 1000;
/** An owner that is not heard for this long may be dead: the store is asked. */
const SILENT_AFTER_MS = 3000;
const ANEW_EVERY_MS = 500;
/** A reader that was announced comes within this time, or not at all. */
const READER_COMES_MS = 2000;
const LOGIN_CHECK_MS = 3000;
const SIGNED_OUT: ErrorEvent = { type: "error", code: "signed_out", error: ERROR_SENTENCES.signed_out, retryable: false };

type Mirror = {
	readonly owner: string;
	readonly generation: Generation;
	readonly since: number;
	position: LogPosition;
	/** The owner is to tell it from the beginning; asked for not more often than it can be done. */
	anew: boolean;
	anewAt: number;
	heardAt: number;
	toldAt: number;
};

export type Mirrors = {
	/** The mirror of what runs at a place; `undefined` when its owner does not answer or has it no more. */
	readonly follow: (place: Place) => Promise<Generation | undefined>;
	readonly stop: () => void;
};

export type MirrorDependencies = {
	readonly replicas: Replicas;
	readonly store: MessageStore;
	readonly clock: Clock;
	readonly log: Log;
	readonly heartbeatInterval: number;
	readonly isLoginGood: (loginId: Id) => Promise<boolean>;
	readonly isRetryable: (code: ErrorCode) => boolean;
};

export function createMirrors({ replicas, store, clock, log, heartbeatInterval, isLoginGood, isRetryable }: MirrorDependencies): Mirrors {
	const mirrors = new Map<Id, Mirror>();
	let reading = false;
	let askedAt = 0;
	let loginsCheckedAt = 0;

	const onError = (error: unknown): void => log.error({ err: error }, "an answer of another replica could not be followed");

	/** Tells an owner what is followed of it here; gives those that it has. */
	const ask = async (owner: string): Promise<readonly Id[]> => {
		const own = [...mirrors].filter(([, mirror]) => mirror.owner === owner);
		const ids = own.map(([id]) => id);
		const anew = own.filter(([, mirror]) => mirror.anew).map(([id]) => id);
		for (const [, mirror] of own) mirror.anew = false;
		const answer = await replicas.ask(owner, { kind: "follow", ids, anew }, ANSWER_WITHIN_MS);
		const now = clock.elapsed();
		for (const [id, mirror] of own) {
			if (answer?.held.includes(id)) mirror.heardAt = now;
			else mirror.anew ||= anew.includes(id);
		}
		return answer?.held ?? [];
	};

	const askAll = (): void => {
		for (const owner of new Set([...mirrors.values()].map((mirror) => mirror.owner))) ask(owner).catch(onError);
	};

	const remove = (id: Id, { owner }: Mirror): void => {
		mirrors.delete(id);
		if (mirrors.size === 0) ticker.stop();
		// At once: whoever waits for this reader to go waits no longer than needed.
		ask(owner).catch(onError);
	};

	const read = async (): Promise<void> => {
		const found = await replicas.read(new Map([...mirrors].map(([id, { position }]) => [id, position])));
		for (const [id, entries] of found ?? []) {
			const mirror = mirrors.get(id);
			if (mirror === undefined || entries.length === 0) continue;
			mirror.heardAt = clock.elapsed();
			if (applyAll(mirror, entries) || mirror.heardAt < mirror.anewAt) continue;
			mirror.anew = true;
			mirror.anewAt = mirror.heardAt + ANEW_EVERY_MS;
			ask(mirror.owner).catch(onError);
		}
	};

	/** The store is asked about those whose owner is silent. */
	const askStore = async (now: number): Promise<void> => {
		for (const { generation, heardAt } of [...mirrors.values()]) {
			if (now - heardAt < SILENT_AFTER_MS) continue;
			const { id, user } = generation.facts;
			const turn = await store.findTurnOfGeneration(id, user.id);
			if (turn?.answer.status === "streaming" || generation.isOver()) continue;
			if (turn !== undefined) addRest(generation, turn);
			const gone = ERROR_SENTENCES.session_not_found;
			conclude(
				generation,
				turn === undefined ? { type: "error", error: gone, code: "session_not_found", retryable: false } : lastEventOf(turn, isRetryable),
			);
		}
	};

	/** The end of a login ends its reading. That of the login which asked is the owner's to see. */
	const checkLogins = async (): Promise<void> => {
		const generations = [...mirrors.values()].map((mirror) => mirror.generation);
		for (const loginId of new Set(generations.flatMap((generation) => generation.logins()))) {
			if (await isLoginGood(loginId)) continue;
			for (const generation of generations) generation.dismiss(loginId, SIGNED_OUT);
		}
	};

	const tick = (): void => {
		const now = clock.elapsed();
		for (const [id, mirror] of mirrors) {
			const { generation, since } = mirror;
			if (generation.takeSpoken()) mirror.toldAt = now;
			else if (now - mirror.toldAt >= heartbeatInterval) generation.ping();
			const isLeft = generation.followers() === 0 && (generation.wasFollowed() || now - since > READER_COMES_MS);
			if (generation.isOver() || isLeft) remove(id, mirror);
		}
		if (!reading) {
			reading = true;
			read()
				.catch(onError)
				.finally(() => {
					reading = false;
				});
		}
		if (now - askedAt >= ASK_EVERY_MS) {
			askedAt = now;
			askAll();
			askStore(now).catch((error: unknown) => log.debug({ err: error }, "the store could not be asked about another replica's answer"));
		}
		if (now - loginsCheckedAt >= LOGIN_CHECK_MS) {
			loginsCheckedAt = now;
			// A store that is away for a moment signs nobody out.
			checkLogins().catch((error: unknown) => log.debug({ err: error }, "the logins of readers could not be checked"));
		}
	};

	const ticker = createTicker(READ_EVERY_MS, tick, onError);

	return {
		follow: async ({ replica, facts }) => {
			const known = mirrors.get(facts.id);
			if (known !== undefined) return known.generation;
			const now = clock.elapsed();
			const generation = new Generation(facts, {
				elapsed: clock.elapsed,
				onReaderError: (error) => log.error({ err: error }, "a reader of an answer could not be told"),
			});
			const mirror = {
				owner: replica,
				generation,
				since: now,
				position: { pieces: 0, part: 0 },
				anew: false,
				anewAt: 0,
				heardAt: now,
				toldAt: now,
			};
			mirrors.set(facts.id, mirror);
			ticker.start();
			const held = await ask(replica);
			if (!held.includes(facts.id)) {
				// Another reader may have come to it meanwhile, and found it here.
				if (generation.followers() === 0) mirrors.delete(facts.id);
				return undefined;
			}
			return generation;
		},
		stop: () => {
			ticker.stop();
			mirrors.clear();
		},
	};
}

/** Whether the entries go on where the mirror is; what it has already is passed over. */
function applyAll(mirror: Mirror, entries: readonly LogEntry[]): boolean {
	const { generation } = mirror;
	for (const { position, part } of entries) {
		if (generation.isOver()) return true;
		if (part.kind === "pieces") {
			const known = generation.seq() - part.from + 1;
			if (known < 0) return false;
			if (known < part.pieces.length) advance(generation, "streaming");
			for (const piece of part.pieces.slice(known)) generation.add(part.type, piece);
		} else if (part.kind === "last") {
			if (position.pieces > generation.seq()) return false;
			conclude(generation, part.event);
		} else if (generation.state() === "queued") {
			const { position: place, etaMs } = part;
			generation.setQueued({ type: "queued", position: place, ...(etaMs === null ? {} : { etaMs }) });
		}
		mirror.position = position;
	}
	return true;
}

/** What the store has beyond what was heard; nothing where the two do not fit. */
function addRest(generation: Generation, { answer }: Turn): void {
	const { content, reasoning } = generation.text();
	const add = (type: "token" | "reasoning", heard: string, stored: string): void => {
		if (stored.length <= heard.length || !stored.startsWith(heard)) return;
		advance(generation, "streaming");
		generation.add(type, stored.slice(heard.length));
	};
	add("reasoning", reasoning, answer.reasoning ?? "");
	add("token", content, answer.content);
}

function conclude(generation: Generation, event: LastEvent): void {
	if (event.type === "error") {
		generation.become(generation.seq() > 0 ? "interrupted" : "failed");
	} else if (event.finishReason === "stopped") {
		generation.become("stopped");
	} else {
		advance(generation, "sending");
		generation.become("complete");
	}
	generation.conclude(event);
}

/** Through the states up to this one. */
function advance(generation: Generation, target: Extract<GenerationState, "sending" | "streaming">): void {
	if (generation.state() === "queued") generation.become("sending");
	if (target === "streaming" && generation.state() === "sending") generation.become("streaming");
}
