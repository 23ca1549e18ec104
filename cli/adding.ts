// How a command is added to the program, or to a group of it: named here, its module loaded when it is called.

import type { Command } from "commander";
import { createShell, type GlobalOptions, type Shell } from "./shell.ts";

/** Does the work of one command. `load` imports its module, and is called only when the command is. */
export type Run = (command: string, act: () => Promise<void>) => Promise<void>;

/** Adds a command to `parent`: its name, what it does, the module that does it, and examples. */
export type Add = <O>(
	name: string,
	description: string,
	load: () => Promise<(shell: Shell, options: O, args: readonly string[]) => Promise<void>>,
	lines: readonly (readonly [string, string])[],
) => Command;

export function adderTo(parent: Command, run: Run): Add {
	return (name, description, load, lines) =>
		parent
			.command(name)
			.description(description)
			.helpOption("-h, --help", "show this help")
			.addHelpText("after", examples(lines))
			.action(async (...received) => {
				// Commander hands over the arguments one by one, then the options, then the command.
				const command: Command = received.at(-1);
				const shell = createShell(command.optsWithGlobals<GlobalOptions>());
				await run(name, async () => (await load())(shell, received.at(-2), command.args));
			});
}

/** A command that only has commands of its own: `pocketllm users list`. */
export function addGroup(
	program: Command,
	run: Run,
	name: string,
	description: string,
	lines: readonly (readonly [string, string])[],
): Add {
	const group = program
		.command(name)
		.description(description)
		.helpOption("-h, --help", "show this help")
		.addHelpText("after", examples(lines));
	return adderTo(group, run);
}

/** The flags that say where a new password comes from; never an argument. */
export function withPassword(command: Command): Command {
	return command
		.option("--password-stdin", "read the password from standard input")
		.option("--password-file <file>", "read the password from a file")
		.option("--generate-password", "make a password and print it once");
}

/** The end of a help text. */
export function examples(lines: readonly (readonly [string, string])[]): string {
	const width = Math.max(...lines.map(([command]) => command.length));
	const fits = lines.every(([, meaning]) => width + meaning.length + 8 <= 80);
	const rows = lines.map(([command, meaning]) => (fits ? `  $ ${command.padEnd(width)}   # ${meaning}` : `  # ${meaning}\n  $ ${command}`));
	return `\nExamples:\n${rows.join("\n")}`;
}
