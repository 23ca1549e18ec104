// `pocketllm init`: a conversation that ends in a config file and, if wanted, an administrator. Nothing is written before the last
// answer. What is asked stands in ../init-questions.ts, what changes in ../init-changes.ts.

import type { LoadedConfig } from "../../src/config/load.ts";
import { PocketError } from "../../src/domain/errors.ts";
import { createAdmin, runningServer } from "../../src/wiring.ts";
import { editConfig, readConfigText, readConfigValues, replaceFile, requireWritable } from "../env-file.ts";
import { changesOf, commentsFor, describeChanges } from "../init-changes.ts";
import { type AdminAnswer, answerAdmin, answerSettings, flagsOf, type InitOptions, requireAnswers } from "../init-questions.ts";
import { askYesNo, beginConversation, canAsk, endConversation, remark } from "../prompts.ts";
import type { Shell } from "../shell.ts";

export async function init(shell: Shell, options: InitOptions): Promise<void> {
	if (options.print !== undefined) return printCompose(shell);
	requireAnswers(options);
	const base = await shell.settings();
	const { config } = await shell.settings(flagsOf(options));
	const { configFile } = base;
	requireWritable(configFile);
	const asks = options.yes !== true && canAsk();
	const say = asks ? remark : shell.say;
	if (asks) beginConversation("pocketllm init: a few questions. Ctrl-C leaves everything as it is.");

	const before = readConfigValues(readConfigText(configFile), configFile);
	const answers = await answerSettings({ options, config, base, before, asks, say });
	const admin = await answerAdmin({ shell, options, config, asks });
	const changes = changesOf({ before, base, answers, options });
	const shown = describeChanges(before, changes);
	say(shown.length === 0 ? `${configFile} stays as it is.` : [`${configFile}:`, ...shown.map(({ line }) => `  ${line}`)].join("\n"));
	if (asks && (shown.length > 0 || admin !== null)) {
		const agreed = await askYesNo({ message: "Shall it be so?", what: "a confirmation", flag: "--yes", initial: true });
		if (!agreed) throw new PocketError("cancelled");
	}

	if (changes.size > 0) {
		// Read anew: somebody may have edited the file during the conversation.
		const content = editConfig(readConfigText(configFile), changes, commentsFor(changes));
		readConfigValues(content, configFile);
		replaceFile(configFile, content);
	}
	const after = await shell.settings();
	const outcome = admin === null ? null : await makeAdmin(after, admin, say);

	for (const [name] of changes) {
		if (shadowed(after, name)) say(`Note: ${name} is also set in the environment, which wins over the file.`);
	}
	const running = await runningServer(after.config);
	if (running !== undefined && changes.size > 0) say(`The running server (process ${running.pid}) uses the new settings after a restart.`);
	const next = `${running === undefined ? "Start with: pocketllm serve" : "All set."}${admin === null ? "   (an administrator: pocketllm create-admin)" : ""}`;
	if (asks) endConversation(next);
	else shell.say(next);
	giveResult(shell, configFile, shown, outcome);
}

/** Asks nothing and changes nothing. */
async function printCompose(shell: Shell): Promise<void> {
	const { COMPOSE } = await import("../compose.ts");
	shell.give({ text: COMPOSE.trimEnd(), json: { compose: COMPOSE } });
}

type AdminOutcome = { readonly email: string; readonly outcome: string; readonly password?: string };

/** An address that has an account already is no failure here: `init` may run again. It is never promoted without being asked to. */
async function makeAdmin({ config }: LoadedConfig, admin: AdminAnswer, say: (line: string) => void): Promise<AdminOutcome> {
	const { email, name, chosen } = admin;
	try {
		const { outcome } = await createAdmin(config, { email, name, password: chosen.password, promote: false });
		say(`${email} is an administrator now.`);
		return { email, outcome, ...(chosen.generated ? { password: chosen.password } : {}) };
	} catch (error) {
		if (!(error instanceof PocketError) || (error.code !== "already_exists" && error.code !== "email_taken")) throw error;
		say(
			`${email} has an account already, which was left as it is. To make it an administrator:\n  pocketllm create-admin --promote --email ${email}`,
		);
		return { email, outcome: "unchanged" };
	}
}

function shadowed(after: LoadedConfig, name: string): boolean {
	const origins: Readonly<Record<string, string>> = {
		SIGNUP_MODE: after.origins.signupMode,
		HOST: after.origins.host,
		PORT: after.origins.port,
		UPSTREAMS: after.origins.upstreams,
	};
	return origins[name] === "environment";
}

function giveResult(shell: Shell, configFile: string, shown: ReturnType<typeof describeChanges>, admin: AdminOutcome | null): void {
	const changes = shown.map(({ name, from, to }) => ({ name, from, to }));
	if (shell.json) shell.give({ text: "", json: { configFile, changes, admin } });
	else if (admin?.password !== undefined) {
		shell.say("The administrator's password, shown once:");
		shell.give({ text: admin.password, json: null });
	}
}
