// `pocketllm users`: people as an administrator sees and changes them in a shell.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Ended, run, scratch } from "../support/binary.ts";

const PASSWORD = "a-Tall-ladder-77";

type Place = { readonly dataDir: string; readonly users: (...args: readonly string[]) => Promise<Ended> };

/** A data folder with an administrator, ada@example.org. */
async function place(): Promise<Place> {
	const dataDir = join(scratch(), "data");
	const env = { POCKETLLM_DATA_DIR: dataDir };
	await run(["create-admin", "--email", "ada@example.org", "--name", "Ada", "--password-stdin"], { env, stdin: PASSWORD });
	return { dataDir, users: (...args) => run(["users", ...args], { env, stdin: "" }) };
}

describe("users list and show", () => {
	test("show people as a table, and as JSON for scripts; never a hash", async () => {
		const { users } = await place();
		const table = await users("list");
		expect(table.stdout).toMatch(/^E-MAIL +NAME +SINCE\nada@example\.org +Ada +\d{4}-\d\d-\d\d +administrator\n$/);
		const [ada] = JSON.parse((await users("list", "--json")).stdout);
		expect(ada).toMatchObject({ email: "ada@example.org", name: "Ada", admin: true, disabled: false });
		expect(JSON.parse((await users("show", "Ada@Example.org", "--json")).stdout)).toEqual(ada);
		expect((await users("show", ada.id)).stdout).toContain("ada@example.org");
		expect(JSON.stringify([table, ada])).not.toContain("$argon2");
	});

	test("somebody who is not there is no such thing: status 4", async () => {
		const { users } = await place();
		const { status, stderr, stdout } = await users("show", "nobody@example.org");
		expect([status, stderr, stdout]).toEqual([4, "pocketllm: User not found\n", ""]);
	});

	test("without a database nothing is made: status 4, with the path and the remedy", async () => {
		const dataDir = join(scratch(), "none");
		const { status, stderr } = await run(["users", "list", "--data-dir", dataDir]);
		expect(stderr).toContain(dataDir);
		expect(stderr).toContain("--data-dir");
		expect(status).toBe(4);
		expect(existsSync(dataDir)).toBe(false);
	});
});
