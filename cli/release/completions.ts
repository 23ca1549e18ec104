// Shell completions, from the program's outline. Each is a script to be sourced; none of them runs the program.

import { type CommandOutline, type FlagOutline, isPath, type ProgramOutline } from "./outline.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type ShellName = (typeof SHELLS)[number];

export function completionFor(shell: ShellName, outline: ProgramOutline): string {
	switch (shell) {
		case "bash":
			return bash(outline);
		case "zsh":
			return zsh(outline);
		case "fish":
			return fish(outline);
	}
}

/** The commands that stand behind another one's name: `list` of `users list`. */
function isBelow(command: CommandOutline, group: CommandOutline): boolean {
	return command.name.startsWith(`${group.name} `);
}

const firstWords = (commands: readonly CommandOutline[]) => commands.filter(({ name }) => !name.includes(" "));

function bash({ name, flags, commands }: ProgramOutline): string {
	const words = (list: readonly FlagOutline[]) => list.map(({ long }) => long).join(" ");
	const all = [...flags, ...commands.flatMap((command) => command.flags)];
	const longs = (list: readonly FlagOutline[]) => [...new Set(list.map(({ long }) => long))].join("|") || "--";
	const cases = commands.map(
		(command) => `\t\t"${command.name}") words="${[...command.choices, words([...command.flags, ...flags])].join(" ")}" ;;`,
	);
	return `# bash completion for ${name}
_${name}() {
	local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="" words word
	COMPREPLY=()
	case "$previous" in
		${longs(all.filter(isPath))}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
		${longs(all.filter((flag) => flag.value !== undefined && !isPath(flag)))}) return ;;
	esac
	for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case "\${command:+$command }$word" in
			${commands.map((command) => `"${command.name}"`).join("|")}) command="\${command:+$command }$word" ;;
		esac
	done
	case "$command" in
${cases.join("\n")}
		*) words="${[...firstWords(commands).map((command) => command.name), words(flags)].join(" ")}" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o filenames -F _${name} ${name}
`;
}

function zsh({ name, flags, commands }: ProgramOutline): string {
	const zshText = (text: string) => text.replace(/['[\]:\\]/g, (found) => (found === "'" ? "'\\''" : `\\${found}`));
	const spec = (flag: FlagOutline) =>
		`'${flag.long}[${zshText(flag.description)}]${flag.value === undefined ? "" : `:${flag.value.slice(1, -1)}:${isPath(flag) ? "_files" : " "}`}'`;
	const lastWord = (command: CommandOutline) => command.name.split(" ").at(-1) ?? "";
	const described = (list: readonly CommandOutline[]) =>
		list.map((command) => `'${lastWord(command)}:${zshText(command.description)}'`).join(" ");
	const argumentsOf = (command: CommandOutline) => {
		const values = command.choices.length === 0 ? [] : [`'1:what:(${command.choices.join(" ")})'`];
		return `_arguments ${[...[...command.flags, ...flags].map(spec), ...values].join(" ")}`;
	};
	const caseOf = (command: CommandOutline) => {
		const below = commands.filter((other) => isBelow(other, command));
		if (below.length === 0) return `\t\t\t${command.name}) ${argumentsOf(command)} ;;`;
		const inner = below.map((other) => `\t\t\t\t\t${lastWord(other)}) ${argumentsOf(other)} ;;`);
		return `\t\t\t${command.name})
				commands=(${described(below)})
				_arguments -C ${flags.map(spec).join(" ")} '1: :->command' '*:: :->arguments'
				if [ "$state" = command ]; then _describe command commands; return; fi
				case "\${line[1]}" in
${inner.join("\n")}
				esac ;;`;
	};
	return `#compdef ${name}
_${name}() {
	local -a commands
	commands=(${described(firstWords(commands))})
	local context state state_descr line
	typeset -A opt_args
	_arguments -C ${flags.map(spec).join(" ")} '1: :->command' '*:: :->arguments'
	case "$state" in
		command) _describe command commands ;;
		arguments) case "\${line[1]}" in
${firstWords(commands).map(caseOf).join("\n")}
		esac ;;
	esac
}
if [ "\${funcstack[1]}" = "_${name}" ]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function fish({ name, flags, commands }: ProgramOutline): string {
	const quote = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;
	const line = (flag: FlagOutline, condition: string) =>
		`complete -c ${name}${condition} -l ${flag.long.slice(2)}${flag.short === undefined ? "" : ` -s ${flag.short.slice(1)}`}${
			flag.value === undefined ? "" : isPath(flag) ? " -r -F" : " -x"
		} -d ${quote(flag.description)}`;
	const seen = (words: string) => words.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
	const lines = commands.flatMap((command) => {
		const here = ` -n ${quote(seen(command.name).join("; and "))}`;
		const group = commands.find((other) => isBelow(command, other));
		const siblings = commands.filter((other) => group !== undefined && isBelow(other, group)).map((other) => other.name.split(" ").at(-1));
		const before =
			group === undefined
				? "-n __fish_use_subcommand"
				: `-n ${quote([...seen(group.name), `not __fish_seen_subcommand_from ${siblings.join(" ")}`].join("; and "))}`;
		const isGroup = commands.some((other) => isBelow(other, command));
		return [
			`complete -c ${name} ${before} -a ${command.name.split(" ").at(-1)} -d ${quote(command.description)}`,
			...command.flags.map((flag) => line(flag, here)),
			...(command.choices.length === 0 || isGroup ? [] : [`complete -c ${name}${here} -a ${quote(command.choices.join(" "))}`]),
		];
	});
	return [`# fish completion for ${name}`, `complete -c ${name} -f`, ...flags.map((flag) => line(flag, "")), ...lines, ""].join("\n");
}
