// The commander program as plain data: what completions and the man page are made from, so that neither can name a flag that is not there.

import type { Command, Option } from "commander";

export type FlagOutline = {
	/** `--port` */
	readonly long: string;
	/** `-h` */
	readonly short: string | undefined;
	/** `<port>`; without it the flag stands alone. */
	readonly value: string | undefined;
	readonly description: string;
};

export type CommandOutline = {
	/** Of a command within a group both words: `users list`. */
	readonly name: string;
	readonly description: string;
	readonly flags: readonly FlagOutline[];
	/** What may stand behind the command, where that is a closed set; of a group its commands. */
	readonly choices: readonly string[];
};

export type ProgramOutline = {
	readonly name: string;
	readonly description: string;
	/** Before or after every command. */
	readonly flags: readonly FlagOutline[];
	/** Each group stands before its commands. */
	readonly commands: readonly CommandOutline[];
};

const HELP: FlagOutline = { long: "--help", short: "-h", value: undefined, description: "show help" };

export function outlineOf(program: Command): ProgramOutline {
	return {
		name: program.name(),
		description: program.description(),
		flags: [...program.options.map(flagOf), HELP],
		commands: commandsOf(program, ""),
	};
}

function commandsOf(parent: Command, prefix: string): CommandOutline[] {
	return parent.commands.flatMap((command) => [
		{
			name: prefix + command.name(),
			description: command.description(),
			flags: command.options.map(flagOf),
			choices: [
				...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
				...command.commands.map((below) => below.name()),
			],
		},
		...commandsOf(command, `${prefix}${command.name()} `),
	]);
}

function flagOf({ long, short, flags, description }: Option): FlagOutline {
	return { long: long ?? "", short, value: /<[^>]+>/.exec(flags)?.[0], description };
}

/** Whether the value of a flag is a path, to be completed as one. */
export function isPath(flag: FlagOutline): boolean {
	return flag.value === "<file>" || flag.value === "<dir>";
}
