// Counting what somebody does, and saying no in time.

/** `count` in a window of `seconds`. */
export type RateLimit = { readonly count: number; readonly seconds: number };

/** What the strictest of a policy's limits says after this request. */
export type LimitVerdict = {
	readonly allowed: boolean;
	readonly limit: RateLimit;
	/** How many are left in the window. */
	readonly remaining: number;
	/** Seconds until the window starts anew; never more than the window. */
	readonly resetSeconds: number;
};

/** Names of the things that are counted apart from one another. */
export type LimitName = "global" | "login" | "signup" | "chat";

export type Limiter = {
	/**
	 * Counts one for `key` under every limit of `name`. `undefined` when this name has no limit.
	 * Never throws and never blocks for long: a limiter that cannot reach its store counts locally.
	 */
	consume(name: LimitName, key: string): Promise<LimitVerdict | undefined>;
	/** Whether counting works as configured; for the readiness report. */
	state(): "ok" | "degraded";
	close(): Promise<void>;
};
