// Notices when a server has nothing to do.

export type IdleWatch = {
	/** Something happens. */
	readonly touch: () => void;
	readonly stop: () => void;
};

export type IdleOptions = {
	/** Milliseconds after the start, and afterwards, without anything happening. */
	readonly first: number;
	readonly later: number;
	/** Whether something goes on that `touch` does not tell of. */
	readonly isBusy: () => boolean;
	/** Called once for each idle time. */
	readonly onIdle: () => void;
};

export function watchIdle({ first, later, isBusy, onIdle }: IdleOptions): IdleWatch {
	let isTouched = false;
	let isTold = false;
	let timer = setTimeout(look, first);
	function look(): void {
		const isIdle = !isTouched && !isBusy();
		if (isIdle && !isTold) onIdle();
		isTold = isIdle;
		isTouched = false;
		timer = setTimeout(look, later);
	}
	return {
		touch: () => {
			isTouched = true;
		},
		stop: () => clearTimeout(timer),
	};
}
