// Line 8, with the key file that the program makes and keeps itself. Keys from settings, which MongoDB needs, are in test/http/rotation.test.ts.

import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { run } from "../support/binary.ts";
import { attack } from "./table.ts";

describe("key rotation", () => {
	const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;

	attack(8, "five rotations one after the other, then --now, while the server runs and somebody is signed in at each", async () => {
		const gateway = await startGateway({ settings: QUICK_HASHES });
		const env = { POCKETLLM_DATA_DIR: gateway.dataDir };
		const statusWith = async (token: string) => (await gateway.call("GET", "/auth/me", { token })).status;
		try {
			const tokens = [(await gateway.signup("anna@box.local")).token];
			for (let turn = 0; turn < 5; turn += 1) {
				expect((await run(["rotate-jwt-secret", "--yes"], { env })).status).toBe(0);
				await Bun.sleep(1000);
				tokens.push((await gateway.login("anna@box.local")).token);
			}
			expect(new Set(tokens.map(kidOf)).size).toBe(6);
			for (const token of tokens) expect(await statusWith(token)).toBe(200);
			expect((await run(["rotate-jwt-secret", "--now", "--yes"], { env })).status).toBe(0);
			await Bun.sleep(1000);
			for (const token of tokens) expect(await statusWith(token)).toBe(401);
			const fresh = await gateway.login("anna@box.local");
			expect(await statusWith(fresh.token)).toBe(200);
			const kept: { keys: unknown[] } = JSON.parse(readFileSync(join(gateway.dataDir, "signing-keys.json"), "utf8"));
			expect(kept.keys).toHaveLength(1);
			return { inputs: 7, held: "six keys verified side by side; after --now none of them within a second" };
		} finally {
			await gateway.stop();
		}
	});
});
