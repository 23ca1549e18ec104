// `pocketllm users logout WHO`: signs somebody out, everywhere or in one place.

import { THIS_MACHINE } from "../../../src/domain/caller.ts";
import { administer } from "../../../src/wiring.ts";
import { type ConfirmOptions, confirm } from "../../confirm.ts";
import type { Shell } from "../../shell.ts";
import { plain } from "../../show.ts";

export type LogoutOptions = ConfirmOptions & { readonly login?: string };

export async function logout(shell: Shell, options: LogoutOptions, [who = ""]: readonly string[]): Promise<void> {
	const { config } = await shell.settings();
	await administer(config, async ({ people }) => {
		const user = await people.find(who);
		const email = plain(user.email);
		if (options.login === undefined) await confirm(`Sign ${email} out everywhere?`, options);
		await people.endLogins(user, options.login, { caller: THIS_MACHINE });
		shell.say(options.login === undefined ? `${email} is signed out everywhere.` : `That login of ${email} has ended.`);
		if (shell.json) shell.give({ text: "", json: { id: user.id, email: user.email, ended: options.login ?? "all" } });
	});
}
