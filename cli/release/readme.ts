// The README's settings section, made from the table of settings: `bun run readme` writes it, and a test compares. Nothing else of the
// README is made; the rest is written by hand.

import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { OPTIONS, type Option } from "../../src/config/options.ts";

const BEGIN = "<!-- settings: made by `bun run readme` from src/config/options.ts; not to be edited here -->";
const END = "<!-- /settings -->";

/** Where the README is. */
export const README_PATH = resolve(import.meta.dir, "../../README.md");

/** The README's text with the settings section as the table is now. Throws when its two marks are not there. */
export function withSettings(readme: string): string {
	const begin = readme.indexOf(BEGIN);
	const end = readme.indexOf(END);
	if (begin < 0 || end < begin) throw new Error(`The README must hold these two lines, in this order:\n${BEGIN}\n${END}`);
	return `${readme.slice(0, begin + BEGIN.length)}\n\n${settingsSection()}\n${readme.slice(end)}`;
}

/** A Markdown table for each group of settings, in the order of the table in code. */
function settingsSection(): string {
	const groups = Map.groupBy<string, Option<unknown>>(Object.values(OPTIONS), ({ group }) => group);
	return [...groups]
		.map(([group, options]) =>
			[`#### ${group}`, "", "| Setting | Form | Default | |", "|---|---|---|---|", ...options.map(row), ""].join("\n"),
		)
		.join("\n");
}

function row(option: Option<unknown>): string {
	const { name, type, standard, secret, help, unsupported } = option;
	const meaning = [
		unsupported === undefined ? "" : "**Refused by this version.** ",
		help,
		secret ? ` Secret: may also be given as \`${name}_FILE\`.` : "",
	].join("");
	const shown = standard === null || standard === "" ? "" : `\`${standard}\``;
	return `| ${[`\`${name}\``, type.form, shown, meaning].map(cell).join(" | ")} |`;
}

/** Text within a table: a bar would end the cell. */
function cell(text: string): string {
	return text.replaceAll("|", "\\|");
}

if (import.meta.main) writeFileSync(README_PATH, withSettings(readFileSync(README_PATH, "utf8")));
