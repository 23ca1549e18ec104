// Where the keys that sign access tokens come from, and how they are rotated: a key file of our own, or the settings, which are their
// owner's to change. Part of the wiring.

import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { LoadedConfig } from "./config/load.ts";
import { PocketError } from "./domain/errors.ts";
import type { KeyRing } from "./ports/keys.ts";
import type { Log } from "./ports/log.ts";
import { keyFilePath } from "./store/index.ts";
import { newKey, openKeyFile } from "./store/key-file.ts";
import { createSettingsKeyRing, type KeySettings } from "./store/settings-keys.ts";
import { prepareFolder } from "./store/sqlite/files.ts";

/** The keys of a server. Codes: those of `openKeyFile`. */
export function openKeyRing(loaded: LoadedConfig, log: Log): KeyRing {
	const settings = keySettings(loaded);
	if (settings === undefined) return openKeyFile(keyFilePath(loaded.config.dataDir));
	return createSettingsKeyRing({ settings, read: () => keySettings(loaded.reload()), log });
}

function keySettings({ config, configFile, secretFiles }: LoadedConfig): KeySettings | undefined {
	if (config.jwtSecret === undefined) return undefined;
	const files = [configFile, secretFiles.jwtSecret, secretFiles.jwtPreviousSecrets].filter((path) => path !== undefined);
	return { current: config.jwtSecret, previous: config.jwtPreviousSecrets, files };
}

export type RotationRequest = {
	/** For how long the key before still verifies; `now`: not at all. */
	readonly graceMs: number | "now";
	/** Where the key comes from the settings: gives the new one back in place of writing it to a file. */
	readonly print: boolean;
};

export type Rotation =
	/** The new key signs from now on. `previousUntil`: until when the one before verifies. */
	| { readonly kind: "done"; readonly kid: string; readonly where: string; readonly previousUntil: number | null }
	/** There is a new key, and its owner must put it where the settings come from. `where`: its file; `null`: it is in `key`. */
	| { readonly kind: "proposed"; readonly kid: string; readonly where: string | null; readonly key: string | null };

/**
 * Makes a new signing key. A key file of ours is changed, and a running server takes it up within a second. What comes from JWT_SECRET is
 * left alone: the new key is written to a file of its own (0600), or given back. Codes: `already_exists` (a proposed key that was not used),
 * `wrong_use` (nothing to print), `not_permitted`, those of `openKeyFile`.
 */
export function rotateSigningKey(loaded: LoadedConfig, { graceMs, print }: RotationRequest): Rotation {
	const { config } = loaded;
	const settings = keySettings(loaded);
	if (settings !== undefined) return propose(config.dataDir, settings, print);
	if (print) {
		throw new PocketError("wrong_use", {
			sentence: "The key stands in pocketllm's own key file, so there is nothing to print; leave out --print.",
		});
	}
	prepareFolder(config.dataDir);
	const where = keyFilePath(config.dataDir);
	const now = Date.now();
	const previousUntil = graceMs === "now" ? null : now + graceMs;
	const { kid } = openKeyFile(where).rotate(now, previousUntil);
	return { kind: "done", kid, where, previousUntil };
}

function propose(dataDir: string, settings: KeySettings, print: boolean): Rotation {
	const { kid, secret } = newKey();
	if (print) return { kind: "proposed", kid, where: null, key: secret };
	prepareFolder(dataDir);
	const where = join(dataDir, "next-jwt-secret");
	removeUsed(where, settings);
	try {
		const handle = openSync(where, "wx", 0o600);
		try {
			writeSync(handle, `${secret}\n`);
			fsyncSync(handle);
		} finally {
			closeSync(handle);
		}
		chmodSync(where, 0o600);
	} catch (cause) {
		throw new PocketError("not_permitted", {
			sentence: `The file ${where} cannot be written. Check the folder's permissions and the disk's room.`,
			cause,
		});
	}
	return { kind: "proposed", kid, where, key: null };
}

/** The file of an earlier rotation goes when its key is in use; one that is not yet may just be on its way to other servers. */
function removeUsed(where: string, { current, previous }: KeySettings): void {
	let found: string;
	try {
		found = readFileSync(where, "utf8").trim();
	} catch {
		return;
	}
	if (![current, ...previous].includes(found)) {
		throw new PocketError("already_exists", {
			sentence: `${where} holds a new key from before that is not in use yet. Use it, or remove the file and try again.`,
		});
	}
	rmSync(where);
}
