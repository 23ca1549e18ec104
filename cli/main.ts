// The shell's door: parses the command line, runs the one command that was called, and turns what went wrong into one sentence and an
// exit status. What the commands are called stands in program.ts; what they do, in commands/.

import { forbidColor } from "../src/config/environment.ts";
import { EXIT, type ExitStatus } from "./exit.ts";
import { watchInterruptions } from "./interruption.ts";
import { write, written } from "./output.ts";
import { createProgram } from "./program.ts";

const argv = process.argv.slice(2);
const own = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;

/** Ends the process when everything printed has left it. */
async function leave(status: ExitStatus): Promise<never> {
	const failure = await written();
	// A reader that has seen enough (`pocketllm config | head -1`) is no failure. Data that could not be written is one.
	if (failure === undefined || failure.code === "EPIPE") process.exit(status);
	write("stderr", `pocketllm: The output cannot be written (${failure.code ?? "unknown reason"}).\n`);
	await written();
	process.exit(EXIT.failed);
}

try {
	if (own.includes("--no-color")) forbidColor();
	const program = createProgram((command, act) => {
		// `serve` drains at a signal. Between two prompts, and in every other command, Ctrl-C just ends it; at a prompt it is a key.
		if (command !== "serve") watchInterruptions();
		return act();
	});
	if (argv.length === 0) program.help({ error: true });
	await program.parseAsync(argv, { from: "user" });
	await leave(EXIT.done);
} catch (error) {
	const { isAskedFor, isHelpInstead, reportOf } = await import("./report.ts");
	if (isAskedFor(error)) await leave(EXIT.done);
	if (isHelpInstead(error)) await leave(EXIT.wrongUse);
	const { status, text } = reportOf(error, { json: own.includes("--json"), verbose: own.includes("--verbose") });
	write("stderr", `${text}\n`);
	await leave(status);
}
