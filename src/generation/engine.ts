// The engine's front: begins generations, joins them, finds and stops them. A generation is a job of the server: readers come and go,
// and only the rules in watching.ts, its owner and the shutdown end it. No HTTP and no bytes here.
//
// Order that the guarantees rest on: the turn is durable before the first event and before the model server is asked (G1); text is
// stored at least once a second (G2); the end is stored before it is told (G4); one generation per session (G5, also the store's rule).

import { PocketError } from "../domain/errors.ts";
import type { RunningGeneration, RunningTurn, StopOutcome, StopReason } from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";
import type { Turn } from "../ports/store.ts";
import { planTurn } from "./branching.ts";
import { readNewestAhead } from "./context.ts";
import { createDriver } from "./driving.ts";
import { createElsewhere } from "./elsewhere.ts";
import { createSettler } from "./ending.ts";
import { createEstimator } from "./estimate.ts";
import { Generation } from "./generation.ts";
import { createRegistry, type EngineDependencies, interrupted, type Job, newJob, type Route, type TurnRequest } from "./job.ts";
import { type BegunTurn, createTurnFinder } from "./turns.ts";
import { createWatcher } from "./watching.ts";

export type Engine = ReturnType<typeof createEngine>;

/** How long a new turn waits for the follower of the one before to go: a proxy may report a closed connection late. */
const FOLLOWER_GRACE_MS = 1000;
const LOOK_EVERY_MS = 50;
/** For how long a shutdown waits for the last ends to be stored. */
const LAST_ENDS_MS = 10_000;

