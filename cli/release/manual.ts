// The man page, from the program's outline and the table of settings.

import { OPTIONS } from "../../src/config/options.ts";
import { EXIT } from "../exit.ts";
import type { FlagOutline, ProgramOutline } from "./outline.ts";

const STATUSES: readonly (readonly [number, string])[] = [
	[EXIT.done, "done"],
	[EXIT.failed, "failed"],
	[EXIT.wrongUse, "called in the wrong way"],
	[EXIT.wrongSettings, "the settings are wrong"],
	[EXIT.noSuchThing, "no such thing"],
	[EXIT.inTheWay, "it is there already, or something is in the way"],
	[EXIT.notAllowed, "not allowed"],
	[EXIT.unreachable, "something it needs cannot be reached"],
	[EXIT.cancelled, "cancelled"],
];

/** pocketllm(1) in man(7) macros. */
export function manualOf({ name, description, flags, commands }: ProgramOutline, version: string): string {
	return [
		`.TH ${name.toUpperCase()} 1 "" "${name} ${version}" "User commands"`,
		".SH NAME",
		`${name} \\- share a model server with the people around you`,
		".SH SYNOPSIS",
		`.B ${name}`,
		"[global options] COMMAND [options]",
		".SH DESCRIPTION",
		roff(description),
		".SH COMMANDS",
		...commands.flatMap((command) => [`.SS ${roff(command.name)}`, roff(command.description), ...command.flags.flatMap(flagLines)]),
		".SH GLOBAL OPTIONS",
		"They may stand before or after the command.",
		...flags.flatMap(flagLines),
		".SH SETTINGS",
		"From the environment or the config file; a flag wins over the environment, the environment over the file.",
		"A secret may also be given as the path of a file, in a setting of the same name with _FILE behind it.",
		...Object.values(OPTIONS).flatMap((option) => [
			".TP",
			`.B ${roff(option.name)}`,
			roff(`${option.help}${option.standard ? ` Default: ${option.standard}.` : ""}`),
		]),
		".SH EXIT STATUS",
		...STATUSES.flatMap(([status, meaning]) => [".TP", `.B ${status}`, meaning]),
		".SH FILES",
		".TP",
		".I ~/.local/share/pocketllm",
		"The data folder: the database, the config file pocketllm.env, the signing key, backups.",
		"",
	].join("\n");
}

function flagLines({ long, short, value, description }: FlagOutline): readonly string[] {
	const names = [short, long].filter((name) => name !== undefined).join(", ");
	return [".TP", `.B ${roff(names)}${value === undefined ? "" : ` \\fI${roff(value.slice(1, -1))}\\fR`}`, roff(description)];
}

/** Text that roff takes as text: no line begins with a control character, hyphens and backslashes are themselves. */
function roff(text: string): string {
	return text
		.replace(/\\/g, "\\e")
		.replace(/-/g, "\\-")
		.replace(/…/g, "...")
		.replace(/^([.'])/gm, "\\&$1")
		.replace(/`([^`]*)`/g, "\\fB$1\\fR");
}
