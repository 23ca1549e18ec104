// Scripts by their hash: the text goes over the wire only when Redis does not know it, as after a restart.

import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

const hashes = new Map<string, string>();

/** Runs a Lua script. Rejects as the command does. */
export async function runScript(client: Redis, script: string, keys: readonly string[], words: readonly string[]): Promise<unknown> {
	const hash = hashes.get(script) ?? createHash("sha1").update(script).digest("hex");
	hashes.set(script, hash);
	try {
		return await client.evalsha(hash, keys.length, ...keys, ...words);
	} catch (error) {
		if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
		return await client.eval(script, keys.length, ...keys, ...words);
	}
}
