// Ctrl-C. Most commands just end by it, at once: what goes on meanwhile must not go on to write. A command that must end something first
// says so, and then a second Ctrl-C ends it at once.

import { EXIT } from "./exit.ts";

let end: (() => void) | undefined;

/** Calls this at the first Ctrl-C in place of ending. */
export function onInterruption(act: () => void): void {
	end = act;
}

/** Makes Ctrl-C end the process, unless somebody asks for something else. */
export function watchInterruptions(): void {
	process.on("SIGINT", () => {
		const act = end;
		end = undefined;
		if (act !== undefined) return act();
		process.stderr.write("\npocketllm: Cancelled.\n");
		process.exit(EXIT.cancelled);
	});
}
