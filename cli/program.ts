// The commander program: every command, flag and example by name. Nothing runs here and no command's module is loaded here;
// `run` is handed what is to be done. Completions and the man page are made from this very program.

import { Command } from "commander";
import { VERSION } from "../src/version.ts";
import { createShell, type GlobalOptions, type Shell } from "./shell.ts";

/** Does the work of one command. `load` imports its module, and is called only when the command is. */
export type Run = (shell: Shell, act: (shell: Shell) => Promise<void>) => Promise<void>;

export function createProgram(run: Run): Command {
	const program = new Command("pocketllm")
		.description("Share your model server with the people around you: accounts, history, fair limits and streamed answers in one program.")
		.version(`pocketllm ${VERSION}`, "-V, --version", "say which version this is")
		.helpOption("-h, --help", "show this help")
		.option("--data-dir <dir>", "the data folder (default: POCKETLLM_DATA_DIR, or ~/.local/share/pocketllm)")
		.option("--config <file>", "the config file (default: pocketllm.env in the data folder)")
		.option("--json", "print data, and errors, as one line of JSON")
		.option("--no-color", "print without colours (so does NO_COLOR)")
		.option("--quiet", "print only data and errors")
		.option("--verbose", "say more; show where an error came from")
		.configureHelp({ showGlobalOptions: true, sortSubcommands: false, styleTitle: (title) => title })
		.addHelpText(
			"after",
			examples([
				["pocketllm init", "a short conversation that sets it up"],
				["pocketllm serve", "start on http://127.0.0.1:9000"],
				["pocketllm serve --demo", "the same with a built-in demo model"],
				["pocketllm create-admin", "make an administrator, also while the server runs"],
				["pocketllm config", "the settings in force, with their origin"],
			]),
		);

	const add = <O>(
		name: string,
		description: string,
		load: () => Promise<(shell: Shell, options: O) => Promise<void>>,
		lines: readonly (readonly [string, string])[],
	): Command =>
		program
			.command(name)
			.description(description)
			.helpOption("-h, --help", "show this help")
			.addHelpText("after", examples(lines))
			.action(async (options: O, command: Command) => {
				const shell = createShell(command.optsWithGlobals<GlobalOptions>());
				await run(shell, async () => (await load())(shell, options));
			});

	add("serve", "Run the server in the foreground.", async () => (await import("./commands/serve.ts")).serve, [
		["pocketllm serve", "listen on 127.0.0.1, port 9000"],
		["pocketllm serve --host 0.0.0.0 --port 8000", "for every network of this machine"],
		["pocketllm serve --demo", "try out clients without a model server"],
	])
		.option("--host <host>", "the address to listen on (HOST)")
		.option("--port <port>", "the port to listen on; 0 takes a free one (PORT)")
		.option("--migrate", "bring an older database to this version first, after a backup")
		.option("--demo", "add a built-in demo model that needs no model server");

	add("version", "Say which version this is, and what it runs on.", async () => (await import("./commands/version.ts")).version, [
		["pocketllm version --json", "for scripts and bug reports"],
	]);

	add(
		"config",
		"Show the settings in force and where each came from; secrets are hidden.",
		async () => (await import("./commands/config.ts")).config,
		[
			["pocketllm config", "every setting, its origin and its value"],
			["pocketllm config --json", "the same for scripts"],
		],
	);

	for (const command of [program, ...program.commands]) {
		command.exitOverride().configureOutput({
			getOutHelpWidth: () => Math.min(process.stdout.columns ?? 80, 80),
			getErrHelpWidth: () => Math.min(process.stderr.columns ?? 80, 80),
			// The one place that tells of errors is report.ts.
			outputError: () => undefined,
		});
	}
	return program;
}

function examples(lines: readonly (readonly [string, string])[]): string {
	const width = Math.max(...lines.map(([command]) => command.length));
	const fits = lines.every(([, meaning]) => width + meaning.length + 8 <= 80);
	const rows = lines.map(([command, meaning]) => (fits ? `  $ ${command.padEnd(width)}   # ${meaning}` : `  # ${meaning}\n  $ ${command}`));
	return `\nExamples:\n${rows.join("\n")}`;
}
