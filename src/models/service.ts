// What the model servers offer right now, and which of them takes a turn. Looks are cached for a few seconds; a server that failed is
// left alone for a growing pause.

import { type ErrorCode, PocketError } from "../domain/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Upstream, UpstreamModel, UpstreamReport } from "../ports/upstream.ts";

export type ModelDependencies = {
	readonly clock: Clock;
	readonly log: Log;
	readonly defaultModel: string | null;
	/** Slots of a server that does not tell. */
	readonly standardSlots: number;
};

export type UpstreamStatus = "up" | "down" | "unknown";

export type UpstreamState = {
	readonly name: string;
	readonly kind: Upstream["kind"];
	readonly status: UpstreamStatus;
	readonly slots: number;
	readonly models: readonly UpstreamModel[];
};

export type ModelOffer = { readonly upstream: string; readonly model: UpstreamModel };

type Entry = {
	readonly upstream: Upstream;
	status: UpstreamStatus;
	report: UpstreamReport;
	lookedAt: number;
	looking: Promise<void> | undefined;
	failures: number;
	/** Left alone until then (on the monotonic clock). */
	pausedUntil: number;
};

const FRESH_MS = 10_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
const CONNECTION_FAILURES: ReadonlySet<string> = new Set<ErrorCode>([
	"upstream_unreachable",
	"upstream_timeout",
	"upstream_error",
	"upstream_auth",
	"upstream_protocol",
]);

export type ModelService = ReturnType<typeof createModelService>;

export function createModelService({ clock, log, defaultModel, standardSlots }: ModelDependencies) {
	let entries: readonly Entry[] = [];

	const inspect = async (entry: Entry): Promise<void> => {
		try {
			entry.report = await entry.upstream.inspect();
			note(entry, "up");
			entry.failures = 0;
			entry.pausedUntil = 0;
		} catch (error) {
			const code = error instanceof PocketError ? error.code : "internal";
			if (code === "internal") log.error({ upstream: entry.upstream.name, err: error }, "a look at a model server failed unexpectedly");
			note(entry, "down", code);
		} finally {
			entry.lookedAt = clock.elapsed();
			entry.looking = undefined;
		}
	};

	const note = (entry: Entry, status: UpstreamStatus, code?: string): void => {
		if (entry.status === status) return;
		entry.status = status;
		if (status === "up")
			log.info({ upstream: entry.upstream.name, models: entry.report.models.map((model) => model.id) }, "a model server is there");
		else log.warn({ upstream: entry.upstream.name, code }, "a model server cannot be used; it is tried again at the next request");
	};

	const refresh = async (entry: Entry): Promise<void> => {
		if (entry.lookedAt > 0 && clock.elapsed() - entry.lookedAt < FRESH_MS && entry.status === "up") return;
		if (entry.looking === undefined && entry.status === "down" && clock.elapsed() - entry.lookedAt < FIRST_PAUSE_MS) return;
		entry.looking ??= inspect(entry);
		await entry.looking;
	};

	const refreshAll = async (): Promise<void> => {
		await Promise.all(entries.map(refresh));
	};

	const look = (): void => {
		for (const entry of entries) {
			if (entry.lookedAt > 0) refresh(entry).catch((error: unknown) => log.error({ err: error }, "a look at a model server failed"));
		}
	};

	const isUsable = (entry: Entry): boolean => entry.pausedUntil <= clock.elapsed();

	const slotsOf = (name: string): number => {
		const entry = entries.find((candidate) => candidate.upstream.name === name);
		return entry?.upstream.configuredSlots ?? entry?.report.slots ?? standardSlots;
	};

	const modelsOf = (entry: Entry): readonly UpstreamModel[] => {
		const pinned = entry.upstream.pinnedModel;
		if (pinned === undefined) return entry.report.models;
		const known = entry.report.models.find((model) => model.id === pinned);
		return [known ?? { id: pinned }];
	};

	const serves = (entry: Entry, model: string | null): boolean => model === null || modelsOf(entry).some((offered) => offered.id === model);

	/** The servers that can be asked for a model, the preferred first. */
	const candidatesFor = (model: string | null): readonly Entry[] => {
		const byName = entries.filter((entry) => serves(entry, model));
		if (byName.length > 0) return byName;
		// A model-management service is never told a model, and the existing client names one that its old gateway dropped.
		const nameless = entries.filter(({ upstream }) => upstream.kind === "model-management");
		// Servers that are down may well serve it: asking them gives the true error.
		return nameless.length > 0 ? nameless : entries.filter((entry) => entry.status !== "up");
	};

	return {
		/** Sets the model servers, in the order of preference. */
		use: (upstreams: readonly Upstream[]): void => {
			entries = upstreams.map((upstream) => ({
				upstream,
				status: "unknown",
				report: { models: [] },
				lookedAt: 0,
				looking: undefined,
				failures: 0,
				pausedUntil: 0,
			}));
		},

		/** What is offered right now. Looks at servers whose last look is old; takes at most 5 s. */
		findModels: async (): Promise<readonly ModelOffer[]> => {
			await refreshAll();
			return entries
				.filter((entry) => entry.status === "up")
				.flatMap((entry) => modelsOf(entry).map((model) => ({ upstream: entry.upstream.name, model })));
		},

		/** The state of each server as last seen, without a new look. */
		states: (): readonly UpstreamState[] =>
			entries.map((entry) => ({
				name: entry.upstream.name,
				kind: entry.upstream.kind,
				status: entry.status,
				slots: slotsOf(entry.upstream.name),
				models: modelsOf(entry),
			})),

		refreshAll,
		slotsOf,

		look,

		/** See the engine's Router. */
		choose: async (wanted: string | null): Promise<{ model: string | null; upstreams: () => readonly string[] }> => {
			if (entries.length === 0) throw new PocketError("no_upstream");
			// A look is needed only while nothing is known; a turn must not wait for one that is merely old.
			await Promise.all(entries.filter((entry) => entry.lookedAt === 0).map(refresh));
			look();
			const model = wanted ?? defaultModel ?? entries.flatMap(modelsOf)[0]?.id ?? null;
			if (candidatesFor(model).length === 0) throw new PocketError("model_not_found");
			return {
				model,
				// Asked anew each time: a server may come back, or offer the model, while a turn waits.
				upstreams: () => {
					const candidates = candidatesFor(model);
					const usable = candidates.filter(isUsable);
					return (usable.length > 0 ? usable : candidates).map((entry) => entry.upstream.name);
				},
			};
		},

		upstream: (name: string): Upstream | undefined => entries.find((entry) => entry.upstream.name === name)?.upstream,

		/** A turn ended well or badly there. */
		report: (name: string, outcome: "ok" | ErrorCode): void => {
			const entry = entries.find((candidate) => candidate.upstream.name === name);
			if (entry === undefined) return;
			if (outcome === "ok") {
				entry.failures = 0;
				entry.pausedUntil = 0;
				note(entry, "up");
				return;
			}
			if (!CONNECTION_FAILURES.has(outcome)) return;
			entry.failures += 1;
			entry.pausedUntil = clock.elapsed() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (entry.failures - 1));
			if (outcome === "upstream_unreachable" || outcome === "upstream_auth") note(entry, "down", outcome);
		},
	};
}
