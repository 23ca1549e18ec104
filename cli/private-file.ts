// Files that hold what is private: new ones only, readable for their owner alone, and under their name only when they are whole.

import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { PocketError } from "../src/domain/errors.ts";

/** Refuses early what could not be written in the end. `flag` names it in the sentence. Codes: `wrong_use`, `already_exists`. */
export function requireNewFile(path: string, flag: string): void {
	if (path === "") throw new PocketError("wrong_use", { sentence: `${flag} must name a file, and names nothing.` });
	if (existsSync(path)) throw new PocketError("already_exists", { sentence: `${path} is there already; name a new file with ${flag}.` });
}

/** Writes a text piece by piece and gives its size in bytes. Codes: `not_permitted`, `store_full`, and those of the pieces. */
export async function writePrivately(path: string, pieces: AsyncIterable<string>): Promise<number> {
	const partial = `${path}.${randomBytes(4).toString("hex")}.partial`;
	let bytes = 0;
	try {
		const file = onDisk(path, () => openSync(partial, "wx", 0o600));
		try {
			for await (const piece of pieces) bytes += onDisk(path, () => writeAll(file, piece));
			onDisk(path, () => fsyncSync(file));
		} finally {
			closeSync(file);
		}
		onDisk(path, () => renameSync(partial, path));
		return bytes;
	} finally {
		// Ours alone: the name is random.
		rmSync(partial, { force: true });
	}
}

/** A write may take a part only. */
function writeAll(file: number, text: string): number {
	const bytes = Buffer.from(text);
	for (let at = 0; at < bytes.length; at += writeSync(file, bytes, at)) {}
	return bytes.length;
}

function onDisk<T>(path: string, act: () => T): T {
	try {
		return act();
	} catch (error) {
		const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
		const isFull = code === "ENOSPC" || code === "EDQUOT";
		throw new PocketError(isFull ? "store_full" : "not_permitted", {
			sentence: isFull
				? `There is no room left for ${path}; nothing was changed.`
				: `${path} cannot be written (${code}); name another file.`,
			cause: error,
		});
	}
}
