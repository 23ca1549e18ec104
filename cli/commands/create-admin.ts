// `pocketllm create-admin`: an administrator from the shell, also while the server runs.

import { PocketError } from "../../src/domain/errors.ts";
import { emailProblem, normalizeEmail } from "../../src/domain/user.ts";
import { createAdmin as create } from "../../src/wiring.ts";
import { hasPasswordFlag, obtainPassword, PASSWORD_FLAGS, type PasswordOptions } from "../password.ts";
import { askText, canAsk, requireTerminal } from "../prompts.ts";
import type { Shell } from "../shell.ts";

export type CreateAdminOptions = PasswordOptions & {
	readonly email?: string;
	readonly name?: string;
	readonly promote?: boolean;
};

export async function createAdmin(shell: Shell, options: CreateAdminOptions): Promise<void> {
	const promote = options.promote === true;
	const hasPassword = hasPasswordFlag(options);
	// Everything that is missing is named at once, before the first question.
	const missing = [...(options.email === undefined ? ["--email"] : []), ...(hasPassword || promote ? [] : [PASSWORD_FLAGS])];
	if (missing.length > 0 && !canAsk()) requireTerminal("what is missing", missing.join(" and "));
	const { config } = await shell.settings();

	const email = normalizeEmail(options.email ?? (await askEmail()));
	const problem = emailProblem(email);
	if (problem !== undefined) throw new PocketError("wrong_use", { sentence: `${problem} (--email)` });
	const name = options.name ?? (options.email === undefined ? await askName() : "");
	const chosen = hasPassword || !promote ? await obtainPassword(shell, config, options) : null;
	const { user, outcome } = await create(config, { email, name: name.trim() || null, password: chosen?.password ?? null, promote });

	const generated = chosen?.generated === true && outcome === "created" ? chosen.password : null;
	const sentence = {
		created: `${user.email} is an administrator now.`,
		promoted: `${user.email} had an account and is an administrator now.`,
		unchanged: `${user.email} was an administrator already; nothing was changed.`,
	}[outcome];
	shell.say(sentence);
	if (generated !== null) shell.say("This password is shown once:");
	if (shell.json || generated !== null) {
		shell.give({
			text: generated ?? "",
			json: { id: user.id, email: user.email, outcome, ...(generated === null ? {} : { password: generated }) },
		});
	}
}

export function askEmail(): Promise<string> {
	return askText({
		message: "E-mail address of the administrator",
		what: "the e-mail address",
		flag: "--email",
		placeholder: "you@example.org",
		validate: (text) => emailProblem(normalizeEmail(text)),
	});
}

export function askName(): Promise<string> {
	return askText({ message: "Name (Enter: none)", what: "the name", flag: "--name" });
}
