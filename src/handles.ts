// Whether file handles are about to run out. Every connection of a client takes one and every running answer another; with none left,
// Bun accepts nobody and no model server can be asked, so what would only fail half-way is refused while a few are left.

import { readdirSync, readFileSync } from "node:fs";

/** So many are kept for what runs already: files of the database, logs, connections to model servers. */
const FEWEST_LEFT = 12;
/** Counting takes as long as there are handles: half a millisecond for a thousand. */
const LOOK_EVERY_MS = 250;
const LOOK_EVERY_MS_WHEN_FEW = 1000;

/** Gives a question that is asked at each request; always answered with no where handles cannot be counted. `elapsed` in milliseconds. */
export function watchHandles(elapsed: () => number): () => boolean {
	const limit = readLimit();
	if (limit === undefined) return () => false;
	let left = limit;
	let lookAgainAt = 0;
	return () => {
		const now = elapsed();
		if (now >= lookAgainAt) {
			left = limit - countHandles();
			lookAgainAt = now + (left > limit / 2 ? LOOK_EVERY_MS_WHEN_FEW : LOOK_EVERY_MS);
		}
		return left < FEWEST_LEFT;
	};
}

/** The soft limit, which Bun raises to the hard one at its start. */
function readLimit(): number | undefined {
	try {
		const digits = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
		return digits === undefined ? undefined : Number(digits);
	} catch {
		return undefined;
	}
}

function countHandles(): number {
	try {
		return readdirSync("/proc/self/fd").length;
	} catch (error) {
		// Not one is left to open the folder with.
		return error instanceof Error && "code" in error && error.code === "EMFILE" ? Number.POSITIVE_INFINITY : 0;
	}
}
