// Medians, percentiles and spreads. Plain arithmetic.

import type { Spread } from "./plan.ts";

export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	const upper = sorted[middle] ?? Number.NaN;
	return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Sorts the samples in place. Without any, all three are NaN. */
export function spreadOf(samples: Float64Array): Spread {
	samples.sort();
	const at = (share: number): number => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? Number.NaN;
	return { p50: at(0.5), p99: at(0.99), max: samples.at(-1) ?? Number.NaN };
}

/** The median of each member over several passes. */
export function medianSpread(spreads: readonly Spread[]): Spread {
	return {
		p50: median(spreads.map(({ p50 }) => p50)),
		p99: median(spreads.map(({ p99 }) => p99)),
		max: median(spreads.map(({ max }) => max)),
	};
}
