// `pocketllm keys revoke WHO KEY`: refuses a key from now on, also by a running server.

import { THIS_MACHINE } from "../../../src/domain/caller.ts";
import { fail } from "../../../src/domain/errors.ts";
import { withKeysOf } from "../../../src/wiring.ts";
import type { Shell } from "../../shell.ts";

export type RevokeOptions = { readonly all?: boolean };

export async function revoke(shell: Shell, options: RevokeOptions, [who = "", which]: readonly string[]): Promise<void> {
	const all = options.all === true;
	if (all === (which !== undefined)) fail("wrong_use", "Give a key (its beginning or its id), or --all.");
	const { config } = await shell.settings();
	const count = await withKeysOf(config, who, async (keys, user) => {
		const actor = { caller: THIS_MACHINE };
		if (all) return keys.revokeAll(user.id, actor);
		const named = (await keys.list(user.id)).filter(({ id, prefix }) => id === which?.toLowerCase() || prefix === which);
		if (named.length > 1) fail("wrong_use", "Several keys begin like this; give the id, which keys list --json shows.");
		await keys.revoke(user.id, named[0]?.id ?? fail("key_not_found"), actor);
		return 1;
	});
	shell.say(count === 1 ? "The key is refused from now on." : `${count} keys are refused from now on.`);
	if (shell.json) shell.give({ text: "", json: { revoked: count } });
}
