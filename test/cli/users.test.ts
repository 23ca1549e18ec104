// `pocketllm users`: people as an administrator sees and changes them in a shell.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { converse, type Ended, run, scratch } from "../support/binary.ts";

setDefaultTimeout(60_000);

const PASSWORD = "a-Tall-ladder-77";

type Place = {
	readonly dataDir: string;
	readonly env: Readonly<Record<string, string>>;
	readonly users: (...args: readonly string[]) => Promise<Ended>;
};

/** A data folder with an administrator, ada@example.org. */
async function place(settings: Readonly<Record<string, string>> = {}): Promise<Place> {
	const dataDir = join(scratch(), "data");
	const env = { POCKETLLM_DATA_DIR: dataDir, ...settings };
	await run(["create-admin", "--email", "ada@example.org", "--name", "Ada", "--password-stdin"], { env, stdin: PASSWORD });
	return { dataDir, env, users: (...args) => run(["users", ...args], { env, stdin: "" }) };
}

const admin = (email: string, env: Place["env"]) => run(["create-admin", "--email", email, "--password-stdin"], { env, stdin: PASSWORD });

describe("users list and show", () => {
	test("show people as a table, and as JSON for scripts; never a hash", async () => {
		const { users } = await place();
		const table = await users("list");
		expect(table.stdout).toMatch(/^E-MAIL +NAME +SINCE\nada@example\.org +Ada +\d{4}-\d\d-\d\d +administrator\n$/);
		const [ada] = JSON.parse((await users("list", "--json")).stdout);
		expect(ada).toMatchObject({ email: "ada@example.org", name: "Ada", admin: true, disabled: false });
		expect(JSON.parse((await users("show", "Ada@Example.org", "--json")).stdout)).toEqual({ ...ada, sessions: 0, logins: 0 });
		expect((await users("show", ada.id)).stdout).toContain("ada@example.org");
		expect(JSON.stringify([table, ada])).not.toContain("$argon2");
	});

	test("somebody who is not there is no such thing: status 4", async () => {
		const { users } = await place();
		const { status, stderr, stdout } = await users("show", "nobody@example.org");
		expect([status, stderr, stdout]).toEqual([4, "pocketllm: User not found. See who has an account: pocketllm users list.\n", ""]);
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

describe("users disable, enable, promote, demote", () => {
	test("change what they name, say so, and change nothing the second time", async () => {
		const { env, users } = await place();
		await admin("bob@example.org", env);
		const state = async () => {
			const { admin: isAdmin, disabled } = JSON.parse((await users("show", "bob@example.org", "--json")).stdout);
			return [isAdmin, disabled];
		};
		for (const [command, after, said, again] of [
			["demote", [false, false], "is an ordinary user now", "was no administrator"],
			["promote", [true, false], "is an administrator now", "was an administrator already"],
			["disable", [true, true], "is disabled", "was disabled already"],
			["enable", [true, false], "can sign in again", "was not disabled"],
		] as const) {
			const yes = command === "demote" || command === "disable" ? ["--yes"] : [];
			const first = await users(command, "bob@example.org", ...yes, "--json");
			expect([command, first.status, first.stderr.includes(said)]).toEqual([command, 0, true]);
			expect(JSON.parse(first.stdout)).toMatchObject({ email: "bob@example.org", admin: after[0], disabled: after[1] });
			const second = await users(command, "bob@example.org", ...yes);
			expect([second.status, second.stderr.includes(again), second.stdout]).toEqual([0, true, ""]);
			expect(await state()).toEqual([...after]);
		}
	});

	test("never the last administrator: status 6, and nothing has changed", async () => {
		const { users } = await place();
		for (const command of ["disable", "demote", "delete"]) {
			const { status, stderr } = await users(command, "ada@example.org", "--yes");
			expect([command, status]).toEqual([command, 6]);
			expect(stderr).toContain("The last administrator");
		}
		expect((await users("list")).stdout).toContain("administrator");
	});

	test("what takes something away asks, names --yes without a terminal (status 2), and a No changes nothing (status 130)", async () => {
		const { env, users } = await place();
		await admin("bob@example.org", env);
		for (const command of ["disable", "demote", "delete", "logout"]) {
			const { status, stderr } = await users(command, "bob@example.org");
			expect([command, status, stderr.includes("--yes")]).toEqual([command, 2, true]);
			const talk = await converse(["users", command, "bob@example.org"], { env });
			await talk.shows("bob@example.org");
			talk.type("n");
			expect(await talk.ended()).toBe(130);
		}
		expect(JSON.parse((await users("show", "bob@example.org", "--json")).stdout)).toMatchObject({ admin: true, disabled: false });
	});
});

describe("users invite", () => {
	test("prints a link alone on standard output, lists it, and revokes it", async () => {
		const { users } = await place({ PUBLIC_URL: "https://chat.example", SIGNUP_MODE: "invite" });
		const made = await users("invite", "--note", "for \u001b[31mGrace", "--expires", "2d");
		expect(made.stdout).toMatch(/^https:\/\/chat\.example\/invite#[\w-]{43}\n$/);
		expect(made.stderr).toMatch(/Good once, until \d{4}-/);
		const listed = await users("invitations");
		expect(listed.stdout).toMatch(/^ID +GOOD UNTIL +NOTE\n[0-9a-f]{24} +\S+ \S+ UTC +for \[31mGrace\n$/);
		const [{ id, note, createdBy }] = JSON.parse((await users("invitations", "--json")).stdout);
		expect([note, createdBy]).toEqual(["for \u001b[31mGrace", null]);
		expect((await users("revoke-invitation", id)).status).toBe(0);
		expect((await users("revoke-invitation", id)).status).toBe(4);
		expect((await users("revoke-invitation", "nonsense")).status).toBe(2);
		expect((await users("invitations")).stderr).toContain("no invitation");
		const json = JSON.parse((await users("invite", "--json")).stdout);
		expect(Object.keys(json).sort()).toEqual(["createdAt", "createdBy", "expiresAt", "id", "link", "note"]);
	});

	test("without PUBLIC_URL names this machine, and says that it does; is refused where nobody may sign up", async () => {
		const { users } = await place({ HOST: "0.0.0.0", PORT: "9123" });
		const { stdout, stderr } = await users("invite");
		expect(stdout).toStartWith("http://127.0.0.1:9123/invite#");
		expect(stderr).toContain("PUBLIC_URL");
		const closed = await place({ SIGNUP_MODE: "closed" });
		const refused = await closed.users("invite");
		expect([refused.status, refused.stdout]).toEqual([6, ""]);
		expect(refused.stderr).toContain("SIGNUP_MODE");
	});

	test("a time that is none, too short or too long is wrong use", async () => {
		const { users } = await place();
		for (const expires of ["soon", "0", "10s", "91d"]) {
			const { status, stderr } = await users("invite", "--expires", expires);
			expect([expires, status]).toEqual([expires, 2]);
			expect(stderr).toContain("--expires must be from 1m to 90d");
		}
	});
});

describe("users export and delete", () => {
	test("the file is private, whole, and never replaces another; a copy comes before the deletion", async () => {
		const { env, users, dataDir } = await place();
		await admin("bob@example.org", env);
		const file = join(scratch(), "bob.json");
		expect((await users("export", "bob@example.org", file)).status).toBe(0);
		expect(statSync(file).mode & 0o777).toBe(0o600);
		expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ format: "pocketllm-export", account: { email: "bob@example.org" } });
		for (const args of [
			["export", "bob@example.org", file],
			["delete", "bob@example.org", "--export", file, "--yes"],
		]) {
			const { status, stderr } = await users(...args);
			expect([args[0], status, stderr.includes(file)]).toEqual([args[0], 5, true]);
		}
		const unwritable = await users("delete", "bob@example.org", "--export", "/nowhere/bob.json", "--yes");
		expect([unwritable.status, unwritable.stderr.includes("/nowhere/bob.json cannot be written")]).toEqual([6, true]);
		expect((await users("show", "bob@example.org")).status).toBe(0);

		const copy = join(scratch(), "copy.json");
		const gone = await users("delete", "bob@example.org", "--export", copy, "--yes", "--json");
		expect(JSON.parse(gone.stdout)).toMatchObject({ email: "bob@example.org", sessions: 0, export: copy });
		expect(JSON.parse(readFileSync(copy, "utf8")).account.email).toBe("bob@example.org");
		expect((await users("show", "bob@example.org")).status).toBe(4);
		expect(readdirSync(dataDir).filter((name) => name.includes("partial"))).toEqual([]);
	});
});

describe("users reset-password", () => {
	test("takes no password as an argument, and one source of it at most", async () => {
		const { users } = await place();
		const argument = await users("reset-password", "ada@example.org", PASSWORD);
		expect([argument.status, argument.stderr.includes(PASSWORD)]).toEqual([2, false]);
		expect((await users("reset-password", "ada@example.org", "--generate-password", "--password-stdin")).status).toBe(2);
		expect((await users("reset-password", "ada@example.org", "--generate-password", "--expires", "1d")).status).toBe(2);
		expect((await users("reset-password", "nobody@example.org")).status).toBe(4);
	});
});
