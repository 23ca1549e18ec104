// `pocketllm users invitations`: those that can still be used.

import { administer } from "../../../src/wiring.ts";
import { invitationJson, invitationTable } from "../../invitations.ts";
import { readAll } from "../../pages.ts";
import type { Shell } from "../../shell.ts";

export async function invitations(shell: Shell): Promise<void> {
	const { config } = await shell.settings();
	const open = await administer(config, (administration) => readAll(administration.invitations.list));
	if (open.length === 0) shell.say("There is no invitation that could be used.");
	if (open.length > 0 || shell.json) shell.give({ text: invitationTable(open), json: open.map(invitationJson) });
}
