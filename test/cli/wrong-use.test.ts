// What the program says when it is called in the wrong way: one line that helps, the promised exit status, no value repeated.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { run, scratch } from "../support/binary.ts";

const SECRET = "correct-horse-battery";

describe("a wrong command line is refused with one line and status 2", () => {
	const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
		["an unknown flag", ["--prot", "1"], /^pocketllm: Unknown option '--prot'\..*--help\.$/],
		[
			"a flag that a command has not",
			["users", "logout", "a@b.c", "--all"],
			/Unknown option '--all'\. See pocketllm users logout --help\.$/,
		],
		["an argument that is missing", ["keys", "list"], /argument 'who'\. See pocketllm keys list --help\.$/],
		["a mistyped command of a group", ["users", "lst"], /Unknown command 'lst'.*See pocketllm users --help\.$/],
		["a mistyped flag of a command", ["serve", "--prot", "1"], /Did you mean --port\?/],
		["a mistyped command", ["serv"], /Unknown command 'serv'\. Did you mean serve\?/],
		["a flag without its value", ["serve", "--port"], /'--port <port>' argument missing/],
		["a password as an argument", ["create-admin", SECRET], /Too many arguments for 'create-admin'/],
		["a password behind an unknown flag", ["create-admin", `--password=${SECRET}`], /Unknown option '--password'/],
		["two flags that contradict", ["rotate-jwt-secret", "--now", "--grace", "5m"], /'--now' cannot be used with option '--grace/],
		[
			"two sources of a password",
			["create-admin", "--email", "a@b.c", "--password-stdin", "--generate-password"],
			/only one of --password-stdin/,
		],
		["a grace that is no duration", ["rotate-jwt-secret", "--yes", "--grace", "soon"], /--grace must be a duration/],
		["an e-mail address that is none", ["create-admin", "--email", "anna", "--generate-password"], /has an @ sign.*--email/],
		["a move to something else", ["migrate", "--to", "postgres://host/db"], /--to must be sqlite: or a MongoDB address/],
		["a move to a file", ["migrate", "--to", "sqlite:/tmp/x.db"], /sqlite: and nothing more.*--data-dir/],
		["a move to where everything is", ["migrate", "--to", "sqlite:"], /in the SQLite file already.*MONGODB_URI/],
		["a move that is only looked at", ["migrate", "--to", "sqlite:", "--status"], /--to.*--status/],
		["a move with a password in it", ["migrate", "--to", `mongodb://me:${SECRET}@host/db`], /must not hold a password.*MIGRATE_TO_FILE/],
		[
			"a move with a password among the options",
			["migrate", "--to", `mongodb://host/db?tls=true&tlsCertificateKeyFilePassword=${SECRET}`],
			/must not hold a password.*MIGRATE_TO_FILE/,
		],
		[
			"a key in a model server's URL",
			["init", "--yes", "--upstream", `openai+http://:${SECRET}@gpu/v1`],
			/must not hold a key.*--upstreams-file/,
		],
		["a model server that is none", ["init", "--yes", "--upstream", ""], /--upstream must name a model server; --no-upstream/],
		["a file of model servers that is none", ["init", "--yes", "--upstreams-file", ""], /--upstreams-file must name a file/],
		["a password file that is none", ["create-admin", "--email", "a@b.c", "--password-file", ""], /--password-file must name a file/],
		["an administrator wanted and not wanted", ["init", "--yes", "--no-admin", "--email", "a@b.c"], /--no-admin cannot be used/],
		[
			"an administrator without a password",
			["init", "--yes", "--email", "a@b.c"],
			/give --password-stdin, --password-file or --generate-password/,
		],
	];
	for (const [what, args, sentence] of cases) {
		test(what, async () => {
			const { status, stdout, stderr } = await run(args);
			expect(stderr.trimEnd()).toMatch(sentence);
			expect(stderr.trimEnd().split("\n")).toHaveLength(1);
			expect(stderr).not.toContain(SECRET);
			expect(stderr).not.toMatch(/\bat .*:\d+/);
			expect(stdout).toBe("");
			expect(status).toBe(2);
		});
	}
});

describe("without a terminal a question names the flags to give, with status 2", () => {
	const cases: readonly (readonly [readonly string[], RegExp])[] = [
		[["init"], /no terminal.*--yes, or --signup, --host, --port, --upstream or --no-upstream, --email or --no-admin/],
		[["init", "--signup", "open", "--host", "127.0.0.1", "--port", "9000", "--no-admin"], /give --yes, or --upstream or --no-upstream\.$/],
		[["create-admin"], /give --email and --password-stdin, --password-file or --generate-password/],
		[["create-admin", "--email", "a@b.c"], /give --password-stdin/],
		[["rotate-jwt-secret"], /give --yes/],
	];
	for (const [args, sentence] of cases) {
		test(args.join(" "), async () => {
			const { status, stderr } = await run(args, { stdin: "" });
			expect(stderr.trimEnd()).toMatch(sentence);
			expect(status).toBe(2);
		});
	}
});

test("no command at all shows the help on standard error, with status 2", async () => {
	const { status, stdout, stderr } = await run([]);
	expect(stderr).toContain("Usage: pocketllm");
	expect(stdout).toBe("");
	expect(status).toBe(2);
});

test("a group of commands alone shows its commands on standard error, with status 2; an unknown one of them is told", async () => {
	const { status, stdout, stderr } = await run(["users"]);
	expect(stderr).toContain("Usage: pocketllm users");
	expect(stderr).toMatch(/^ {2}list/m);
	expect(stdout).toBe("");
	expect(status).toBe(2);
	const mistyped = await run(["users", "lits"]);
	expect(mistyped.stderr).toMatch(/^pocketllm: Unknown command 'lits'\. Did you mean list\?/);
	expect(mistyped.status).toBe(2);
});

test("with --json an error is one line of JSON on standard error", async () => {
	const { status, stdout, stderr } = await run(["--json", "serve", "--prot", "1"]);
	expect(stderr.trimEnd().split("\n")).toHaveLength(1);
	expect(JSON.parse(stderr)).toEqual({ error: { code: "wrong_use", message: expect.stringContaining("--prot"), exitStatus: 2 } });
	expect(stdout).toBe("");
	expect(status).toBe(2);
});

test("a password file that is not there is no such thing: status 4", async () => {
	const { status, stderr } = await run(["create-admin", "--email", "a@b.c", "--password-file", "/nowhere/file"]);
	expect(stderr).toContain("/nowhere/file cannot be read");
	expect(status).toBe(4);
});

test("a password that is too short is refused by its length, never shown: status 2", async () => {
	const { status, stderr } = await run(["create-admin", "--email", "a@b.c", "--password-stdin"], { stdin: "kurz-1\n" });
	expect(stderr).not.toContain("kurz-1");
	expect(stderr.trimEnd().split("\n")).toHaveLength(1);
	expect(status).toBe(2);
});

test("only --verbose shows where an error came from", async () => {
	const env = { POCKETLLM_DATA_DIR: join(scratch(), "data") };
	const quiet = await run(["init", "--yes", "--upstream", "gopher://x"], { env });
	const verbose = await run(["--verbose", "init", "--yes", "--upstream", "gopher://x"], { env });
	expect(quiet.stderr).not.toContain("ConfigError");
	expect(verbose.stderr).toContain("ConfigError");
	expect([quiet.status, verbose.status]).toEqual([3, 3]);
});
