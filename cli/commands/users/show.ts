// `pocketllm users show WHO`: one account.

import { administer } from "../../../src/wiring.ts";
import { describePerson, personJson } from "../../people.ts";
import type { Shell } from "../../shell.ts";

export async function show(shell: Shell, _options: object, [who = ""]: readonly string[]): Promise<void> {
	const { config } = await shell.settings();
	const user = await administer(config, ({ people }) => people.find(who));
	shell.give({ text: describePerson(user), json: personJson(user) });
}
