// Notices when a server has nothing to do.

export type IdleWatch = {
	/** Something happens. */
	readonly touch: () => void;
	readonly stop: () => void;
};

export type IdleOptions = {
	/** Milliseconds without anything happening that count as idle. */
	readonly quiet: number;
	/** Milliseconds at least between two calls of `onIdle`, so that a server that is asked now and then is left alone. */
	readonly gap: number;
	/** Whether something goes on that `touch` does not tell of. */
	readonly isBusy: () => boolean;
	/** Called once for each idle time. */
	readonly onIdle: () => void;
};

export function watchIdle({ quiet, gap, isBusy, onIdle }: IdleOptions): IdleWatch {
	let isTouched = false;
	let isTold = false;
	let toldAt = Number.NEGATIVE_INFINITY;
	const timer = setInterval(() => {
		if (isTouched || isBusy()) isTold = false;
		else if (!isTold && performance.now() - toldAt >= gap) {
			isTold = true;
			toldAt = performance.now();
			onIdle();
		}
		isTouched = false;
	}, quiet);
	return {
		touch: () => {
			isTouched = true;
		},
		stop: () => clearInterval(timer),
	};
}
