// What the bench ran on: without it no figure means anything.

import { cpus } from "node:os";
import { VERSION } from "../../src/version.ts";

export function describeMachine() {
	const [first] = cpus();
	return {
		cores: cpus().length,
		processor: first?.model.trim() ?? "unknown",
		system: `${process.platform} ${process.arch}`,
		bun: Bun.version,
		pocketllm: VERSION,
		at: new Date().toISOString(),
	};
}
