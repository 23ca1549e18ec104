// `pocketllm users delete WHO`: an account with everything that belongs to it, perhaps written to a file first.

import { THIS_MACHINE } from "../../../src/domain/caller.ts";
import { administer } from "../../../src/wiring.ts";
import { type ConfirmOptions, confirm } from "../../confirm.ts";
import { requireNewFile, writePrivately } from "../../private-file.ts";
import type { Shell } from "../../shell.ts";
import { plain } from "../../show.ts";

export type DeleteOptions = ConfirmOptions & { readonly export?: string };

export async function deletePerson(shell: Shell, options: DeleteOptions, [who = ""]: readonly string[]): Promise<void> {
	if (options.export !== undefined) requireNewFile(options.export, "--export");
	const { config } = await shell.settings();
	await administer(config, async ({ people, exporter }) => {
		const user = await people.find(who);
		const email = plain(user.email);
		const sessions = await people.countSessions(user);
		const size = sessions === 1 ? "1 session" : `${sessions} sessions`;
		const copy = options.export === undefined ? "and no copy is kept" : `after a copy to ${options.export}`;
		await confirm(`Delete ${email} with ${size} for ever, ${copy}?`, options);
		if (options.export !== undefined) {
			await writePrivately(options.export, exporter.piecesOf(user));
			people.noteExport(user, { caller: THIS_MACHINE });
			shell.say(`Everything of ${email} is in ${options.export}.`);
		}
		await people.remove(user, { caller: THIS_MACHINE });
		shell.say(`${email} is gone, with ${size}.`);
		if (shell.json) shell.give({ text: "", json: { id: user.id, email: user.email, sessions, export: options.export ?? null } });
	});
}
