// The engine: starts generations, drives each from state to state, and stores what comes of it. A generation is a job of the server:
// readers come and go, and only the rules below end it. No HTTP and no bytes here.
//
// Order that the guarantees rest on: the turn is durable before the first event and before the model server is asked (G1); text is
// stored at least once a second (G2); the end is stored before it is told (G4); one generation per session (G5, also the store's rule).

import { ERROR_SENTENCES, type ErrorCode, PocketError } from "../domain/errors.ts";
import type { FinishReason, GenerationState } from "../domain/generation.ts";
import { messageStatusOf } from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";
import type { Message, Timings, Usage } from "../domain/message.ts";
import type { Session } from "../domain/session.ts";
import type { User } from "../domain/user.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { MessageStore, Turn } from "../ports/store.ts";
import type { PromptMessage, Upstream, UpstreamCall, UpstreamFailure, UpstreamPart } from "../ports/upstream.ts";
import { buildContext, halveContext } from "./context.ts";
import { createGeneration, type Generation } from "./generation.ts";
import type { Queue, Ticket } from "./queue.ts";
import { createTicker } from "./ticker.ts";

/** Milliseconds, where it is a time. */
export type EnginePolicy = {
	readonly firstTokenTimeout: number;
	readonly idleTimeout: number;
	readonly totalTimeout: number;
	readonly orphanTimeout: number;
	readonly yieldTimeout: number;
	readonly heartbeatInterval: number;
	readonly maxAnswerBytes: number;
	readonly contextMessages: number;
	readonly systemPrompt: string | null;
};

/** Which model servers can take a turn. */
export type Router = {
	/** The model that will be asked, and the names of those that serve it. Codes: `no_upstream`, `model_not_found`. */
	choose(model: string | null): Promise<{ readonly model: string | null; readonly upstreams: () => readonly string[] }>;
	upstream(name: string): Upstream | undefined;
	/** What happened with a model server, so that the next turn may go elsewhere. */
	report(name: string, outcome: "ok" | ErrorCode): void;
};

export type EngineDependencies = {
	readonly store: MessageStore;
	readonly router: Router;
	readonly queue: Queue;
	readonly clock: Clock;
	readonly log: Log;
	readonly policy: EnginePolicy;
	/** Whether the login that asked is still good; asked every few seconds while it runs. */
	readonly isLoginGood: (loginId: Id) => Promise<boolean>;
	/** Whether a person may be told to try again. */
	readonly isRetryable: (code: ErrorCode) => boolean;
};

export type TurnRequest = {
	readonly session: Session;
	readonly user: User;
	readonly loginId: Id;
	readonly prompt: string;
	/** The client's own id of the turn; the same one twice joins the first. */
	readonly clientMessageId: string | null;
	readonly model: string | null;
	readonly temperature?: number;
	readonly maxTokens?: number;
};

/** A turn that was found or begun: running here, or over and in the store. */
export type BegunTurn = { readonly kind: "running"; readonly generation: Generation } | { readonly kind: "stored"; readonly turn: Turn };

export type StopReason = "owner" | "orphaned" | "yielded" | "replaced" | "deleted" | "signed_out";

type Job = {
	readonly generation: Generation;
	readonly request: TurnRequest;
	readonly ticket: Ticket;
	readonly createdAt: number;
	model: string | null;
	upstream: string | undefined;
	call: UpstreamCall | undefined;
	context: readonly PromptMessage[];
	retried: boolean;
	sentAt: number | undefined;
	firstPartAt: number | undefined;
	lastPartAt: number;
	savedSeq: number;
	checkedLoginAt: number;
};

type Outcome = {
	readonly state: Extract<GenerationState, "complete" | "stopped" | "interrupted" | "failed">;
	readonly code: ErrorCode | null;
	readonly finishReason: FinishReason | null;
	readonly usage: Usage | null;
};

export type Engine = ReturnType<typeof createEngine>;

const TICK_MS = 100;
const SAVE_EVERY_MS = 1000;
const LOGIN_CHECK_MS = 3000;
/** How long a finished generation can be replayed from here; afterwards from the store. */
const KEEP_FINISHED_MS = 60_000;
/** How long a new turn waits for the follower of the one before to go: a proxy may report a closed connection late. */
const FOLLOWER_GRACE_MS = 1000;

