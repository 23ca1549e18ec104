// `pocketllm users list`: who has an account here.

import { administer } from "../../../src/wiring.ts";
import { readAll } from "../../pages.ts";
import { peopleTable, personJson } from "../../people.ts";
import type { Shell } from "../../shell.ts";

export async function list(shell: Shell): Promise<void> {
	const { config } = await shell.settings();
	const users = await administer(config, ({ people }) => readAll(people.list));
	if (users.length === 0) shell.say("Nobody has an account yet.");
	if (users.length > 0 || shell.json) shell.give({ text: peopleTable(users), json: users.map(personJson) });
}
