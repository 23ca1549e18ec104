// `pocketllm rotate-jwt-secret`: a new key for access tokens. A running server takes it up by itself. What comes from JWT_SECRET is not
// changed: the new key is made, and what to do with it is said.

import type { LoadedConfig } from "../../src/config/load.ts";
import { duration, SettingProblem } from "../../src/config/values.ts";
import { PocketError } from "../../src/domain/errors.ts";
import { rotateSigningKey } from "../../src/wiring.ts";
import { askYesNo } from "../prompts.ts";
import type { Shell } from "../shell.ts";
import { showDuration } from "../show.ts";

export type RotateOptions = { readonly grace?: string; readonly now?: boolean; readonly print?: boolean; readonly yes?: boolean };

/** A token is made with the former key until the server has seen the new one, and tokens allow a minute of skew. */
const SLACK_MS = 60_000;

export async function rotateJwtSecret(shell: Shell, options: RotateOptions): Promise<void> {
	const loaded = await shell.settings();
	const { config } = loaded;
	const graceMs = options.now === true ? "now" : options.grace === undefined ? config.accessTokenTtl + SLACK_MS : readGrace(options.grace);
	if (options.yes !== true) await confirm(graceMs);
	const rotation = await rotateSigningKey(loaded, { graceMs, print: options.print === true });
	const { kid, where, runningServer } = rotation;
	const isDone = rotation.kind === "done";
	const until = rotation.kind === "done" && rotation.previousUntil !== null ? new Date(rotation.previousUntil).toISOString() : null;
	const steps = rotation.kind === "done" ? [] : stepsFor(loaded, graceMs);
	const key = rotation.kind === "done" ? null : rotation.key;

	if (isDone) {
		shell.say(`The new key ${kid} is in ${where}.`);
		shell.say(until === null ? "Tokens of the former key are refused from now on." : `Tokens of the former key are good until ${until}.`);
		if (runningServer !== null) shell.say(`The running server (process ${runningServer}) takes it up within a second.`);
	} else {
		shell.say(`The key in force comes from ${sourceOf(loaded)}, which is yours to change; nothing of it was changed.`);
		shell.say(where === null ? `The new key ${kid}:` : `The new key ${kid} is in ${where}, which only you can read. Then:`);
	}
	if (shell.json)
		shell.give({ text: "", json: { kid, done: isDone, where, previousUntil: until, runningServer, ...(isDone ? {} : { steps, key }) } });
	else if (key !== null) shell.give({ text: key, json: null });
	for (const [index, step] of steps.entries()) shell.say(`${index + 1}. ${step}`);
	for (const line of consequences(graceMs)) shell.say(line);
}

async function confirm(graceMs: number | "now"): Promise<void> {
	const message =
		graceMs === "now"
			? "Make a new key and refuse every token of the old one at once? Clients without a refresh token sign in anew."
			: `Make a new key? Tokens of the old one stay good for ${showDuration(graceMs)}.`;
	const agreed = await askYesNo({ message, what: "a confirmation", flag: "--yes", initial: graceMs !== "now" });
	if (!agreed) throw new PocketError("cancelled");
}

/** Where the settings have the key from: never the key. */
function sourceOf({ origins, configFile, secretFiles }: LoadedConfig): string {
	const place = origins.jwtSecret === "config file" ? `the config file ${configFile}` : "the environment";
	return secretFiles.jwtSecret === undefined ? `JWT_SECRET in ${place}` : `${secretFiles.jwtSecret} (JWT_SECRET_FILE in ${place})`;
}

/** Where the keys that only verify come from, or would. */
function previousOf({ origins, configFile, secretFiles }: LoadedConfig): string {
	if (secretFiles.jwtPreviousSecrets !== undefined) return `${secretFiles.jwtPreviousSecrets} (JWT_PREVIOUS_SECRETS_FILE), one a line`;
	if (origins.jwtPreviousSecrets === "environment") return "JWT_PREVIOUS_SECRETS in the environment";
	// Unset, it is best put where a running server looks again; whose key is in the environment changes that anyway.
	return isWatched("jwtSecret", { origins, secretFiles }) || origins.jwtPreviousSecrets === "config file"
		? `JWT_PREVIOUS_SECRETS in ${configFile}`
		: "JWT_PREVIOUS_SECRETS";
}

/** Whether a running server takes up what is changed there: all but what stands in its environment itself. */
function isWatched(
	name: "jwtSecret" | "jwtPreviousSecrets",
	{ secretFiles, origins }: Pick<LoadedConfig, "secretFiles" | "origins">,
): boolean {
	return secretFiles[name] !== undefined || origins[name] !== "environment";
}

function stepsFor(loaded: LoadedConfig, graceMs: number | "now"): readonly string[] {
	const needed = graceMs === "now" ? (["jwtSecret"] as const) : (["jwtSecret", "jwtPreviousSecrets"] as const);
	const takenUp = needed.every((name) => isWatched(name, loaded))
		? "A running server takes each change up within a second, without a restart."
		: "A server reads its environment only when it starts, so restart it after each step.";
	if (graceMs === "now") {
		return [
			`Put the new key in the place of the one in ${sourceOf(loaded)}, and keep the former one out of JWT_PREVIOUS_SECRETS. ${takenUp}`,
		];
	}
	return [
		`Add the new key to ${previousOf(loaded)}, on every server: each then knows it. ${takenUp}`,
		`Exchange the two: the new key to ${sourceOf(loaded)}, the former one to JWT_PREVIOUS_SECRETS.`,
		`After ${showDuration(graceMs)}, take the former one out.`,
	];
}

/** What happens to whom. */
function consequences(graceMs: number | "now"): readonly string[] {
	const untouched = "Refresh tokens and personal keys do not depend on this key, and answers under way go on.";
	if (graceMs !== "now") return [`Nobody has to sign in again. ${untouched}`];
	return [
		"Clients that have a refresh token get a new access token by themselves; whoever uses one that has none signs in again.",
		untouched,
	];
}

function readGrace(text: string): number {
	try {
		return duration.parse(text);
	} catch (error) {
		if (!(error instanceof SettingProblem)) throw error;
		throw new PocketError("wrong_use", { sentence: `--grace ${error.message}.` });
	}
}
