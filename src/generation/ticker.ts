// A timer that runs only while there is something to watch, and that no exception can end.

export type Ticker = { readonly start: () => void; readonly stop: () => void };

/** Calls `tick` every `milliseconds` between `start` and `stop`; both are harmless when repeated. */
export function createTicker(milliseconds: number, tick: () => void, onError: (error: unknown) => void): Ticker {
	let timer: ReturnType<typeof setInterval> | undefined;
	return {
		start: () => {
			timer ??= setInterval(() => {
				try {
					tick();
				} catch (error) {
					// An exception in a timer would end the process.
					onError(error);
				}
			}, milliseconds);
		},
		stop: () => {
			clearInterval(timer);
			timer = undefined;
		},
	};
}
