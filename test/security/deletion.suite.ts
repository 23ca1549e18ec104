// What belongs to line 9 once an account is gone: of a person who was deleted the database holds nothing, in no table or collection, except
// the id in the audit trail.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { join } from "node:path";
import { hashSecret } from "../../src/auth/secrets.ts";
import { type Account, type Gateway, PASSWORD, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { run, scratch } from "../support/binary.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { commandSettings, everythingStored } from "../support/storage.ts";
import { attack } from "./table.ts";

describe("an account that is deleted", () => {
	let model: ModelServer;
	let gateway: Gateway;
	let admin: Account;
	beforeAll(async () => {
		model = startModelServer();
		gateway = await startGateway({ settings: { ...QUICK_HASHES, UPSTREAMS: `openai+${model.baseUrl}` } });
		admin = await gateway.claimSetup();
	}, 60_000);
	afterAll(async () => {
		await gateway.stop();
		model.stop();
	}, 30_000);

	const asAdmin = (method: string, path: string, body?: object) => gateway.call(method, `/admin${path}`, { token: admin.token, body });
	/** Each takes the account away. */
	const ways: Readonly<Record<string, (account: Account) => Promise<number>>> = {
		oneself: async ({ token }) => (await gateway.call("DELETE", "/users/me", { token, body: { password: PASSWORD } })).status,
		administrator: async ({ id }) => (await asAdmin("DELETE", `/users/${id}`)).status,
		shell: async ({ email }) =>
			(await run(["users", "delete", email, "--export", join(scratch(), "copy.json"), "--yes"], { env: commandSettings(gateway.dataDir) }))
				.status,
	};

	/** Everything that an account can have. What must be nowhere afterwards. */
	async function fill(account: Account, name: string): Promise<readonly string[]> {
		const { token } = account;
		const call = (method: string, path: string, body?: object) => gateway.call(method, path, { token, body });
		await call("PATCH", "/users/profile", { name: `full-name-of-${name}` });
		const made = { title: `title-of-${name}`, systemPrompt: `system-of-${name}`, metadata: { note: `metadata-of-${name}` } };
		const sessionId = (await call("POST", "/chat/sessions", made)).textAt("id");
		await call("POST", "/chat/message", { sessionId, prompt: `prompt-of-${name}` });
		await call("POST", `/chat/sessions/${sessionId}/regenerate`);
		const message = (await call("GET", `/chat/sessions/${sessionId}/messages`)).textAt("messages.0.id");
		await call("PATCH", `/chat/messages/${message}`, { content: `edited-by-${name}` });
		expect((await call("GET", `/chat/messages/${message}/versions`)).at("versions.1.content")).toBe(`edited-by-${name}`);
		const key = (await call("POST", "/auth/keys", { name: `key-of-${name}` })).textAt("key");
		const child = (await gateway.call("POST", "/auth/refresh", { body: { refreshToken: account.refreshToken } })).textAt("refreshToken");
		const reset = (await asAdmin("POST", `/users/${account.id}/reset-link`)).textAt("link").split("#")[1] ?? "";
		const hashes = [key, account.refreshToken, child, reset].map(hashSecret);
		const words = ["full-name-of", "title-of", "system-of", "metadata-of", "prompt-of", "edited-by", "key-of"].map(
			(word) => `${word}-${name}`,
		);
		return [account.email, sessionId, message, ...words, ...hashes];
	}

	attack(9, "the whole database after each way of deleting somebody with history, versions, keys, logins and a reset link", async () => {
		let inputs = 0;
		for (const [way, remove] of Object.entries(ways)) {
			const account = await gateway.signup(`${way}@box.local`);
			const kept = await gateway.signup(`kept-${way}@box.local`);
			const [gone, stays] = [await fill(account, way), await fill(kept, `neighbour-${way}`)];
			const before = await everythingStored(gateway.dataDir);
			for (const text of [...gone, ...stays]) expect([way, text, before.includes(text)]).toEqual([way, text, true]);
			expect([0, 204]).toContain(await remove(account));
			const after = await everythingStored(gateway.dataDir);
			for (const text of gone.filter((one) => !stays.some((other) => other.includes(one)))) {
				inputs += 1;
				expect([way, text, after.includes(text)]).toEqual([way, text, false]);
			}
			for (const text of stays) expect([way, text, after.includes(text)]).toEqual([way, text, true]);
			expect((await gateway.call("GET", "/auth/me", { token: account.token })).status).toBe(401);
		}
		return { inputs, held: "no word, id or hash of theirs is left; of a neighbour nothing is missing" };
	});
});
