// How long a waiting turn will wait, learned from how long the answers of its model took lately. No promise, a help for patience.

export type Estimator = {
	/** An answer of this model held its slot for so many milliseconds. */
	note(model: string | null, milliseconds: number): void;
	/** Milliseconds until the turn at this position (from 1) gets one of so many slots; `undefined` while nothing is known of the model. */
	estimate(model: string | null, position: number, slots: number): number | undefined;
};

/** The share of the newest answer in the mean: high enough to follow a model that was swapped, low enough not to jump. */
const WEIGHT = 0.2;
/** Models that are remembered; names come from requests, so there is a bound. */
const MAX_MODELS = 200;

export function createEstimator(): Estimator {
	const means = new Map<string, number>();
	return {
		note: (model, milliseconds) => {
			const name = model ?? "";
			const mean = means.get(name);
			if (mean === undefined && means.size >= MAX_MODELS) return;
			means.set(name, mean === undefined ? milliseconds : mean + WEIGHT * (milliseconds - mean));
		},
		estimate: (model, position, slots) => {
			const mean = means.get(model ?? "");
			return mean === undefined ? undefined : Math.round((mean * position) / Math.max(1, slots));
		},
	};
}
