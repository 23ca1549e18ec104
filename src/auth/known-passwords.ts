// The most common passwords, from the word lists of zxcvbn-ts (package @zxcvbn-ts/language-common, MIT): what people were found to choose in
// published leaks. The compiled program carries them as gzip (cli/release/assets.ts puts them there); a run from the sources takes them
// from node_modules. Loaded when the first new password is judged, and not before.

import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

const SOURCE = join(import.meta.dir, "../../node_modules/@zxcvbn-ts/language-common/src/passwords.json");
/** Whatever PASSWORD_MIN_LENGTH says, what is shorter is refused for its length, or was wanted. */
const SHORTEST = 8;
/** zxcvbn finds these by other means than a list; the last is ours. */
const MORE = [..."0123456789"].map((digit) => digit.repeat(SHORTEST)).concat("87654321", "pocketllm");

let loading: Promise<string> | undefined;

/** Gives what tells whether a password, in any case, is one of them. */
export async function loadKnownPasswords(): Promise<(password: string) => boolean> {
	loading ??= readList();
	const list = await loading;
	return (password) => !password.includes("\n") && list.includes(`\n${password.toLowerCase()}\n`);
}

/** One text with a line for each: 170 KB, a tenth of what a Set takes, and searched in 50 µs. */
async function readList(): Promise<string> {
	const words: unknown = JSON.parse(await readSource());
	if (!Array.isArray(words)) throw new Error("the common passwords are no list");
	const long = words.filter((word): word is string => typeof word === "string" && word.length >= SHORTEST);
	return `\n${[...long, ...MORE].join("\n")}\n`;
}

/** The bundler puts a hash of the content between name and ending. */
async function readSource(): Promise<string> {
	for (const file of Bun.embeddedFiles) {
		if ("name" in file && typeof file.name === "string" && /^known-passwords\.json.*\.gz$/.test(file.name)) {
			return (await promisify(gunzip)(await file.bytes())).toString();
		}
	}
	return Bun.file(SOURCE).text();
}
