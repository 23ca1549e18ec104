// The file of signing keys in the data folder: made at the first start, mode 0600, rotated by a command while a server runs. A server
// looks at the file's time at each use, at most twice a second, so it takes a new key up within a second.

import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { PocketError } from "../domain/errors.ts";
import type { KeyRing, SigningKey } from "../ports/keys.ts";

const LOOK_EVERY_MS = 500;

export type FileKeyRing = KeyRing & {
	/** Adds a key that signs from now on. Those before it verify until `previousUntil` (milliseconds since 1970), or not at all (`null`). */
	rotate(now: number, previousUntil: number | null): SigningKey;
};

/** Opens the file, making it with a first key when it is missing. Codes: `not_permitted`, `invalid_settings` (damaged, or readable by others). */
export function openKeyFile(path: string): FileKeyRing {
	let keys = readKeys(path) ?? writeKeys(path, [newKey()]);
	let seen = stateOfFile(path);
	let lookedAt = performance.now();
	const look = (): void => {
		const now = performance.now();
		if (now - lookedAt < LOOK_EVERY_MS) return;
		lookedAt = now;
		const changed = stateOfFile(path);
		if (changed === seen) return;
		seen = changed;
		// A file that is away or damaged while the server runs signs nobody out: the keys in memory stay in force.
		try {
			keys = readKeys(path) ?? keys;
		} catch {
			return;
		}
	};
	return {
		current: () => {
			look();
			return firstOf(keys);
		},
		find: (kid) => {
			look();
			return keys.find((key) => key.kid === kid);
		},
		rotate: (now, previousUntil) => {
			// A grace never makes a key live longer than it was promised to.
			const kept =
				previousUntil === null
					? []
					: keys.map((key) => ({ ...key, verifiesUntil: key.verifiesUntil ?? previousUntil })).filter((key) => key.verifiesUntil > now);
			keys = writeKeys(path, [newKey(), ...kept]);
			seen = stateOfFile(path);
			return firstOf(keys);
		},
	};
}

/** Names a key without telling anything of it that helps to guess it. */
export function kidOf(secret: string): string {
	return new Bun.CryptoHasher("sha256").update(`pocketllm kid\0${secret}`).digest("hex").slice(0, 16);
}

export function newKey(): SigningKey {
	const secret = randomBytes(48).toString("base64url");
	return { kid: kidOf(secret), secret, verifiesUntil: null };
}

function firstOf(keys: readonly SigningKey[]): SigningKey {
	const key = keys[0];
	if (key === undefined) throw new Error("a key ring has at least one key");
	return key;
}

/** Another text whenever the file has changed; empty when it is not there. */
export function stateOfFile(path: string): string {
	try {
		const { mtimeMs, ino, size } = statSync(path);
		return `${mtimeMs}:${ino}:${size}`;
	} catch {
		return "";
	}
}

function readKeys(path: string): readonly SigningKey[] | undefined {
	let text: string;
	try {
		if (process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0) {
			throw new PocketError("invalid_settings", { sentence: `The key file ${path} can be read by others. Run: chmod 600 ${path}` });
		}
		text = readFileSync(path, "utf8");
	} catch (error) {
		if (error instanceof PocketError) throw error;
		if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
		throw new PocketError("not_permitted", {
			sentence: `The key file ${path} cannot be read. Give this user the right to read it.`,
			cause: error,
		});
	}
	const keys = parseKeys(text);
	if (keys.length === 0) {
		throw new PocketError("invalid_settings", {
			sentence: `The key file ${path} is damaged. Restore it from a backup, or remove it: everybody then signs in again.`,
		});
	}
	return keys;
}

function parseKeys(text: string): readonly SigningKey[] {
	let parsed: unknown;
	try {
		parsed = JSON.parse(text);
	} catch {
		return [];
	}
	const list: unknown = typeof parsed === "object" && parsed !== null && "keys" in parsed ? parsed.keys : undefined;
	return Array.isArray(list) && list.every(isKey) ? list : [];
}

function isKey(value: unknown): value is SigningKey {
	if (typeof value !== "object" || value === null) return false;
	if (!("kid" in value) || !("secret" in value) || !("verifiesUntil" in value)) return false;
	const { kid, secret, verifiesUntil } = value;
	return (
		typeof kid === "string" &&
		typeof secret === "string" &&
		secret.length >= 32 &&
		(verifiesUntil === null || typeof verifiesUntil === "number")
	);
}

/** Written beside and renamed, so that a reader sees the old file or the new one. */
function writeKeys(path: string, keys: readonly SigningKey[]): readonly SigningKey[] {
	const partial = `${path}.${randomBytes(6).toString("hex")}.partial`;
	try {
		const handle = openSync(partial, "wx", 0o600);
		try {
			writeSync(handle, `${JSON.stringify({ keys }, undefined, "\t")}\n`);
			fsyncSync(handle);
		} finally {
			closeSync(handle);
		}
		chmodSync(partial, 0o600);
		renameSync(partial, path);
		return keys;
	} catch (error) {
		rmSync(partial, { force: true });
		throw new PocketError("not_permitted", {
			sentence: `The key file ${path} cannot be written. Check the folder's permissions and the disk's room.`,
			cause: error,
		});
	}
}
