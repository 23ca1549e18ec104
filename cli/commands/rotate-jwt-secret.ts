// `pocketllm rotate-jwt-secret`: a new key for access tokens. A running server takes it up by itself.

import { duration, SettingProblem } from "../../src/config/values.ts";
import { PocketError } from "../../src/domain/errors.ts";
import { rotateSigningKey } from "../../src/wiring.ts";
import { askYesNo } from "../prompts.ts";
import type { Shell } from "../shell.ts";
import { showDuration } from "../show.ts";

export type RotateOptions = { readonly grace?: string; readonly now?: boolean; readonly yes?: boolean };

/** A token is made with the former key until the server has seen the new one, and tokens allow a minute of skew. */
const SLACK_MS = 60_000;

export async function rotateJwtSecret(shell: Shell, options: RotateOptions): Promise<void> {
	const { config } = await shell.settings();
	const graceMs = options.now === true ? "now" : options.grace === undefined ? config.accessTokenTtl + SLACK_MS : readGrace(options.grace);
	if (options.yes !== true) {
		const message =
			graceMs === "now"
				? "Make a new key and refuse every token of the old one at once? Everybody's next request signs in anew."
				: `Make a new key? Tokens of the old one stay good for ${showDuration(graceMs)}.`;
		const agreed = await askYesNo({ message, what: "a confirmation", flag: "--yes", initial: graceMs !== "now" });
		if (!agreed) throw new PocketError("cancelled");
	}
	const { kid, where, previousUntil, runningServer } = await rotateSigningKey(config, { graceMs });
	shell.say(`The new key ${kid} is in ${where}.`);
	shell.say(
		previousUntil === null
			? "Tokens of the former key are refused from now on."
			: `Tokens of the former key are good until ${new Date(previousUntil).toISOString()}.`,
	);
	if (runningServer !== null) shell.say(`The running server (process ${runningServer}) takes it up within a second.`);
	if (shell.json) {
		const until = previousUntil === null ? null : new Date(previousUntil).toISOString();
		shell.give({ text: "", json: { kid, where, previousUntil: until, runningServer } });
	}
}

function readGrace(text: string): number {
	try {
		return duration.parse(text);
	} catch (error) {
		if (!(error instanceof SettingProblem)) throw error;
		throw new PocketError("wrong_use", { sentence: `--grace ${error.message}.` });
	}
}
