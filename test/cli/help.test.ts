// Help, version and the behaviour of global options: what a person tries first.

import { describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { createProgram } from "../../cli/program.ts";
import { outlineOf } from "../../cli/release/outline.ts";
import { binary, converse, run } from "../support/binary.ts";

const COMMANDS = ["serve", "init", "create-admin", "users", "rotate-jwt-secret", "migrate", "config", "health", "version"];

describe("every command has help with examples, at most 80 columns wide", () => {
	const outline = outlineOf(createProgram(async () => undefined));
	for (const args of [["--help"], ...outline.commands.map(({ name }) => [...name.split(" "), "--help"]), ["help", "serve"]]) {
		test(args.join(" "), async () => {
			const { status, stdout, stderr } = await run(args);
			const tooWide = stdout.split("\n").filter((line) => line.length > 80 && !line.startsWith("  $ "));
			expect(tooWide).toEqual([]);
			expect(stdout).toContain("Examples:");
			expect(stdout).toContain("--data-dir <dir>");
			expect(stderr).toBe("");
			expect(status).toBe(0);
		});
	}
});

test("the help names every command", async () => {
	const { stdout } = await run(["--help"]);
	for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name}`, "m"));
});

test("global options may stand before or after the command", async () => {
	const before = await run(["--json", "version"]);
	const after = await run(["version", "--json"]);
	expect(JSON.parse(before.stdout)).toEqual(JSON.parse(after.stdout));
	expect(JSON.parse(after.stdout)).toEqual({
		version: expect.stringMatching(/^\d+\.\d+\.\d+/),
		commit: "test",
		bun: Bun.version,
		platform: `${process.platform}-${process.arch}`,
	});
});

test("--version takes at most 40 ms", async () => {
	const program = await binary();
	const times: number[] = [];
	for (let round = 0; round < 20; round += 1) {
		const start = performance.now();
		const { stdout, exitCode } = Bun.spawnSync([program, "--version"], { env: {} });
		times.push(performance.now() - start);
		expect(stdout.toString()).toMatch(/^pocketllm \d+\.\d+\.\d+\n$/);
		expect(exitCode).toBe(0);
	}
	// The best of twenty: the other core may be busy with other tests.
	expect(Math.min(...times)).toBeLessThan(40);
});

test("the program is at most 135 MB", async () => {
	expect(statSync(await binary()).size).toBeLessThan(135e6);
});

test("a reader that has seen enough is no failure", async () => {
	// The pause makes sure that the reader has gone before the first word.
	const script = `{ sleep 0.3; "$0" config; } | true; echo "$\{PIPESTATUS[0]}"; { sleep 0.3; "$0" --help; } | true; echo "$\{PIPESTATUS[0]}"`;
	const { stdout, stderr } = await run([], { program: ["bash", "-c", script, await binary()] });
	expect(stdout).toBe("0\n0\n");
	expect(stderr).not.toContain("pocketllm:");
});

test.if(existsSync("/dev/full"))("data that cannot be written is a failure: status 1", async () => {
	const { status, stderr } = await run([], { program: ["sh", "-c", '"$0" config --quiet > /dev/full', await binary()] });
	expect(stderr).toBe("pocketllm: The output cannot be written (ENOSPC).\n");
	expect(status).toBe(1);
});

test("--quiet leaves data and errors", async () => {
	const data = await run(["config", "--quiet"]);
	expect(data.stdout).toContain("PORT");
	expect(data.stderr).toBe("");
	const { stderr } = await run(["--quiet", "config", "--config", "/nowhere"]);
	expect(stderr).toContain("/nowhere cannot be read");
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that begins a colour is what is looked for.
const COLOUR = /\x1b\[(3[0-7]|9[0-7]|2|22|39)m/;

describe("colours", () => {
	for (const [what, args, env] of [
		["--no-color", ["--no-color"], { NO_COLOR: undefined }],
		["NO_COLOR", [], { NO_COLOR: "1" }],
	] as const) {
		test(`${what} keeps them away from questions`, async () => {
			const talk = await converse(["init", ...args], { env });
			await talk.shows("◆  Who may sign up?");
			talk.type("\x03");
			await talk.ended();
			expect(talk.screen()).not.toMatch(COLOUR);
		});
	}

	test("without either there are some", async () => {
		const talk = await converse(["init"], { env: { NO_COLOR: undefined } });
		await talk.shows("Who may sign up?");
		talk.type("\x03");
		await talk.ended();
		expect(talk.screen()).toMatch(COLOUR);
	});
});
