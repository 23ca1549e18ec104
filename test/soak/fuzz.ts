// The OpenAPI document fuzzed for long: more calls of each operation, and chains of calls. The short form stands in test/security.

import { startFuzzedServer } from "../security/fuzzing.ts";

/** What is wrong, one report for each caller that found something. Half of the time for an administrator, half for a user. */
export async function soakFuzz({ seconds, seed }: { readonly seconds: number; readonly seed: number }): Promise<readonly string[]> {
	const problems: string[] = [];
	for (const caller of ["an administrator", "a user"] as const) {
		// Each has a server of its own: an administrator's chains delete people.
		const server = await startFuzzedServer();
		try {
			const { calls, isClean, report } = await server.attackAs(caller, { examples: 100, seed, chainsForSeconds: Math.ceil(seconds / 2) });
			console.log(`as ${caller}: ${calls} calls, ${isClean ? "each answer as described" : "not each answer as described"}`);
			if (!isClean) problems.push(`as ${caller}:\n${report}`);
		} finally {
			await server.stop();
		}
	}
	return problems;
}
