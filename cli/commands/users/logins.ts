// `pocketllm users logins WHO`: where somebody is signed in.

import { nameOfDevice } from "../../../src/domain/device.ts";
import type { Login } from "../../../src/domain/login.ts";
import { administer } from "../../../src/wiring.ts";
import { readAll } from "../../pages.ts";
import { momentOf, table } from "../../people.ts";
import type { Shell } from "../../shell.ts";
import { plain } from "../../show.ts";

export async function logins(shell: Shell, _options: object, [who = ""]: readonly string[]): Promise<void> {
	const { config } = await shell.settings();
	const found = await administer(config, async ({ people }) => {
		const user = await people.find(who);
		return readAll((range) => people.findLogins(user, range));
	});
	if (found.length === 0) shell.say("Signed in nowhere.");
	if (found.length > 0 || shell.json) shell.give({ text: loginTable(found), json: found.map(loginJson) });
}

function loginTable(found: readonly Login[]): string {
	const rows = found.map(({ id, device, address, lastUsedAt }) => [
		id,
		plain(nameOfDevice(device)),
		plain(address ?? "unknown"),
		momentOf(lastUsedAt),
	]);
	return table([["ID", "DEVICE", "ADDRESS", "LAST USED"], ...rows]);
}

/** As the API shows a login. */
function loginJson({ id, device, address, createdAt, lastUsedAt, expiresAt }: Login) {
	const timestamp = (milliseconds: number) => new Date(milliseconds).toISOString();
	return {
		id,
		name: nameOfDevice(device),
		device,
		address,
		createdAt: timestamp(createdAt),
		lastUsedAt: timestamp(lastUsedAt),
		expiresAt: timestamp(expiresAt),
	};
}
