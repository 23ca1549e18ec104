// `pocketllm users invite`: a link with which one person makes one account.

import { THIS_MACHINE } from "../../../src/domain/caller.ts";
import { fail } from "../../../src/domain/errors.ts";
import { NOTE_LENGTH } from "../../../src/domain/invitation.ts";
import { administer } from "../../../src/wiring.ts";
import { invitationJson } from "../../invitations.ts";
import { readLifetime } from "../../lifetime.ts";
import { sayAboutLink } from "../../links.ts";
import type { Shell } from "../../shell.ts";

export type InviteOptions = { readonly note?: string; readonly expires?: string };

const MOST_MS = 90 * 24 * 3_600_000;

export async function invite(shell: Shell, options: InviteOptions): Promise<void> {
	const note = options.note?.trim() || null;
	if (note !== null && note.length > NOTE_LENGTH) fail("wrong_use", `--note must be a text of at most ${NOTE_LENGTH} characters.`);
	const lifetimeMs = readLifetime(options.expires ?? "7d", MOST_MS);
	const { config } = await shell.settings();
	const made = await administer(config, ({ invitations }) => invitations.make({ note, lifetimeMs }, { caller: THIS_MACHINE }));
	sayAboutLink(shell, config, "This link makes one account.", made.expiresAt);
	shell.give({ text: made.link, json: { ...invitationJson(made), link: made.link } });
}
