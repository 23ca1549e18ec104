// `pocketllm keys list WHO`: a person's keys, without the keys themselves.

import { withKeysOf } from "../../../src/wiring.ts";
import { keyJson, keyTable } from "../../keys.ts";
import type { Shell } from "../../shell.ts";

export async function list(shell: Shell, _options: object, [who = ""]: readonly string[]): Promise<void> {
	const { config } = await shell.settings();
	const keys = await withKeysOf(config, who, (service, user) => service.list(user.id));
	if (keys.length === 0) shell.say("There are no keys.");
	if (keys.length > 0 || shell.json) shell.give({ text: keyTable(keys), json: keys.map(keyJson) });
}
