// `pocketllm users show WHO`: one account.

import { administer } from "../../../src/wiring.ts";
import { describePerson, personJson } from "../../people.ts";
import type { Shell } from "../../shell.ts";

export async function show(shell: Shell, _options: object, [who = ""]: readonly string[]): Promise<void> {
	const { config } = await shell.settings();
	const { user, counts } = await administer(config, async ({ people }) => {
		const user = await people.find(who);
		const { total: logins } = await people.findLogins(user, { skip: 0, limit: 1 });
		return { user, counts: { sessions: await people.countSessions(user), logins } };
	});
	shell.give({ text: describePerson(user, counts), json: { ...personJson(user), ...counts } });
}
