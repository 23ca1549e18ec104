// What time does to generations: deadlines, heartbeats, answers that nobody follows, logins that ended, and the second's save (G2).

import { ERROR_SENTENCES, PocketError } from "../domain/errors.ts";
import type { ErrorEvent, StopReason } from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";
import type { Progress } from "../ports/store.ts";
import type { Driver } from "./driving.ts";
import type { Settler } from "./ending.ts";
import { type EngineDependencies, failed, interrupted, type Job, type Registry } from "./job.ts";
import { createTicker, type Ticker } from "./ticker.ts";

const TICK_MS = 100;
/** Each answer is looked at in one of so many ticks: with a thousand of them, looking costs as much as their tokens. */
const TICKS_A_LOOK = 3;
/** An answer is stored at the look after which the next would come too late for once a second: at the third, mostly. */
const SAVE_AFTER_MS = 650;
const RETRY_EVERY_MS = 900;
/** A store that takes longer than this is late: then it counts how far an answer has run ahead of it. */
const LATE_STORE_MS = 2000;
const LOGIN_CHECK_MS = 3000;
const SIGNED_OUT: ErrorEvent = { type: "error", code: "signed_out", error: ERROR_SENTENCES.signed_out, retryable: false };

export type WatcherParts = {
	readonly registry: Registry;
	readonly settler: Settler;
	readonly driver: Driver;
	readonly stop: (id: Id, reason: StopReason) => void;
};

/** A ticker that the engine starts with a generation; it stops by itself when nothing is left to watch. */
export function createWatcher({ store, router, queue, clock, log, policy, isLoginGood }: EngineDependencies, parts: WatcherParts): Ticker {
	const { registry, settler, driver, stop } = parts;
	let retriedAt = clock.elapsed();
	let loginsCheckedAt = retriedAt;

	const watch = (job: Job, now: number): void => {
		const { generation } = job;
		if (generation.seq() !== job.seenSeq) {
			job.seenSeq = generation.seq();
			job.lastPartAt = now;
		}
		if (generation.takeSpoken()) job.toldAt = now;
		else if (now - job.toldAt >= policy.heartbeatInterval) generation.ping();
		// While its end is being stored nothing else can happen to it.
		if (generation.isOver()) return;
		if (meetsDeadline(job, now)) return;
		if (isFarAhead(job, now)) {
			settler.settle(job, interrupted("store_unavailable"));
			return;
		}
		// While it waited, the last server that might have had its model said that it has not.
		if (job.sentAt === undefined && job.ticket.candidates().length === 0) settler.settle(job, failed("model_not_found"));
		const orphaned = generation.orphanedFor();
		if (orphaned >= policy.orphanTimeout) stop(generation.facts.id, "orphaned");
		// A turn that waits gives up its place likewise: those behind it are there.
		else if (orphaned >= policy.yieldTimeout && queue.isWantedByOthers(job.ticket)) stop(generation.facts.id, "yielded");
	};

	/** Ends a job whose time is up, and says whether it did. Waiting for a slot does not count. */
	const meetsDeadline = (job: Job, now: number): boolean => {
		if (job.sentAt === undefined) return false;
		if (now - job.sentAt >= policy.totalTimeout) {
			settler.settle(job, interrupted("limit_reached"));
			return true;
		}
		const isSilentFromStart = job.generation.state() === "sending";
		const silence = now - (isSilentFromStart ? job.sentAt : job.lastPartAt);
		if (silence < (isSilentFromStart ? policy.firstTokenTimeout : policy.idleTimeout)) return false;
		driver.fail(job, { code: "upstream_timeout" });
		return true;
	};

	/** Whether an answer has run further ahead of the store than it may: what nobody stores nobody can promise. */
	const isFarAhead = ({ generation, unstoredSince, storedUnits }: Job, now: number): boolean => {
		if (unstoredSince === undefined || now - unstoredSince < LATE_STORE_MS) return false;
		return now - unstoredSince >= policy.unstoredTimeout || generation.units() - storedUnits > policy.mostUnstored;
	};

	/**
	 * The end of the login that asked ends the generation; that of another one which reads ends the reading. Each login is asked for once,
	 * however many answers it has.
	 */
	const checkLogins = async (): Promise<void> => {
		const generations = [...registry.jobs.values()].map((job) => job.generation);
		for (const loginId of new Set(generations.flatMap((generation) => generation.logins()))) {
			if (await isGood(loginId)) continue;
			for (const generation of generations) {
				if (generation.facts.loginId === loginId) stop(generation.facts.id, "signed_out");
				else generation.dismiss(loginId, SIGNED_OUT);
			}
		}
	};

	const isGood = async (loginId: Id): Promise<boolean> => {
		try {
			return await isLoginGood(loginId);
		} catch (error) {
			// A store that is away for a moment signs nobody out.
			log.debug({ err: error }, "a login could not be checked");
			return true;
		}
	};

	let round = registry.jobs.values();

	/** Those that are looked at in this tick; a few ticks later it was everybody's turn. */
	const nextShare = (): Job[] => {
		const size = Math.ceil(registry.jobs.size / TICKS_A_LOOK);
		const share: Job[] = [];
		while (share.length < size) {
			const { value, done } = round.next();
			if (done) round = registry.jobs.values();
			else share.push(value);
		}
		return share;
	};

	/**
	 * Hands those whose second is over to the store, all in one write. Each has its own second: one write of every running answer at once
	 * would hold up the streams, and the turns that wait to be stored.
	 */
	const save = (share: readonly Job[], now: number): void => {
		const progress: Progress[] = [];
		const handed: { readonly job: Job; readonly seq: number; readonly units: number }[] = [];
		for (const job of share) {
			const { generation } = job;
			if (now - job.savedAt < SAVE_AFTER_MS || generation.isOver() || generation.seq() === job.savedSeq) continue;
			job.savedAt = now;
			job.savedSeq = generation.seq();
			job.unstoredSince ??= now;
			const { content, reasoning } = generation.text();
			handed.push({ job, seq: job.savedSeq, units: content.length + reasoning.length });
			progress.push({ messageId: generation.facts.answerId, content, reasoning });
		}
		if (progress.length === 0) return;
		store.saveProgress(progress).then(
			() => {
				for (const { job, seq, units } of handed) {
					job.storedUnits = units;
					job.unstoredSince = job.savedSeq > seq ? now : undefined;
				}
			},
			(error: unknown) => {
				log.warn({ err: error }, "answers so far could not be stored; the next second tries again");
				// A full disk is no store that is away: what runs goes on.
				if (error instanceof PocketError && error.code === "store_full") for (const { job } of handed) job.unstoredSince = undefined;
			},
		);
	};

	const tick = (): void => {
		const now = clock.elapsed();
		const share = nextShare();
		for (const job of share) driver.guard(job, () => watch(job, now));
		save(share, now);
		if (now - retriedAt >= RETRY_EVERY_MS) {
			retriedAt = now;
			settler.retryUnstored();
			if (queue.counts().waiting > 0) {
				// A model server may be back, its pause over, or its slots more: nobody else tells those who wait.
				router.look();
				queue.review();
			}
		}
		if (now - loginsCheckedAt >= LOGIN_CHECK_MS) {
			loginsCheckedAt = now;
			checkLogins().catch((error: unknown) => log.error({ err: error }, "the logins of running answers could not be checked"));
		}
		registry.finished.dropOld(now);
		if (registry.jobs.size === 0 && registry.finished.size === 0 && settler.unstored() === 0) ticker.stop();
	};

	const ticker = createTicker(TICK_MS, tick, (error) => log.error({ err: error }, "the engine's timer failed"));
	return ticker;
}
