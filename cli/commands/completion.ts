// `pocketllm completion SHELL`: a script for the shell to source, made from the program as it is.

import { PocketError } from "../../src/domain/errors.ts";
import { createProgram } from "../program.ts";
import { completionFor, SHELLS } from "../release/completions.ts";
import { outlineOf } from "../release/outline.ts";
import type { Shell } from "../shell.ts";

export async function completion(shell: Shell, _options: object, [wanted]: readonly string[]): Promise<void> {
	const name = SHELLS.find((known) => known === wanted);
	if (name === undefined) throw new PocketError("wrong_use", { sentence: `Give one of: ${SHELLS.join(", ")}.` });
	const script = completionFor(name, outlineOf(createProgram(async () => undefined)));
	shell.give({ text: script.trimEnd(), json: { shell: name, script } });
}
