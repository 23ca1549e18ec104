// `pocketllm version`: what somebody who helps needs to know first.

import { VERSION } from "../../src/version.ts";
import type { Shell } from "../shell.ts";

// Put in by cli/release/compile.ts; not there when run from a checkout.
declare const POCKETLLM_COMMIT: string | undefined;

export async function version(shell: Shell): Promise<void> {
	const commit = typeof POCKETLLM_COMMIT === "string" ? POCKETLLM_COMMIT : null;
	const platform = `${process.platform}-${process.arch}`;
	shell.give({
		text: [`pocketllm  ${VERSION}`, `commit     ${commit ?? "unknown"}`, `bun        ${Bun.version}`, `platform   ${platform}`].join("\n"),
		json: { version: VERSION, commit, bun: Bun.version, platform },
	});
}
