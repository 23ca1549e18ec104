// `pocketllm users reset-password WHO`: a link for a new password, or a new password at once.

import { THIS_MACHINE } from "../../../src/domain/caller.ts";
import { fail } from "../../../src/domain/errors.ts";
import { administer } from "../../../src/wiring.ts";
import { readLifetime } from "../../lifetime.ts";
import { sayAboutLink } from "../../links.ts";
import { hasPasswordFlag, obtainPassword, type PasswordOptions } from "../../password.ts";
import type { Shell } from "../../shell.ts";
import { plain } from "../../show.ts";

export type ResetOptions = PasswordOptions & { readonly expires?: string };

const BY = { caller: THIS_MACHINE };
const MOST_MS = 7 * 24 * 3_600_000;

export async function resetPassword(shell: Shell, options: ResetOptions, [who = ""]: readonly string[]): Promise<void> {
	const setsPassword = hasPasswordFlag(options);
	if (setsPassword && options.expires !== undefined) fail("wrong_use", "--expires is for the link; leave it out with a password.");
	await (setsPassword ? set(shell, options, who) : link(shell, options, who));
}

/** The password there stays good until the link is used. */
async function link(shell: Shell, options: ResetOptions, who: string): Promise<void> {
	const lifetimeMs = readLifetime(options.expires ?? "1d", MOST_MS);
	const { config } = await shell.settings();
	const { user, made } = await administer(config, async ({ people }) => {
		const user = await people.find(who);
		return { user, made: await people.makeResetLink(user, BY, lifetimeMs) };
	});
	sayAboutLink(shell, config, `With this link ${plain(user.email)} sets a new password.`, made.expiresAt);
	const expiresAt = new Date(made.expiresAt).toISOString();
	shell.give({ text: made.link, json: { id: user.id, email: user.email, link: made.link, expiresAt } });
}

async function set(shell: Shell, options: ResetOptions, who: string): Promise<void> {
	const { config } = await shell.settings();
	const chosen = await obtainPassword(shell, config, options);
	const user = await administer(config, async ({ people }) => {
		const found = await people.find(who);
		await people.setPassword(found, chosen.password, BY);
		return found;
	});
	shell.say(`${plain(user.email)} has a new password, and every login has ended.`);
	if (chosen.generated) shell.say("This password is shown once:");
	if (shell.json || chosen.generated) {
		shell.give({
			text: chosen.generated ? chosen.password : "",
			json: { id: user.id, email: user.email, ...(chosen.generated ? { password: chosen.password } : {}) },
		});
	}
}
