// The program where it is not at home: a hostile folder, a read-only one, no HOME, another user.

import { beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, run, scratch } from "../support/binary.ts";

const isRoot = process.getuid?.() === 0;

/** The program as a user without rights: nobody when the tests run as root, else the user that we are. */
let asUser: readonly string[] = [];
beforeAll(async () => {
	const program = join(shared(), "pocketllm");
	copyFileSync(await binary(), program);
	chmodSync(program, 0o755);
	asUser = isRoot ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program] : [program];
});

/** A folder that others may enter. */
function shared(): string {
	const folder = scratch();
	chmodSync(folder, 0o755);
	return folder;
}

describe("in a hostile folder", () => {
	test("neither .env nor a bunfig.toml with a preload is read", async () => {
		const cwd = scratch();
		writeFileSync(join(cwd, ".env"), "PORT=6666\nJWT_SECRET=changeme\n");
		writeFileSync(join(cwd, ".env.production"), "PORT=6667\n");
		writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
		writeFileSync(join(cwd, "evil.ts"), 'console.log("EVIL"); process.exit(66);\n');
		writeFileSync(join(cwd, "package.json"), '{"name": "evil", "type": "commonjs", "imports": {"#x": "./evil.ts"}}');
		writeFileSync(join(cwd, "tsconfig.json"), "{ not json");
		const { status, stdout } = await run(["config", "--json"], { cwd });
		const { settings } = JSON.parse(stdout);
		expect(settings).toContainEqual({ name: "PORT", value: "9000", origin: "default" });
		expect(stdout).not.toContain("EVIL");
		expect(status).toBe(0);
	});

	test("a node_modules with the names of our dependencies is not used", async () => {
		const cwd = scratch();
		mkdirSync(join(cwd, "node_modules", "commander"), { recursive: true });
		writeFileSync(join(cwd, "node_modules", "commander", "index.js"), "process.exit(66)");
		expect((await run(["--version"], { cwd })).status).toBe(0);
	});
});

test("as another user, without HOME, in a folder that is not writable", async () => {
	const cwd = shared();
	chmodSync(cwd, 0o555);
	const { status, stdout } = await run(["config", "--json", "--data-dir", join(cwd, "data")], {
		cwd,
		program: asUser,
		env: { HOME: undefined },
	});
	expect(JSON.parse(stdout).configFile).toBe(join(cwd, "data", "pocketllm.env"));
	expect(status).toBe(0);
});

test("init refuses a data folder that is not writable before it asks anything: status 6", async () => {
	const folder = shared();
	chmodSync(folder, 0o555);
	const { status, stderr } = await run(["init", "--yes", "--no-upstream", "--data-dir", join(folder, "data")], {
		program: asUser,
		cwd: "/",
	});
	expect(stderr.trimEnd()).toBe(
		`pocketllm: ${join(folder, "data", "pocketllm.env")} cannot be written (permission denied); mend that, or choose another folder with --data-dir.`,
	);
	expect(status).toBe(6);
});

test("serve refuses a data folder that is not writable, and names it", async () => {
	const folder = shared();
	chmodSync(folder, 0o555);
	const dataDir = join(folder, "data");
	const { status, stderr } = await run(["serve", "--port", "0", "--data-dir", dataDir], { program: asUser, cwd: "/" });
	expect(stderr.trimEnd().split("\n")).toHaveLength(1);
	expect(stderr).toContain(dataDir);
	expect([1, 6]).toContain(status);
});

test("a config file that may not be read is told with its path: status 3", async () => {
	const dataDir = shared();
	const file = join(dataDir, "pocketllm.env");
	writeFileSync(file, "PORT=1\n");
	chmodSync(file, 0);
	const { status, stderr } = await run(["config", "--data-dir", dataDir], { program: asUser, cwd: "/" });
	expect(stderr.trimEnd()).toBe(
		`pocketllm: The config file ${file} cannot be read (permission denied); correct its path or its permissions.`,
	);
	expect(status).toBe(3);
});

test("a data folder that is a file is told, never replaced: status 6", async () => {
	const file = join(scratch(), "data");
	writeFileSync(file, "precious");
	const { status, stderr } = await run(["init", "--yes", "--no-upstream", "--data-dir", file]);
	expect(stderr).toContain("a part of its path is a file");
	expect(await Bun.file(file).text()).toBe("precious");
	expect(status).toBe(6);
});
