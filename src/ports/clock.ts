// Time and randomness, as the rules need them from outside.

import type { Id } from "../domain/id.ts";

export type Clock = {
	/** Milliseconds since 1970, UTC; may jump when somebody sets the clock. For what is stored and shown. */
	now(): number;
	/** Milliseconds that only grow; for deadlines and durations. */
	elapsed(): number;
	/** A new id. */
	newId(): Id;
};
