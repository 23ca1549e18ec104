// What the server says of its own state.

import type { Clock } from "../ports/clock.ts";
import type { Limiter } from "../ports/limiter.ts";
import type { Replicas } from "../ports/replicas.ts";
import type { Store } from "../ports/store.ts";

export type HealthDependencies = {
	readonly store: Pick<Store, "kind" | "check">;
	readonly limiter: Limiter;
	/** `undefined`: there are none. */
	readonly replicas: Pick<Replicas, "state"> | undefined;
	/** Handed over from the models feature. */
	readonly upstreams: () => readonly { readonly name: string; readonly status: string }[];
	readonly isDraining: () => boolean;
	readonly clock: Clock;
	readonly version: string;
};

export type HealthService = ReturnType<typeof createHealthService>;

/** The store is asked at most this often: anybody may call, and each look is a durable write. */
const FRESH_MS = 1000;

export function createHealthService({ store, limiter, replicas, upstreams, isDraining, clock, version }: HealthDependencies) {
	let look: { readonly at: number; readonly result: Promise<boolean> } | undefined;
	const isStoreThere = (): Promise<boolean> => {
		if (look === undefined || clock.elapsed() - look.at >= FRESH_MS) {
			look = {
				at: clock.elapsed(),
				result: store.check().then(
					() => true,
					() => false,
				),
			};
		}
		return look.result;
	};
	return {
		/** The name is the old gateway's: existing clients compare it. */
		about: () => ({ status: "ok", service: "pocketLLM Backend", version }),
		readiness: async () => {
			const isThere = await isStoreThere();
			const draining = isDraining();
			return {
				status: isThere && !draining ? "ready" : "unavailable",
				...(draining ? { draining } : {}),
				store: { kind: store.kind, status: isThere ? "ok" : "unavailable" },
				limiter: { status: limiter.state() },
				...(replicas === undefined ? {} : { replicas: { status: replicas.state() } }),
				upstreams: upstreams().map(({ name, status }) => ({ name, status })),
			};
		},
	};
}
