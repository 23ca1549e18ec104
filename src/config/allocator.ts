// Settings of the memory allocator that Bun carries (mimalloc), which it reads only when the process starts: so the server starts itself
// once more with them.

import { readEnvironment } from "./environment.ts";

/**
 * How often, in milliseconds, it may look for unused pages to give back to the system. Ten times a second, as it does of itself, is a
 * twentieth of what a thousand slow streams cost; with this the server is as small when they have ended.
 */
const NAME = "MIMALLOC_PURGE_HOLES_MIN_INTERVAL";
const VALUE = "5000";

/**
 * Replaces this process by itself with the allocator's settings in its environment: process id, streams and working folder stay. Returns
 * where they are set already, and where that cannot be done: the server only costs a little more then.
 */
export function restartWithAllocator(): void {
	const environment = readEnvironment();
	const isCompiled = process.argv[1]?.startsWith("/$bunfs/") === true;
	if (process.platform !== "linux" || !isCompiled || process.execve === undefined || environment[NAME] !== undefined) return;
	try {
		process.execve(process.execPath, [process.argv0, ...process.argv.slice(2)], { ...environment, [NAME]: VALUE });
	} catch {
		// The file was replaced or taken away since, or a filter forbids it.
	}
}
