// The keys of a server that has them from its settings. Settings that come from files may change while it runs, so that a rotation needs
// no restart: the files' times are looked at at each use, at most twice a second.

import type { KeyRing, SigningKey } from "../ports/keys.ts";
import type { Log } from "../ports/log.ts";
import { kidOf, stateOfFile } from "./key-file.ts";

const LOOK_EVERY_MS = 500;
/** Other servers may see a changed file a moment later than this one, and refuse a key that they do not know yet. */
const SETTLING_MS = 2000;

export type KeySettings = {
	readonly current: string;
	readonly previous: readonly string[];
	/** What may change them; also a file that is not there yet. */
	readonly files: readonly string[];
};

export type SettingsKeyRingOptions = {
	readonly settings: KeySettings;
	/** Reads them anew; throws, or gives nothing, when there is no key to be had. */
	readonly read: () => KeySettings | undefined;
	readonly log: Log;
};

/** The first key signs, all verify until they are taken out. A new one signs after two seconds while the former one verifies, else at once. */
export function createSettingsKeyRing({ settings, read, log }: SettingsKeyRingOptions): KeyRing {
	let keys = keysOf(settings);
	let signing = keys[0];
	let settledAt = 0;
	let { files } = settings;
	let seen = files.map(stateOfFile).join();
	let lookedAt = performance.now();

	const take = (found: KeySettings): void => {
		const before = keys;
		keys = keysOf(found);
		files = found.files;
		seen = files.map(stateOfFile).join();
		const isNew = keys[0].kid !== before[0].kid;
		if (isNew) {
			const stillVerifies = keys.some(({ kid }) => kid === signing.kid);
			settledAt = performance.now() + SETTLING_MS;
			if (!stillVerifies) signing = keys[0];
			log.info({ kid: keys[0].kid, former: stillVerifies ? "verifies" : "refused" }, "JWT_SECRET was changed: another key signs now");
		} else if (keys.map(({ kid }) => kid).join() !== before.map(({ kid }) => kid).join()) {
			log.info({ keys: keys.length }, "JWT_PREVIOUS_SECRETS was changed");
			// The key that still signed was taken out.
			if (!keys.some(({ kid }) => kid === signing.kid)) signing = keys[0];
		}
	};

	const look = (): void => {
		const now = performance.now();
		if (now - lookedAt < LOOK_EVERY_MS) return;
		lookedAt = now;
		const changed = files.map(stateOfFile).join();
		if (changed === seen) return;
		seen = changed;
		try {
			const found = read();
			if (found !== undefined) take(found);
			else log.warn({}, "JWT_SECRET is not set any more; the key in force stays until the next start");
		} catch (error) {
			// A file that is away or half written while the server runs signs nobody out.
			log.warn({ err: error }, "the settings cannot be read anew; the keys in force stay");
		}
	};

	return {
		current: () => {
			look();
			if (signing.kid !== keys[0].kid && performance.now() >= settledAt) signing = keys[0];
			return signing;
		},
		find: (kid) => {
			look();
			return keys.find((key) => key.kid === kid);
		},
	};
}

function keysOf({ current, previous }: Omit<KeySettings, "files">): readonly [SigningKey, ...SigningKey[]] {
	const keyOf = (secret: string): SigningKey => ({ kid: kidOf(secret), secret, verifiesUntil: null });
	return [keyOf(current), ...previous.map(keyOf)];
}
