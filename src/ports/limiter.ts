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

/** A try at a secret: whether it may be made, and the way to say how it was. */
export type Guess = {
	readonly verdict: LimitVerdict;
	/** To be called once for a guess that was allowed; `wrong` counts, anything else is as if it had not been. Never throws. */
	end(outcome: "wrong" | "not wrong"): Promise<void>;
};

export type Limiter = {
	/**
	 * Counts one for `key` under every limit of `name`. `undefined` when this name has no limit.
	 * Never throws and never blocks for long: a limiter that cannot reach its store counts locally.
	 */
	consume(name: LimitName, key: string): Promise<LimitVerdict | undefined>;
	/**
	 * Begins a try at a secret under the limits of `login`: right ones do not add up, wrong ones block the key for a time that grows from
	 * block to block. Tries under way count until they end. `undefined` without a limit. Never throws, as `consume`.
	 */
	guess(key: string): Promise<Guess | undefined>;
	/** Whether counting works as configured; for the readiness report. */
	state(): "ok" | "degraded";
	close(): Promise<void>;
};
