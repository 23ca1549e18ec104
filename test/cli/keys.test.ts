// `pocketllm keys`: personal keys from the shell, beside a running server.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Account, type Gateway, startGateway } from "../http/gateway.ts";
import { run } from "../support/binary.ts";

let gateway: Gateway;
let anna: Account;
beforeAll(async () => {
	gateway = await startGateway();
	anna = await gateway.signup("anna@box.local");
}, 60_000);
afterAll(() => gateway.stop(), 30_000);

const keys = (...args: string[]) => run(["keys", ...args], { env: { POCKETLLM_DATA_DIR: gateway.dataDir } });
const statusWith = async (token: string) => (await gateway.call("GET", "/auth/me", { token })).status;

test("a key is the only thing on standard output, good at once, listed without itself, and refused once revoked", async () => {
	const made = await keys("create", "Anna@Box.local", "--name", "backup\u001b[2J", "--scope", "read");
	expect(made.status).toBe(0);
	expect(made.stdout).toMatch(/^pk_[\w-]{43}\n$/);
	const key = made.stdout.trim();
	expect(made.stderr).toMatch(/anna@box\.local may read and ends on .* UTC\. It is shown once:/);
	expect(made.stderr).not.toContain(key);
	expect(await statusWith(key)).toBe(200);

	const listed = await keys("list", anna.id);
	expect(listed.stdout).toContain(`${key.slice(0, 9)}  backup[2J  read`);
	expect(listed.stdout).not.toContain(key);
	const json: unknown = JSON.parse((await keys("list", anna.email, "--json")).stdout);
	expect(json).toMatchObject([{ prefix: key.slice(0, 9), scopes: ["read"] }]);

	const revoked = await keys("revoke", anna.email, key.slice(0, 9));
	expect([revoked.status, revoked.stdout]).toEqual([0, ""]);
	expect(await statusWith(key)).toBe(401);
	expect((await keys("revoke", anna.email, key.slice(0, 9))).status).toBe(4);
}, 60_000);

test("by default a key may both for 90 days; --expires never has no end; --all revokes every one", async () => {
	const first: { expiresAt: string; scopes: string[]; key: string } = JSON.parse(
		(await keys("create", anna.email, "--name", "a", "--json")).stdout,
	);
	expect(first.scopes).toEqual(["chat", "read"]);
	expect((Date.parse(first.expiresAt) - Date.now()) / 86_400_000).toBeCloseTo(90, 1);
	const second = await keys("create", anna.email, "--name", "b", "--expires", "never", "--json");
	expect(JSON.parse(second.stdout)).toMatchObject({ expiresAt: null });
	const both = await keys("create", anna.email, "--name", "c", "--scope", "read", "--scope", "chat", "--json");
	expect(JSON.parse(both.stdout)).toMatchObject({ scopes: ["chat", "read"] });
	expect((await keys("revoke", anna.email, "--all", "--json")).stdout).toBe('{"revoked":3}\n');
	expect(await statusWith(first.key)).toBe(401);
	expect((await keys("list", anna.email)).stdout).toBe("");
}, 60_000);

test("wrong use is 2 and says what is right; nobody is 4; nothing is made", async () => {
	const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
		[["create", anna.email], 2, /--name/],
		[["create", anna.email, "--name", " "], 2, /--name/],
		[["create", anna.email, "--name", "x", "--scope", "admin"], 2, /--scope must be/],
		[["create", anna.email, "--name", "x", "--scope", ""], 2, /--scope must be/],
		[["create", anna.email, "--name", "x", "--expires", "soon"], 2, /--expires must be from 1m to 3650d, such as 1d, or never/],
		[["create", anna.email, "--name", "x", "--expires", "0"], 2, /--expires/],
		[["create", anna.email, "--name", "x", "--expires", "3651d"], 2, /3650d/],
		[["create", "nobody@box.local", "--name", "x"], 4, /User not found/],
		[["revoke", anna.email], 2, /--all/],
		[["revoke", anna.email, "pk_aaaaaa", "--all"], 2, /--all/],
	];
	for (const [args, status, sentence] of wrong) {
		const result = await keys(...args);
		expect([args, result.status, result.stdout]).toEqual([args, status, ""]);
		expect(result.stderr).toMatch(sentence);
	}
	expect((await keys("list", anna.email, "--json")).stdout).toBe("[]\n");
}, 60_000);
