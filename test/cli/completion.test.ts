// Completions and the man page name what the program has, in the language of their reader.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createProgram } from "../../cli/program.ts";
import { manualOf } from "../../cli/release/manual.ts";
import { outlineOf } from "../../cli/release/outline.ts";
import { OPTIONS } from "../../src/config/options.ts";
import { run, scratch } from "../support/binary.ts";

const outline = outlineOf(createProgram(async () => undefined));

describe("completions", () => {
	for (const shell of ["bash", "zsh", "fish"]) {
		test(`${shell}: every command and flag`, async () => {
			const { stdout, status } = await run(["completion", shell]);
			for (const { name, flags } of outline.commands) {
				expect(stdout).toContain(name.split(" ").at(-1) ?? "");
				for (const { long } of flags) expect(stdout).toContain(shell === "fish" ? ` -l ${long.slice(2)}` : long);
			}
			expect(status).toBe(0);
		});
	}

	test("bash itself takes the script", async () => {
		const file = join(scratch(), "script");
		writeFileSync(file, (await run(["completion", "bash"])).stdout);
		expect(await run([], { program: ["bash", "-n", file] })).toEqual({ status: 0, stdout: "", stderr: "" });
	});

	test("bash offers what fits", async () => {
		const file = join(scratch(), "script");
		writeFileSync(file, (await run(["completion", "bash"])).stdout);
		const offered = async (words: string) => {
			const script = `source ${file}; COMP_WORDS=(pocketllm ${words}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _pocketllm; echo "\${COMPREPLY[@]}"`;
			return (await run([], { program: ["bash", "-c", script] })).stdout.trim();
		};
		expect(await offered("cre")).toBe("create-admin");
		expect(await offered("--json ser")).toBe("serve");
		expect(await offered("serve --po")).toBe("--port");
		expect(await offered("completion z")).toBe("zsh");
		expect(await offered("us")).toBe("users");
		expect(await offered("users li")).toBe("list");
		expect(await offered("users --json list --js")).toBe("--json");
		expect(await offered("serve --port 9")).toBe("");
	});

	test("another shell is refused with those there are: status 2", async () => {
		const { status, stderr } = await run(["completion", "tcsh"]);
		expect(stderr).toMatch(/Allowed choices are bash, zsh, fish\./);
		expect(status).toBe(2);
	});
});

test("the man page has every command, flag and setting, and no line that roff would take for a request", () => {
	const page = manualOf(outline, "1.2.3");
	const bare = page.replace(/\\-/g, "-");
	for (const { name, flags } of outline.commands) {
		expect(bare).toContain(`.SS ${name}\n`);
		for (const { long } of flags) expect(bare).toContain(long);
	}
	for (const { name } of Object.values(OPTIONS)) expect(bare).toContain(`.B ${name}\n`);
	for (const line of page.split("\n")) expect(line).toMatch(/^(?![.'])|^\.(TH|SH|SS|TP|B|I)( |$)/);
});
