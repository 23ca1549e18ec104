// The shell's door: parses the command line, runs the one command that was called, and turns what went wrong into one sentence and an
// exit status. What the commands are called stands in program.ts; what they do, in commands/.

import { forbidColor } from "../src/config/environment.ts";
import { EXIT } from "./exit.ts";
import { createProgram } from "./program.ts";

const argv = process.argv.slice(2);
const own = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;

// A reader that has seen enough (`pocketllm config | head -1`) is no failure; there is nobody left to tell of one either.
for (const stream of [process.stdout, process.stderr]) {
	stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? EXIT.done : EXIT.failed));
}

/** Ends the process when everything printed has left it. */
function leave(status: number): void {
	process.stdout.write("", () => process.stderr.write("", () => process.exit(status)));
}

function interrupted(): void {
	process.stderr.write("\npocketllm: Cancelled.\n");
	process.exit(EXIT.cancelled);
}

try {
	if (own.includes("--no-color")) forbidColor();
	const program = createProgram((command, act) => {
		// `serve` drains at a signal. Between two prompts, and in every other command, Ctrl-C just ends it; at a prompt it is a key.
		if (command !== "serve") process.once("SIGINT", interrupted);
		return act();
	});
	if (argv.length === 0) program.help({ error: true });
	await program.parseAsync(argv, { from: "user" });
	leave(EXIT.done);
} catch (error) {
	const { isAskedFor, reportOf } = await import("./report.ts");
	if (isAskedFor(error)) leave(EXIT.done);
	else if (argv.length === 0) leave(EXIT.wrongUse);
	else {
		const { status, text } = reportOf(error, { json: own.includes("--json"), verbose: own.includes("--verbose") });
		process.stderr.write(`${text}\n`);
		leave(status);
	}
}
