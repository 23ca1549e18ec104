// How far a move has come, for whoever shows it: rows, rate, time left. Also the place where a long run lets others have their turn, and
// where it ends when it is cancelled.

import { PocketError } from "../domain/errors.ts";
import type { CopyCollection } from "../ports/copy.ts";

/** `look`: the source is looked through before anything is written. `verify`: both sides are read back. */
export type MoveStage = "look" | "copy" | "verify";

export type MoveProgress = {
	readonly stage: MoveStage;
	readonly collection: CopyCollection;
	/** Rows of all collections of this stage; `total` is `null` while nobody knows. */
	readonly done: number;
	readonly total: number | null;
	/** Rows a second of this stage, in this run. */
	readonly rate: number;
	/** Seconds until the stage ends at that rate. */
	readonly secondsLeft: number | null;
};

export type Tracker = {
	/** Counts rows. Rejects with `cancelled` once the signal is given. */
	advance(collection: CopyCollection, rows: number): Promise<void>;
	/** As the last `advance`, to be shown in any case. */
	readonly last: () => MoveProgress | undefined;
};

export type TrackerOptions = {
	readonly stage: MoveStage;
	readonly total: number | null;
	/** Rows that a run before has done. */
	readonly done: number;
	/** Milliseconds on a monotonic clock. */
	readonly elapsed: () => number;
	readonly signal: AbortSignal;
	readonly onProgress: (progress: MoveProgress) => void;
};

/** Between two turns of everybody else: signals, timers, the connection's heartbeat. */
const ROWS_AT_ONCE = 500;

export function createTracker({ stage, total, done: before, elapsed, signal, onProgress }: TrackerOptions): Tracker {
	const begun = elapsed();
	let done = before;
	let untold = 0;
	let last: MoveProgress | undefined;
	return {
		last: () => last,
		async advance(collection, rows) {
			done += rows;
			untold += rows;
			if (untold < ROWS_AT_ONCE) return;
			untold = 0;
			const seconds = (elapsed() - begun) / 1000;
			const rate = seconds > 0 ? (done - before) / seconds : 0;
			const secondsLeft = total === null || rate === 0 ? null : Math.max(0, total - done) / rate;
			last = { stage, collection, done, total, rate, secondsLeft };
			onProgress(last);
			await new Promise<void>((resolve) => setImmediate(resolve));
			if (signal.aborted) throw cancelled();
		},
	};
}

function cancelled(): PocketError {
	return new PocketError("cancelled", {
		sentence: "Cancelled. The source is as it was; what was copied is kept, and the same command goes on from there.",
	});
}
