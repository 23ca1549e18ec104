// Where a new password comes from: standard input, a file, a generator, or a terminal; never an argument, which everybody on the
// machine can read.

import { readFileSync, statSync } from "node:fs";
import type { Config } from "../src/config/options.ts";
import { PocketError } from "../src/domain/errors.ts";
import { generatePassword, passwordCheck } from "../src/wiring.ts";
import { askSecret } from "./prompts.ts";
import type { Shell } from "./shell.ts";

export type PasswordOptions = {
	readonly passwordStdin?: boolean;
	readonly passwordFile?: string;
	readonly generatePassword?: boolean;
};

export const PASSWORD_FLAGS = "--password-stdin, --password-file or --generate-password";

export type NewPassword = {
	readonly password: string;
	/** Nobody knows it yet: it must be shown, once. */
	readonly generated: boolean;
};

/** Whether a flag says where the password comes from. Codes: `wrong_use` when several do. */
export function hasPasswordFlag(options: PasswordOptions): boolean {
	const given = [options.passwordStdin === true, options.passwordFile !== undefined, options.generatePassword === true];
	const count = given.filter(Boolean).length;
	if (count > 1) throw new PocketError("wrong_use", { sentence: `Give only one of ${PASSWORD_FLAGS}.` });
	if (options.passwordFile === "") throw new PocketError("wrong_use", { sentence: "--password-file must name a file, and names nothing." });
	return count === 1;
}

/** The password that the flags name, else the one typed twice on the terminal. Codes: `wrong_use`, `weak_password`, `cancelled`, `not_found`. */
export async function obtainPassword(shell: Shell, config: Config, options: PasswordOptions): Promise<NewPassword> {
	if (options.generatePassword === true) return { password: generatePassword(), generated: true };
	if (!hasPasswordFlag(options)) return { password: await askTwice(config), generated: false };
	const password = options.passwordFile === undefined ? await readStandardInput() : readPasswordFile(shell, options.passwordFile);
	const problem = (await passwordCheck(config))(password);
	if (problem !== undefined) throw new PocketError("weak_password", { sentence: problem });
	return { password, generated: false };
}

async function askTwice(config: Config): Promise<string> {
	const what = "the password";
	const check = await passwordCheck(config);
	const password = await askSecret({
		message: `Password (at least ${config.passwordMinLength} characters)`,
		what,
		flag: PASSWORD_FLAGS,
		validate: check,
	});
	await askSecret({
		message: "The same password again",
		what,
		flag: PASSWORD_FLAGS,
		validate: (text) => (text === password ? undefined : "It is not the same; type it again, or cancel with Ctrl-C."),
	});
	return password;
}

async function readStandardInput(): Promise<string> {
	if (process.stdin.isTTY) {
		throw new PocketError("wrong_use", {
			sentence: "Standard input is a terminal, which would show the password; leave out --password-stdin to be asked for it.",
		});
	}
	return withoutLineEnd(await Bun.stdin.text());
}

function readPasswordFile(shell: Shell, path: string): string {
	try {
		const { mode } = statSync(path);
		const password = withoutLineEnd(readFileSync(path, "utf8"));
		if (process.platform !== "win32" && (mode & 0o004) !== 0) {
			shell.say(`Note: everybody on this machine can read ${path}; chmod 600 keeps the password yours.`);
		}
		return password;
	} catch (error) {
		throw new PocketError("not_found", {
			sentence: `The password file ${path} cannot be read; check the path and its permissions.`,
			cause: error,
		});
	}
}

function withoutLineEnd(text: string): string {
	return text.replace(/\r?\n$/, "");
}
