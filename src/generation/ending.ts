// How a generation ends: the upstream connection is closed, the slot is free, the end is stored, and only then told (G4).

import { ERROR_SENTENCES, type ErrorCode, PocketError } from "../domain/errors.ts";
import { messageStatusOf } from "../domain/generation.ts";
import type { Timings } from "../domain/message.ts";
import type { AnswerEnd } from "../ports/store.ts";
import type { Estimator } from "./estimate.ts";
import type { EngineDependencies, Job, Outcome, Registry } from "./job.ts";

export type Settler = {
	/** Ends a job, once; harmless when it is over. Returns at once: `generation.done` tells when the end is stored and told. */
	readonly settle: (job: Job, outcome: Outcome) => void;
	/** Tries again to store the ends that the store did not take. */
	readonly retryUnstored: () => void;
	readonly unstored: () => number;
};

export type SettlerParts = { readonly registry: Registry; readonly estimator: Estimator };

export function createSettler(deps: EngineDependencies, { registry, estimator }: SettlerParts): Settler {
	const { store, queue, clock, log, isRetryable } = deps;
	/** Ends that the store did not take. Until they are in it, their sessions take no new turn: the answer there is still `streaming`. */
	const unstored = new Set<AnswerEnd>();
	/** Those of them whose write is under way. */
	const retrying = new Set<AnswerEnd>();

	const endOf = (job: Job, outcome: Outcome): AnswerEnd => {
		const { generation } = job;
		const { content, reasoning } = generation.text();
		const status = messageStatusOf(generation.state());
		return {
			messageId: generation.facts.answerId,
			sessionId: generation.facts.sessionId,
			content,
			reasoning: reasoning === "" ? null : reasoning,
			status: status === "streaming" ? "interrupted" : status,
			errorCode: outcome.code,
			model: job.model,
			finishReason: outcome.finishReason,
			usage: outcome.usage,
			timings: timingsOf(job, clock.elapsed()),
			now: clock.now(),
		};
	};

	/** The code that the reader is told: the outcome's, or the store's when it could not be stored. */
	const storeEnd = async (job: Job, outcome: Outcome): Promise<ErrorCode | null> => {
		const end = endOf(job, outcome);
		if (outcome.code === "store_unavailable") {
			// Nobody waits once more for a store that was waited for.
			unstored.add(end);
			return outcome.code;
		}
		try {
			const isStored = await store.finishAnswer(end);
			// Its session was deleted meanwhile, or others took this process for dead and ended it: an `end` would say that it is stored.
			return isStored || outcome.code === "interrupted" ? outcome.code : "session_not_found";
		} catch (error) {
			log.error({ generation: job.generation.facts.id, err: error }, "an answer could not be stored; it is tried again every second");
			unstored.add(end);
			return error instanceof PocketError ? error.code : "internal";
		}
	};

	const conclude = async (job: Job, outcome: Outcome): Promise<void> => {
		const { generation } = job;
		const { facts } = generation;
		const code = await storeEnd(job, outcome);
		registry.jobs.delete(facts.id);
		if (registry.bySession.get(facts.sessionId) === job) registry.bySession.delete(facts.sessionId);
		registry.finished.add(generation, clock.elapsed());
		if (code !== null) {
			const { retryAfter } = outcome;
			const hint = retryAfter === undefined ? {} : { retryAfter };
			return generation.conclude({ type: "error", error: ERROR_SENTENCES[code], code, retryable: isRetryable(code), ...hint });
		}
		generation.conclude({
			type: "end",
			messageId: facts.clientMessageId ?? facts.answerId,
			assistantMessageId: facts.answerId,
			finishReason: outcome.finishReason ?? "stop",
			usage: outcome.usage,
		});
	};

	return {
		settle: (job, outcome) => {
			const { generation } = job;
			if (generation.isOver()) return;
			generation.become(outcome.state === "failed" && generation.seq() > 0 ? "interrupted" : outcome.state);
			job.call?.cancel();
			if (job.sentAt !== undefined && outcome.state === "complete") estimator.note(job.model, clock.elapsed() - job.sentAt);
			queue.leave(job.ticket);
			conclude(job, outcome).catch((error: unknown) =>
				log.error({ generation: generation.facts.id, err: error }, "the end of an answer was not told"),
			);
		},
		retryUnstored: () => {
			for (const end of unstored) {
				if (retrying.has(end)) continue;
				retrying.add(end);
				store.finishAnswer(end).then(
					() => {
						unstored.delete(end);
						retrying.delete(end);
					},
					() => retrying.delete(end),
				);
			}
		},
		unstored: () => unstored.size,
	};
}

function timingsOf(job: Job, now: number): Timings {
	return {
		queuedMs: Math.round((job.sentAt ?? now) - job.createdAt),
		...(job.sentAt === undefined ? {} : { totalMs: Math.round(now - job.sentAt) }),
		...(job.sentAt === undefined || job.firstPartAt === undefined ? {} : { firstTokenMs: Math.round(job.firstPartAt - job.sentAt) }),
	};
}
