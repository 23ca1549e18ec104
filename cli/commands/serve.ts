// `pocketllm serve`: the server in the foreground, from the first line to the last signal.

import { restartWithAllocator } from "../../src/config/allocator.ts";
import { exposedSecrets } from "../../src/config/exposed.ts";
import { PocketError } from "../../src/domain/errors.ts";
import { serve as startServer } from "../../src/wiring.ts";
import { EXIT } from "../exit.ts";
import type { Shell } from "../shell.ts";

export type ServeOptions = {
	readonly host?: string;
	readonly port?: string;
	readonly migrate?: boolean;
	readonly demo?: boolean;
};

/** Resolves when the server has drained and stopped. SIGTERM and SIGINT stop it; the second of them ends the process at once. */
export async function serve(shell: Shell, options: ServeOptions): Promise<void> {
	restartWithAllocator();
	const loaded = await shell.settings({
		...(options.host === undefined ? {} : { host: options.host }),
		...(options.port === undefined ? {} : { port: options.port }),
		...(shell.verbose ? { logLevel: "debug" } : shell.quiet ? { logLevel: "error" } : {}),
	});
	for (const sentence of exposedSecrets(loaded)) shell.say(sentence);
	// A signal that comes while the server still starts counts too: it stops as soon as it has started, or waits no longer for its database.
	const asked = Promise.withResolvers<void>();
	const starting = new AbortController();
	let signals = 0;
	const onSignal = () => {
		signals += 1;
		if (signals > 1) process.exit(EXIT.cancelled);
		asked.resolve();
		starting.abort();
	};
	process.on("SIGTERM", onSignal);
	process.on("SIGINT", onSignal);
	const running = await startServer(loaded, {
		migrate: options.migrate === true,
		demo: options.demo === true,
		print: shell.say,
		terminal: shell.terminal,
		signal: starting.signal,
	}).catch((error: unknown) => {
		if (signals > 0 && error instanceof PocketError && error.code === "cancelled") return undefined;
		throw error;
	});
	if (running === undefined) return;
	await Promise.race([asked.promise, running.stopped]);
	if (signals > 0) {
		shell.say("Stopping; running answers get a moment to end. A second signal stops at once.");
		await running.stop();
	}
	await running.stopped;
}
