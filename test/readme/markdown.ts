// The README as tests read it: its sections, the code in them, and what stands in backticks or behind links.

import { readFileSync } from "node:fs";
import { README_PATH } from "../../cli/release/readme.ts";

export type CodeBlock = {
	/** The text of the nearest heading above. */
	readonly section: string;
	/** The word behind the fence: `sh`, `nginx`, … */
	readonly language: string;
	readonly code: string;
};

export const README = readFileSync(README_PATH, "utf8");

/** The README outside its code blocks. */
export const PROSE = README.replace(/^```[\s\S]*?^```$/gm, "");

export const CODE_BLOCKS: readonly CodeBlock[] = readCodeBlocks();

function readCodeBlocks(): readonly CodeBlock[] {
	const blocks: CodeBlock[] = [];
	let section = "";
	for (const [, heading, language, code] of README.matchAll(/^#+ (.+)$|^```(\w*)\n([\s\S]*?)^```$/gm)) {
		if (heading !== undefined) section = heading;
		else blocks.push({ section, language: language ?? "", code: code ?? "" });
	}
	return blocks;
}

/** The only block of this language; throws when there is none, or more than one. */
export function onlyBlock(language: string): string {
	const [block, ...more] = CODE_BLOCKS.filter((candidate) => candidate.language === language);
	if (block === undefined || more.length > 0) throw new Error(`the README must hold one block of ${language}`);
	return block.code;
}

/** Every command line of the shell blocks, continued lines joined. */
export function commandLines(): readonly string[] {
	return CODE_BLOCKS.filter(({ language }) => language === "sh")
		.flatMap(({ code }) => code.replace(/\\\n\s*/g, "").split("\n"))
		.filter((line) => line !== "");
}

/** What stands in backticks in the prose. */
export function quoted(): readonly string[] {
	return [...PROSE.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text ?? "");
}
