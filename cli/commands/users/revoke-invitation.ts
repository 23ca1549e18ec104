// `pocketllm users revoke-invitation ID`.

import { THIS_MACHINE } from "../../../src/domain/caller.ts";
import { administer } from "../../../src/wiring.ts";
import type { Shell } from "../../shell.ts";

export async function revokeInvitation(shell: Shell, _options: object, [id = ""]: readonly string[]): Promise<void> {
	const { config } = await shell.settings();
	await administer(config, ({ invitations }) => invitations.revoke(id, { caller: THIS_MACHINE }));
	shell.say("The invitation is revoked; its link is good for nothing any more.");
	if (shell.json) shell.give({ text: "", json: { id: id.toLowerCase(), revoked: true } });
}
