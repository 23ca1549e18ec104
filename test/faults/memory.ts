// How much memory a process takes, and how much more it took meanwhile. Linux only, as the faults are.

import { readFileSync } from "node:fs";

export type MemoryWatch = AsyncDisposable & {
	/** The most memory of its own that was seen since the watch began, beyond what it had then, in MiB. */
	readonly grownMiB: () => number;
};

/** Looks every millisecond. Pages of files do not count: an idle server gives those of its program back, and reads them again. */
export function watchMemory(pid: number): MemoryWatch {
	const before = ownMiB(pid);
	let most = before;
	const look = () => {
		most = Math.max(most, ownMiB(pid));
	};
	const timer = setInterval(look, 1);
	return {
		grownMiB: () => {
			look();
			return most - before;
		},
		[Symbol.asyncDispose]: async () => clearInterval(timer),
	};
}

/** Memory of the process's own that is resident now, without pages of files. */
export function ownMiB(pid: number): number {
	return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
