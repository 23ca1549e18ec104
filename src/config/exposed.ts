// Which files with secrets in them everybody on this machine can read. The program reads them and does not own them: so it says so, and
// changes nothing.

import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type LoadedConfig, OPTION_KEYS } from "./load.ts";
import { OPTIONS } from "./options.ts";

/** One sentence for each file that others can read and that gave a secret; it names the file and its settings. */
export function exposedSecrets({
	origins,
	configFile,
	secretFiles,
}: Pick<LoadedConfig, "origins" | "configFile" | "secretFiles">): readonly string[] {
	const found = new Map<string, string[]>();
	for (const key of OPTION_KEYS) {
		if (!OPTIONS[key].secret) continue;
		const path = secretFiles[key] ?? (origins[key] === "config file" ? configFile : undefined);
		if (path !== undefined) found.set(resolve(path), [...(found.get(resolve(path)) ?? []), OPTIONS[key].name]);
	}
	return [...found]
		.filter(([path]) => isOpenToAll(path))
		.map(([path, names]) => `Everybody on this machine can read ${path}, which holds ${names.join(", ")}. Run: chmod 600 ${path}`);
}

/** Where Docker and systemd put secrets, readable for all within a container or service that is there for one program. */
const OF_ONE_PROGRAM = /^\/run\/(secrets|credentials)\//;

/** The file for everybody to read, and each folder above it for everybody to pass. */
function isOpenToAll(path: string): boolean {
	if (process.platform === "win32" || OF_ONE_PROGRAM.test(path)) return false;
	try {
		if ((statSync(path).mode & 0o004) === 0) return false;
		for (let folder = dirname(path); ; folder = dirname(folder)) {
			if ((statSync(folder).mode & 0o001) === 0) return false;
			if (folder === dirname(folder)) return true;
		}
	} catch {
		// It was read a moment ago; what has gone is open to nobody.
		return false;
	}
}
