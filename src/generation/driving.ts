// How a generation is driven from its slot to its end: what the model is shown, what it sends, and what is tried when it fails.

import { PocketError } from "../domain/errors.ts";
import type { TokenEvent } from "../domain/generation.ts";
import type { PromptMessage, UpstreamFailure, UpstreamPart } from "../ports/upstream.ts";
import { buildContext, halveContext, readNewest } from "./context.ts";
import type { Settler } from "./ending.ts";
import { type EngineDependencies, failed, interrupted, type Job, type Route } from "./job.ts";

export type Driver = {
	/** A turn is about to come: the model server that it would get now is connected to. */
	readonly expect: (route: Route) => void;
	/** It is this job's turn, on that model server. */
	readonly send: (job: Job, upstream: string) => void;
	/** The model server failed, or missed a deadline: tried again before the first token where that makes sense, else the end. */
	readonly fail: (job: Job, failure: UpstreamFailure) => void;
	/** Runs a step of a job; whatever it throws ends that job alone. */
	readonly guard: (job: Job, step: () => void | Promise<void>) => void;
};

export function createDriver({ store, router, queue, clock, log, policy }: EngineDependencies, { settle }: Settler): Driver {
	const endAfter = (job: Job, error: unknown): void => {
		if (job.generation.isOver()) return;
		const code = error instanceof PocketError ? error.code : "internal";
		if (code === "internal") log.error({ generation: job.generation.facts.id, err: error }, "a generation failed unexpectedly");
		settle(job, failed(code));
	};

	const guard: Driver["guard"] = (job, step) => {
		try {
			step()?.catch((error: unknown) => endAfter(job, error));
		} catch (error) {
			endAfter(job, error);
		}
	};

	const begin = async (job: Job, upstream: string): Promise<void> => {
		job.upstream = upstream;
		job.generation.become("sending");
		job.sentAt = clock.elapsed();
		job.context = await loadContext(job);
		if (!job.generation.isOver()) ask(job);
	};

	const loadContext = async (job: Job): Promise<PromptMessage[]> => {
		const { request, generation, prompt } = job;
		const { sessionId, answerId, userMessageId } = generation.facts;
		const messages = job.readAhead ?? (await readNewest(store, sessionId, policy));
		job.readAhead = undefined;
		const history = messages.filter((message) => message.id !== answerId && message.id !== userMessageId).slice(-policy.contextMessages);
		return buildContext({ systemPrompt: request.session.systemPrompt ?? policy.systemPrompt, history, prompt });
	};

	const ask = (job: Job): void => {
		const { request } = job;
		const upstream = job.upstream === undefined ? undefined : router.upstream(job.upstream);
		if (upstream === undefined) {
			settle(job, failed("no_upstream"));
			return;
		}
		job.lastPartAt = clock.elapsed();
		job.call = upstream.stream(
			{
				...(job.model === null ? {} : { model: job.model }),
				messages: job.context,
				sessionId: request.session.id,
				...(request.temperature === undefined ? {} : { temperature: request.temperature }),
				...(request.maxTokens === undefined ? {} : { maxTokens: request.maxTokens }),
			},
			// Once for each token: without a closure.
			(part) => {
				try {
					take(job, part);
				} catch (error) {
					endAfter(job, error);
				}
			},
		);
	};

	const take = (job: Job, part: UpstreamPart): void => {
		if (job.generation.isOver()) return;
		switch (part.type) {
			case "text":
				if (part.text !== "") add(job, "token", part.text);
				return;
			case "reasoning":
				if (part.text !== "") add(job, "reasoning", part.text);
				return;
			case "failure":
				fail(job, part.failure);
				return;
			case "finish":
				if (job.upstream !== undefined) router.report(job.upstream, "ok");
				settle(job, { state: "complete", code: null, finishReason: part.reason, usage: part.usage ?? null });
		}
	};

	const add = (job: Job, type: TokenEvent["type"], text: string): void => {
		const { generation } = job;
		if (generation.state() === "sending") {
			job.firstPartAt = clock.elapsed();
			generation.become("streaming");
		}
		generation.add(type, text);
		if (generation.isLongerThan(policy.maxAnswerBytes)) settle(job, interrupted("limit_reached"));
	};

	const fail: Driver["fail"] = (job, failure) => {
		const { generation, upstream } = job;
		job.call?.cancel();
		if (upstream !== undefined) router.report(upstream, failure.code);
		log.warn({ generation: generation.facts.id, upstream, code: failure.code }, "a model server failed");
		if (failure.evidence !== undefined)
			log.debug({ generation: generation.facts.id, evidence: failure.evidence }, "what the model server said");
		const next = generation.state() === "sending" ? anotherTry(job, failure) : undefined;
		if (next === undefined) {
			// What had arrived is kept: the settler turns a failure after the first token into an interruption.
			settle(job, { ...failed(failure.code), ...(failure.retryAfter === undefined ? {} : { retryAfter: failure.retryAfter }) });
			return;
		}
		next();
		ask(job);
	};

	/** What to change before the job is sent again; `undefined` when it has failed. Only before the first token. */
	const anotherTry = (job: Job, failure: UpstreamFailure): (() => void) | undefined => {
		const shorter = failure.code === "context_too_long" ? halveContext(job.context) : undefined;
		if (shorter !== undefined) {
			return () => {
				job.context = shorter;
			};
		}
		if (job.retried || !isWorthAnotherTry(failure)) return undefined;
		// The same one only when it broke off: it may have been restarted. One that cannot be reached or is busy will not have changed.
		const again = failure.code === "upstream_reset" ? job.upstream : undefined;
		const next = job.ticket.candidates().find((name) => name !== job.upstream) ?? again;
		if (next === undefined) return undefined;
		return () => {
			job.retried = true;
			job.upstream = next;
			queue.move(job.ticket, next);
		};
	};

	const expect: Driver["expect"] = ({ upstreams }) => {
		if (queue.counts().waiting > 0) return;
		const name = upstreams().find((upstream) => queue.busyOf(upstream) < router.slotsOf(upstream));
		if (name !== undefined) router.upstream(name)?.expect?.();
	};

	return { expect, send: (job, upstream) => guard(job, () => begin(job, upstream)), fail, guard };
}

/** Whether another model server may do what this one did not. */
function isWorthAnotherTry({ code }: UpstreamFailure): boolean {
	switch (code) {
		case "upstream_unreachable":
		case "upstream_busy":
		case "upstream_error":
		case "upstream_reset":
		case "upstream_protocol":
			return true;
		default:
			return false;
	}
}
