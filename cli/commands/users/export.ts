// `pocketllm users export WHO FILE`: everything that is stored about a person, as one JSON document.

import { THIS_MACHINE } from "../../../src/domain/caller.ts";
import { administer } from "../../../src/wiring.ts";
import { requireNewFile, writePrivately } from "../../private-file.ts";
import type { Shell } from "../../shell.ts";
import { plain } from "../../show.ts";

export async function exportPerson(shell: Shell, _options: object, [who = "", file = ""]: readonly string[]): Promise<void> {
	requireNewFile(file, "<file>");
	const { config } = await shell.settings();
	await administer(config, async ({ people, exporter }) => {
		const user = await people.find(who);
		const bytes = await writePrivately(file, exporter.piecesOf(user));
		people.noteExport(user, { caller: THIS_MACHINE });
		shell.say(`Everything of ${plain(user.email)} is in ${file} (${bytes} bytes), readable for you alone.`);
		if (shell.json) shell.give({ text: "", json: { id: user.id, email: user.email, file, bytes } });
	});
}
