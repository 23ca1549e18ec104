// `pocketllm users list`: who has an account here.

import { administer } from "../../../src/wiring.ts";
import { peopleTable, personJson } from "../../people.ts";
import type { Shell } from "../../shell.ts";

/** Read from the store at once. */
const PAGE = 100;

export async function list(shell: Shell): Promise<void> {
	const { config } = await shell.settings();
	const users = await administer(config, async ({ people }) => {
		const found = [];
		while (true) {
			const { items } = await people.list({ skip: found.length, limit: PAGE });
			found.push(...items);
			if (items.length < PAGE) return found;
		}
	});
	if (users.length === 0) shell.say("Nobody has an account yet.");
	if (users.length > 0 || shell.json) shell.give({ text: peopleTable(users), json: users.map(personJson) });
}