export function createEngine(deps: EngineDependencies) {
	const { store, router, queue, clock, log, policy, isStoreShared } = deps;
	const registry = createRegistry();
	const { jobs, bySession, finished } = registry;
	const estimator = createEstimator();
	const settler = createSettler(deps, { registry, estimator });
	const driver = createDriver(deps, settler);
	/** The last `begin` of each session, so that the next waits for it. */
	const beginning = new Map<Id, Promise<unknown>>();
	let closing = false;

	/** Ends a generation and keeps what had arrived. `false` when it is not running here. */
	const stop = (id: Id, reason: StopReason): boolean => {
		const job = jobs.get(id);
		if (job === undefined || job.generation.isOver()) return false;
		log.debug({ generation: id, reason }, "a generation is stopped");
		settler.settle(job, { state: "stopped", code: reason === "signed_out" ? "signed_out" : null, finishReason: "stopped", usage: null });
		return true;
	};

	const watcher = createWatcher(deps, { registry, settler, driver, stop });
	const find = (id: Id): Generation | undefined => jobs.get(id)?.generation ?? finished.find(id);

	const stopSession = async (sessionId: Id): Promise<boolean> => {
		// A turn that is being stored right now is stopped as soon as it stands.
		await beginning.get(sessionId);
		const job = bySession.get(sessionId);
		if (job === undefined) return false;
		stop(job.generation.facts.id, "deleted");
		await job.generation.done;
		return true;
	};

	const describe = ({ generation, upstream, model, request }: Job): RunningGeneration => ({
		id: generation.facts.id,
		sessionId: generation.facts.sessionId,
		user: { id: request.user.id, email: request.user.email },
		state: generation.state(),
		model,
		upstream: upstream ?? null,
		position: generation.position(),
		seq: generation.seq(),
		createdAt: generation.facts.createdAt,
	});

	const elsewhere = createElsewhere(deps, registry, {
		find,
		stop,
		makeWay: (sessionId) => makeWayHere(sessionId, clock.elapsed()),
		stopSession,
		look: (sessionId) => {
			const job = bySession.get(sessionId);
			return job === undefined ? undefined : describe(job);
		},
		list: () => [...jobs.values()].map(describe),
	});

	const finder = createTurnFinder({ store, isStoreShared, find, elsewhere });

	const begin = async (request: TurnRequest, arrivedAt: number): Promise<BegunTurn> => {
		const known = await finder.findTurn(request);
		if (known !== undefined) return known;
		const route = await chooseRoute(request);
		const plan = { sessionId: request.session.id, userId: request.user.id, ask: request.ask, model: route.model };
		// What can be refused is refused before the answer that runs is touched; it is planned anew when that one has ended.
		await planTurn(plan, { store, clock });
		requireRoom();
		await makeWay(request.session.id, arrivedAt);
		for (let isSecond = false; ; isSecond = true) {
			requireRoom();
			const turn = await planTurn(plan, { store, clock });
			try {
				const stored = store.beginTurn(turn);
				// While the disk works; nothing waits for these two here.
				driver.expect(route);
				const readAhead = request.ask.kind === "prompt" ? readNewestAhead(store, request.session.id, policy) : undefined;
				await stored;
				const generation = launch(request, turn, route, readAhead?.());
				// The prompt is on its way when the loop has come round; only then does time go into the answer to the client.
				await new Promise<void>((resolve) => setImmediate(resolve));
				return { kind: "running", generation };
			} catch (error) {
				const joined = await joinOther(request, error, isSecond);
				if (joined !== undefined) return joined;
			}
		}
	};

	/**
	 * Another replica was faster: gives its turn when it is the same, and ends what it has when nobody follows that, once. Else the error is
	 * thrown on, with the generation that is in the way.
	 */
	const joinOther = async (request: TurnRequest, error: unknown, isSecond: boolean): Promise<BegunTurn | undefined> => {
		const code = error instanceof PocketError ? error.code : undefined;
		if (code !== "message_id_conflict" && code !== "generation_in_progress") throw error;
		const known = await (code === "message_id_conflict" ? finder.findRefusedTurn(request) : finder.findTurn(request));
		if (known !== undefined) return known;
		if (code === "message_id_conflict") throw error;
		const other = await finder.findStreaming(request.session.id);
		if (isSecond && other !== undefined) throw new PocketError(code, { extra: { generationId: other.generationId } });
		if (isSecond) throw error;
		await elsewhere.makeWay(request.session.id);
		return undefined;
	};

	/** Codes: `server_shutdown`, `queue_full`. */
	const requireRoom = (): void => {
		if (closing) throw new PocketError("server_shutdown");
		if (!queue.hasRoom()) throw new PocketError("queue_full", { retryAfter: 10 });
	};

	/**
	 * The model that the request names, else the session's. A session's model may be gone, and the existing client names one at random when
	 * it makes a session: then the default answers, and `start` says which that is.
	 */
	const chooseRoute = async ({ model, session }: TurnRequest): Promise<Route> => {
		if (model !== null || session.model === null) return router.choose(model);
		try {
			return await router.choose(session.model);
		} catch (error) {
			if (error instanceof PocketError && error.code === "model_not_found") return router.choose(null);
			throw error;
		}
	};

	/** Ends what runs in the session when nobody follows it. Codes: `generation_in_progress`. */
	const makeWay = async (sessionId: Id, arrivedAt: number): Promise<void> => {
		if (!bySession.has(sessionId)) return elsewhere.makeWay(sessionId);
		return makeWayHere(sessionId, arrivedAt);
	};

	const makeWayHere = async (sessionId: Id, arrivedAt: number): Promise<void> => {
		const generation = bySession.get(sessionId)?.generation;
		if (generation === undefined) return;
		while (!generation.isOver() && isFollowed(generation)) {
			if (generation.followers() > 0 && clock.elapsed() - arrivedAt >= FOLLOWER_GRACE_MS)
				throw new PocketError("generation_in_progress", { extra: { generationId: generation.facts.id } });
			await Bun.sleep(LOOK_EVERY_MS);
		}
		stop(generation.facts.id, "replaced");
		await generation.done;
	};

	/** One that has just begun counts as followed: its reader is about to come. */
	const isFollowed = (generation: Generation): boolean =>
		generation.followers() > 0 || (!generation.wasFollowed() && generation.orphanedFor() < FOLLOWER_GRACE_MS);

	const onReaderError = (error: unknown): void => log.error({ err: error }, "a reader of an answer could not be told");

	const launch = (request: TurnRequest, { userMessage, answer }: Turn, route: Route, readAhead: Job["readAhead"]): Generation => {
		const now = clock.elapsed();
		const generation = new Generation(
			{
				id: answer.generationId ?? answer.id,
				sessionId: request.session.id,
				user: request.user,
				loginId: request.loginId,
				answerId: answer.id,
				userMessageId: userMessage.id,
				clientMessageId: request.ask.kind === "prompt" ? request.ask.clientMessageId : null,
				model: route.model,
				createdAt: answer.createdAt,
			},
			{ elapsed: clock.elapsed, onReaderError },
		);
		const job = newJob({
			generation,
			request,
			prompt: userMessage.content,
			ticket: {
				id: generation.facts.id,
				userId: request.user.id,
				candidates: route.upstreams,
				onTurn: (upstream) => driver.send(job, upstream),
				onPosition: (position) => {
					const slots = route.upstreams().reduce((sum, name) => sum + router.slotsOf(name), 0);
					const etaMs = estimator.estimate(route.model, position, slots);
					generation.setQueued({ type: "queued", position, ...(etaMs === undefined ? {} : { etaMs }) });
				},
			},
			model: route.model,
			readAhead,
			now,
		});
		jobs.set(generation.facts.id, job);
		bySession.set(request.session.id, job);
		elsewhere.announce(generation);
		watcher.start();
		queue.join(job.ticket);
		// Hundreds may wait: they read it when it is their turn.
		job.readAhead = undefined;
		// The turn was stored while the shutdown began: its answer must not stay `streaming`.
		if (closing) settler.settle(job, interrupted("server_shutdown"));
		return generation;
	};

	return {
		/**
		 * Begins a turn, or joins the one with the same client id. Resolves when the turn is durable.
		 * Codes: `message_id_conflict`, `generation_in_progress` (with its generationId), `no_upstream`, `model_not_found`, `queue_full`,
		 * `server_shutdown`, `session_not_found`, and the store's.
		 */
		begin: async (request: TurnRequest): Promise<BegunTurn> => {
			// One after the other within a session: two sends at the same moment must not both find it idle.
			const key = request.session.id;
			const arrivedAt = clock.elapsed();
			const mine = (beginning.get(key) ?? Promise.resolve()).then(() => begin(request, arrivedAt));
			const settled = mine.catch(() => {});
			beginning.set(key, settled);
			try {
				return await mine;
			} finally {
				if (beginning.get(key) === settled) beginning.delete(key);
			}
		},
		/** The turn of a generation, as it can be followed now; `undefined` when this person has none of that id. */
		findTurnOf: finder.findTurnOf,
		/** Whose a generation is that runs here or ended a moment ago. */
		findOwner: (id: Id): Id | undefined => find(id)?.facts.user.id,
		/** What runs in a session now, here or elsewhere. */
		findRunning: async (sessionId: Id): Promise<RunningTurn | undefined> => {
			const generation = bySession.get(sessionId)?.generation;
			if (generation !== undefined) {
				const { id, answerId } = generation.facts;
				return { generationId: id, answerId, state: generation.state(), seq: generation.seq() };
			}
			const found = await elsewhere.look(sessionId);
			if (found !== undefined || !isStoreShared) return found;
			const unheard = await finder.findStreaming(sessionId);
			return unheard === undefined ? undefined : { ...unheard, state: "streaming", seq: 0 };
		},
		/** All that runs or waits, oldest first. */
		findAll: async (): Promise<readonly RunningGeneration[]> =>
			[...[...jobs.values()].map(describe), ...(await elsewhere.list())].sort((a, b) => a.createdAt - b.createdAt),
		/** Whether anything runs or waits here. */
		isBusy: () => jobs.size > 0,
		/** Ends a generation and keeps what had arrived, wherever it runs. */
		stop: async (id: Id, reason: StopReason): Promise<StopOutcome> =>
			find(id) === undefined ? elsewhere.stop(id, reason) : stop(id, reason) ? "stopped" : "over",
		/** Stops what runs in a session and waits until that is stored; harmless when nothing does. */
		stopSession: async (sessionId: Id): Promise<void> => {
			if (!(await stopSession(sessionId))) await elsewhere.stopSession(sessionId);
		},
		/** Stops all that runs or waits here for a person and waits until that is stored; another replica notices by itself that somebody is gone. */
		stopPerson: async (userId: Id): Promise<void> => {
			const theirs = [...jobs.values()].filter(({ request }) => request.user.id === userId);
			for (const { generation } of theirs) stop(generation.facts.id, "signed_out");
			await Promise.all(theirs.map(({ generation }) => generation.done));
		},
		/** Ends all that runs: others took this process for dead, and have ended its answers in the store. */
		cutOff: (): void => {
			for (const job of [...jobs.values()]) settler.settle(job, interrupted("interrupted"));
		},
		/** No new turns; running ones get `graceMs` to end, then are cut off with `server_shutdown`. Resolves when all are stored. */
		close: async (graceMs: number): Promise<void> => {
			closing = true;
			for (const job of jobs.values()) if (job.sentAt === undefined) settler.settle(job, interrupted("server_shutdown"));
			const deadline = clock.elapsed() + graceMs;
			while (jobs.size > 0 && clock.elapsed() < deadline) await Bun.sleep(LOOK_EVERY_MS);
			const rest = [...jobs.values()];
			for (const job of rest) settler.settle(job, interrupted("server_shutdown"));
			// A store that is away must not keep the process for ever; what it has not taken is repaired later.
			await Promise.race([Promise.all(rest.map((job) => job.generation.done)), Bun.sleep(LAST_ENDS_MS)]);
			await elsewhere.close();
			watcher.stop();
		},
	};
}
