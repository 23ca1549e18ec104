// How evenly tokens come, as one reader sees it.

import type { EventStream } from "../support/event-stream.ts";

/** Milliseconds between each token and the next, from now until `isOver` says so or the stream ends. */
export async function measureGaps(stream: EventStream, isOver: () => boolean): Promise<number[]> {
	const gaps: number[] = [];
	let last = performance.now();
	while (!isOver()) {
		const event = await stream.until(({ type }) => type === "token" || type === "end" || type === "error");
		if (event.type !== "token") return gaps;
		const now = performance.now();
		gaps.push(now - last);
		last = now;
	}
	return gaps;
}

/** The value below which this share of them lies; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