export function createEngine({ store, router, queue, clock, log, policy, isLoginGood, isRetryable }: EngineDependencies) {
	const jobs = new Map<Id, Job>();
	const bySession = new Map<Id, Job>();
	const finished = new Map<Id, { readonly generation: Generation; readonly until: number }>();
	const beginning = new Map<Id, Promise<unknown>>();
	let closing = false;
	let savedAt = clock.elapsed();

	// ---- beginning ----

	const begin = async (request: TurnRequest): Promise<BegunTurn> => {
		const joined = await findTurn(request);
		if (joined !== undefined) return joined;
		await makeWay(request.session.id);
		if (closing) throw new PocketError("server_shutdown");
		const route = await router.choose(request.model ?? request.session.model);
		if (!queue.hasRoom()) throw new PocketError("queue_full", { retryAfter: 10 });
		const turn = newTurn(request, route.model);
		await store.beginTurn(turn);
		return { kind: "running", generation: launch(request, turn, route) };
	};

	/** The turn that this client id names already. Codes: `message_id_conflict`. */
	const findTurn = async ({ session, clientMessageId, prompt }: TurnRequest): Promise<BegunTurn | undefined> => {
		if (clientMessageId === null) return undefined;
		const running = bySession.get(session.id)?.generation;
		if (running !== undefined && running.facts.clientMessageId === clientMessageId) {
			if (running.facts.prompt !== prompt) throw new PocketError("message_id_conflict");
			return { kind: "running", generation: running };
		}
		const turn = await store.findTurn(session.id, clientMessageId);
		if (turn === undefined) return undefined;
		if (turn.userMessage.content !== prompt) throw new PocketError("message_id_conflict");
		const kept = turn.answer.generationId === null ? undefined : find(turn.answer.generationId);
		return kept === undefined ? { kind: "stored", turn } : { kind: "running", generation: kept };
	};

	/** Ends what runs in the session when nobody follows it. Codes: `generation_in_progress`. */
	const makeWay = async (sessionId: Id): Promise<void> => {
		const job = bySession.get(sessionId);
		if (job === undefined) return;
		const deadline = clock.elapsed() + FOLLOWER_GRACE_MS;
		while (job.generation.followers() > 0 && !job.generation.isOver()) {
			if (clock.elapsed() >= deadline)
				throw new PocketError("generation_in_progress", { extra: { generationId: job.generation.facts.id } });
			await Bun.sleep(TICK_MS / 2);
		}
		stop(job.generation.facts.id, "replaced");
		await job.generation.done;
	};

	const newTurn = ({ session, user, prompt, clientMessageId }: TurnRequest, model: string | null): Turn => {
		const now = clock.now();
		const base = {
			sessionId: session.id,
			userId: user.id,
			createdAt: now,
			errorCode: null,
			reasoning: null,
			finishReason: null,
			usage: null,
			timings: null,
		};
		const generationId = clock.newId();
		const userMessage: Message = {
			...base,
			id: clock.newId(),
			role: "user",
			content: prompt,
			status: "sent",
			model: null,
			generationId,
			clientMessageId,
		};
		const answer: Message = {
			...base,
			id: clock.newId(),
			role: "assistant",
			content: "",
			status: "streaming",
			model,
			generationId,
			clientMessageId: null,
		};
		return { userMessage, answer };
	};

	const launch = (request: TurnRequest, { userMessage, answer }: Turn, route: Awaited<ReturnType<Router["choose"]>>): Generation => {
		const now = clock.elapsed();
		const generation = createGeneration(
			{
				id: answer.generationId ?? answer.id,
				sessionId: request.session.id,
				user: request.user,
				loginId: request.loginId,
				answerId: answer.id,
				userMessageId: userMessage.id,
				clientMessageId: request.clientMessageId,
				prompt: request.prompt,
				model: route.model,
			},
			clock.elapsed,
		);
		const job: Job = {
			generation,
			request,
			ticket: {
				id: generation.facts.id,
				userId: request.user.id,
				candidates: route.upstreams,
				onTurn: (upstream) => guard(job, () => send(job, upstream)),
				onPosition: (position) => generation.setQueued({ type: "queued", position }),
			},
			createdAt: now,
			model: route.model,
			upstream: undefined,
			call: undefined,
			context: [],
			retried: false,
			sentAt: undefined,
			firstPartAt: undefined,
			lastPartAt: now,
			savedSeq: 0,
			checkedLoginAt: now,
		};
		jobs.set(generation.facts.id, job);
		bySession.set(request.session.id, job);
		ticker.start();
		queue.join(job.ticket);
		return generation;
	};

	// ---- driving ----

	const send = async (job: Job, upstreamName: string): Promise<void> => {
		job.upstream = upstreamName;
		job.generation.become("sending");
		job.sentAt = clock.elapsed();
		if (job.context.length === 0) job.context = await loadContext(job);
		if (job.generation.isOver()) return;
		ask(job);
	};

	const loadContext = async ({ request, generation }: Job): Promise<PromptMessage[]> => {
		const { sessionId, answerId, userMessageId } = generation.facts;
		// Two more than wanted: the prompt and its empty answer are stored already.
		const { messages } = await store.findMessages(sessionId, { newest: policy.contextMessages + 2 });
		const history = messages.filter((message) => message.id !== answerId && message.id !== userMessageId).slice(-policy.contextMessages);
		return buildContext({ systemPrompt: request.session.systemPrompt ?? policy.systemPrompt, history, prompt: request.prompt });
	};

	const ask = (job: Job): void => {
		const { request } = job;
		const upstream = job.upstream === undefined ? undefined : router.upstream(job.upstream);
		if (upstream === undefined) return settle(job, failed("no_upstream"));
		job.lastPartAt = clock.elapsed();
		job.call = upstream.stream(
			{
				...(job.model === null ? {} : { model: job.model }),
				messages: job.context,
				sessionId: request.session.id,
				...(request.temperature === undefined ? {} : { temperature: request.temperature }),
				...(request.maxTokens === undefined ? {} : { maxTokens: request.maxTokens }),
			},
			(part) => guard(job, () => take(job, part)),
		);
	};

	const take = (job: Job, part: UpstreamPart): void => {
		const { generation } = job;
		if (generation.isOver()) return;
		job.lastPartAt = clock.elapsed();
		if (part.type === "failure") return fail(job, part.failure);
		if (part.type === "finish") {
			if (job.upstream !== undefined) router.report(job.upstream, "ok");
			return settle(job, { state: "complete", code: null, finishReason: part.reason, usage: part.usage ?? null });
		}
		if (part.text === "") return;
		if (generation.state() === "sending") {
			job.firstPartAt = job.lastPartAt;
			generation.become("streaming");
		}
		generation.add(part.type === "text" ? "token" : "reasoning", part.text);
		if (generation.bytes() > policy.maxAnswerBytes)
			settle(job, { state: "interrupted", code: "limit_reached", finishReason: null, usage: null });
	};

	const fail = (job: Job, failure: UpstreamFailure): void => {
		const { generation, upstream } = job;
		if (upstream !== undefined) router.report(upstream, failure.code);
		log.warn({ generation: generation.facts.id, upstream, code: failure.code }, "a model server failed");
		if (failure.evidence !== undefined)
			log.debug({ generation: generation.facts.id, evidence: failure.evidence }, "what the model server said");
		if (generation.state() === "streaming")
			return settle(job, { state: "interrupted", code: failure.code, finishReason: null, usage: null });
		if (failure.code === "context_too_long") {
			const shorter = halveContext(job.context);
			if (shorter !== undefined) {
				job.context = shorter;
				return ask(job);
			}
		}
		const other = job.ticket.candidates().find((name) => name !== upstream);
		if (!job.retried && isWorthAnotherTry(failure) && other !== undefined) {
			job.retried = true;
			job.upstream = other;
			return ask(job);
		}
		settle(job, failed(failure.code));
	};

	/** Runs a step of a job; whatever it throws ends that job alone. */
	const guard = (job: Job, step: () => void | Promise<void>): void => {
		const onError = (error: unknown) => {
			if (job.generation.isOver()) return;
			const code = error instanceof PocketError ? error.code : "internal";
			if (code === "internal") log.error({ generation: job.generation.facts.id, err: error }, "a generation failed unexpectedly");
			settle(job, failed(code));
		};
		try {
			step()?.catch(onError);
		} catch (error) {
			onError(error);
		}
	};

	// ---- ending ----

	/** Ends a job: closes the upstream connection, frees the slot, stores the end, then tells it. */
	const settle = (job: Job, outcome: Outcome): void => {
		const { generation } = job;
		if (generation.isOver()) return;
		generation.become(outcome.state === "failed" && generation.seq() > 0 ? "interrupted" : outcome.state);
		job.call?.cancel();
		queue.leave(job.ticket);
		// The store retries for seconds by itself; nobody waits for this but the readers of this generation.
		storeEnd(job, outcome).catch((error: unknown) =>
			log.error({ generation: generation.facts.id, err: error }, "the end of an answer was not told"),
		);
	};

	const storeEnd = async (job: Job, outcome: Outcome): Promise<void> => {
		const { generation } = job;
		const { facts } = generation;
		let code = outcome.code;
		try {
			const { content, reasoning } = generation.text();
			const state = generation.state();
			const status = messageStatusOf(state);
			await store.finishAnswer({
				messageId: facts.answerId,
				sessionId: facts.sessionId,
				content,
				reasoning: reasoning === "" ? null : reasoning,
				status: status === "streaming" ? "interrupted" : status,
				errorCode: outcome.code,
				model: job.model,
				finishReason: outcome.finishReason,
				usage: outcome.usage,
				timings: timingsOf(job),
				now: clock.now(),
			});
		} catch (error) {
			log.error({ generation: facts.id, err: error }, "an answer could not be stored");
			code = error instanceof PocketError ? error.code : "internal";
		}
		jobs.delete(facts.id);
		if (bySession.get(facts.sessionId) === job) bySession.delete(facts.sessionId);
		finished.set(facts.id, { generation, until: clock.elapsed() + KEEP_FINISHED_MS });
		if (code === null) {
			generation.conclude({
				type: "end",
				messageId: facts.clientMessageId ?? facts.answerId,
				assistantMessageId: facts.answerId,
				finishReason: outcome.finishReason ?? "stop",
				usage: outcome.usage,
			});
		} else {
			generation.conclude({ type: "error", error: ERROR_SENTENCES[code], code, retryable: isRetryable(code) });
		}
	};

	const timingsOf = (job: Job): Timings => {
		const now = clock.elapsed();
		return {
			queuedMs: Math.round((job.sentAt ?? now) - job.createdAt),
			...(job.sentAt === undefined ? {} : { totalMs: Math.round(now - job.sentAt) }),
			...(job.sentAt === undefined || job.firstPartAt === undefined ? {} : { firstTokenMs: Math.round(job.firstPartAt - job.sentAt) }),
		};
	};

	/** Ends a generation and keeps what had arrived. `false` when it is not running here. */
	const stop = (id: Id, reason: StopReason): boolean => {
		const job = jobs.get(id);
		if (job === undefined || job.generation.isOver()) return false;
		log.debug({ generation: id, reason }, "a generation is stopped");
		settle(job, { state: "stopped", code: reason === "signed_out" ? "invalid_token" : null, finishReason: "stopped", usage: null });
		return true;
	};

	// ---- time ----

	const tick = (): void => {
		const now = clock.elapsed();
		for (const job of jobs.values()) guard(job, () => watch(job, now));
		if (now - savedAt >= SAVE_EVERY_MS) {
			savedAt = now;
			save();
		}
		for (const [id, { until }] of finished) if (until <= now) finished.delete(id);
		if (jobs.size === 0 && finished.size === 0) ticker.stop();
	};

	const watch = (job: Job, now: number): void => {
		const { generation } = job;
		if (generation.isOver()) {
			// Its end is being stored; readers are told that somebody is there.
			if (generation.quietFor() >= policy.heartbeatInterval) generation.ping();
			return;
		}
		if (job.sentAt !== undefined) {
			const deadline = generation.state() === "sending" ? policy.firstTokenTimeout : policy.idleTimeout;
			const since = generation.state() === "sending" ? job.sentAt : job.lastPartAt;
			if (now - job.sentAt >= policy.totalTimeout)
				return settle(job, { state: "interrupted", code: "limit_reached", finishReason: null, usage: null });
			if (now - since >= deadline) return fail(job, { code: "upstream_timeout" });
		}
		const orphaned = generation.orphanedFor();
		if (orphaned >= policy.orphanTimeout) return void stop(generation.facts.id, "orphaned");
		if (orphaned >= policy.yieldTimeout && (job.sentAt === undefined || queue.isWantedByOthers(job.ticket)))
			return void stop(generation.facts.id, "yielded");
		if (generation.quietFor() >= policy.heartbeatInterval) generation.ping();
		if (now - job.checkedLoginAt >= LOGIN_CHECK_MS) {
			job.checkedLoginAt = now;
			guard(job, () => checkLogin(job));
		}
	};

	const checkLogin = async (job: Job): Promise<void> => {
		const { loginId, id } = job.generation.facts;
		let isGood = true;
		try {
			isGood = await isLoginGood(loginId);
		} catch (error) {
			// A store that is away for a moment signs nobody out.
			log.debug({ err: error }, "a login could not be checked");
		}
		if (!isGood) stop(id, "signed_out");
	};

	/** Hands the growing answers to the store, all in one write. */
	const save = (): void => {
		const parts = [];
		for (const job of jobs.values()) {
			const { generation } = job;
			if (generation.isOver() || generation.seq() === job.savedSeq) continue;
			job.savedSeq = generation.seq();
			parts.push({ messageId: generation.facts.answerId, ...generation.text() });
		}
		if (parts.length === 0) return;
		store
			.saveProgress(parts)
			.catch((error: unknown) => log.warn({ err: error }, "the answers so far could not be stored; the next second tries again"));
	};

	const ticker = createTicker(TICK_MS, tick, (error) => log.error({ err: error }, "the engine's timer failed"));

	const find = (id: Id): Generation | undefined => jobs.get(id)?.generation ?? finished.get(id)?.generation;

	return {
		/**
		 * Begins a turn, or joins the one with the same client id. Resolves when the turn is durable.
		 * Codes: `message_id_conflict`, `generation_in_progress` (with its generationId), `no_upstream`, `model_not_found`, `queue_full`,
		 * `server_shutdown`, `session_not_found`, and the store's.
		 */
		begin: async (request: TurnRequest): Promise<BegunTurn> => {
			// One after the other within a session: two sends at the same moment must not both see an idle one.
			const key = request.session.id;
			const before = beginning.get(key) ?? Promise.resolve();
			const mine = before.then(() => begin(request));
			const settled = mine.catch(() => {});
			beginning.set(key, settled);
			try {
				return await mine;
			} finally {
				if (beginning.get(key) === settled) beginning.delete(key);
			}
		},
		/** A generation that runs here or ended within the last minute. */
		find,
		/** What runs in a session now. */
		findBySession: (sessionId: Id): Generation | undefined => bySession.get(sessionId)?.generation,
		stop,
		/** Stops what runs in a session and waits until that is stored; harmless when nothing does. */
		stopSession: async (sessionId: Id): Promise<void> => {
			const job = bySession.get(sessionId);
			if (job === undefined) return;
			stop(job.generation.facts.id, "deleted");
			await job.generation.done;
		},
		counts: queue.counts,
		/** No new turns; running ones get `graceMs` to end, then are cut off with `server_shutdown`. Resolves when all are stored. */
		close: async (graceMs: number): Promise<void> => {
			closing = true;
			const deadline = clock.elapsed() + graceMs;
			while (jobs.size > 0 && clock.elapsed() < deadline) await Bun.sleep(TICK_MS / 2);
			const rest = [...jobs.values()];
			for (const job of rest) settle(job, { state: "interrupted", code: "server_shutdown", finishReason: null, usage: null });
			await Promise.all(rest.map((job) => job.generation.done));
			ticker.stop();
		},
	};
}

function failed(code: ErrorCode): Outcome {
	return { state: "failed", code, finishReason: null, usage: null };
}

/** Whether another model server may do what this one did not. */
function isWorthAnotherTry({ code }: UpstreamFailure): boolean {
	return (
		code === "upstream_unreachable" ||
		code === "upstream_busy" ||
		code === "upstream_error" ||
		code === "upstream_reset" ||
		code === "upstream_protocol"
	);
}
