// Shell completions, from the program's outline. Each is a script to be sourced; none of them runs the program.

import { type FlagOutline, isPath, type ProgramOutline } from "./outline.ts";

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

function bash({ name, flags, commands }: ProgramOutline): string {
	const words = (list: readonly FlagOutline[]) => list.map(({ long }) => long).join(" ");
	const all = [...flags, ...commands.flatMap((command) => command.flags)];
	const longs = (list: readonly FlagOutline[]) => [...new Set(list.map(({ long }) => long))].join("|") || "--";
	const cases = commands.map(
		(command) => `\t\t${command.name}) words="${[...command.choices, words([...command.flags, ...flags])].join(" ")}" ;;`,
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
		case "$word" in
			${commands.map((command) => command.name).join("|")}) command="$word"; break ;;
		esac
	done
	case "$command" in
${cases.join("\n")}
		*) words="${[...commands.map((command) => command.name), words(flags)].join(" ")}" ;;
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
	const cases = commands.map((command) => {
		const specs = [...command.flags, ...flags].map(spec);
		const values = command.choices.length === 0 ? [] : [`'1:what:(${command.choices.join(" ")})'`];
		return `\t\t\t${command.name}) _arguments ${[...specs, ...values].join(" ")} ;;`;
	});
	return `#compdef ${name}
_${name}() {
	local -a commands
	commands=(${commands.map((command) => `'${command.name}:${zshText(command.description)}'`).join(" ")})
	local context state state_descr line
	typeset -A opt_args
	_arguments -C ${flags.map(spec).join(" ")} '1: :->command' '*:: :->arguments'
	case "$state" in
		command) _describe command commands ;;
		arguments) case "\${line[1]}" in
${cases.join("\n")}
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
	const lines = commands.flatMap((command) => {
		const seen = ` -n ${quote(`__fish_seen_subcommand_from ${command.name}`)}`;
		return [
			`complete -c ${name} -n __fish_use_subcommand -a ${command.name} -d ${quote(command.description)}`,
			...command.flags.map((flag) => line(flag, seen)),
			...(command.choices.length === 0 ? [] : [`complete -c ${name}${seen} -a ${quote(command.choices.join(" "))}`]),
		];
	});
	return [`# fish completion for ${name}`, `complete -c ${name} -f`, ...flags.map((flag) => line(flag, "")), ...lines, ""].join("\n");
}
