// What the README names is there: settings, files, commands, flags, scripts, stages, headings.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { createProgram } from "../../cli/program.ts";
import { README_PATH, withSettings } from "../../cli/release/readme.ts";
import packageJson from "../../package.json";
import { loadConfig, parseConfigFile } from "../../src/config/load.ts";
import { OPTIONS } from "../../src/config/options.ts";
import { scratch } from "../support/binary.ts";
import { CODE_BLOCKS, commandLines, onlyBlock, PROSE, quoted, README } from "./markdown.ts";

const root = dirname(README_PATH);

test("the settings section is what the table of settings says (else: bun run readme)", () => {
	expect(README).toBe(withSettings(README));
});

test("a setting that changes makes the section another one", () => {
	expect(withSettings(README.replace("`HOST`", "`HOTS`"))).toBe(README);
	expect(() => withSettings("# no marks")).toThrow("must hold these two lines");
});

test("names in capitals are settings, or one of the few that others made", () => {
	const others = ["KEY=VALUE", "NAME_FILE", "MIGRATE_TO", "MIGRATE_TO_FILE", "NODE_EXTRA_CA_CERTS", "POCKETLLM_RELEASES", "SHA256SUMS"];
	const known = new Set<string>([...Object.values(OPTIONS).flatMap(({ name }) => [name, `${name}_FILE`]), ...others]);
	const named = quoted().filter((text) => /^[A-Z][A-Z0-9_]+(=|$)/.test(text));
	expect(named.length).toBeGreaterThan(40);
	expect(named.filter((text) => !known.has(text) && !known.has(text.split("=")[0] ?? ""))).toEqual([]);
});

test("the lines for the config file are taken as such, each block by itself", () => {
	const blocks = CODE_BLOCKS.filter(({ language }) => language === "env").map(({ code }) => {
		const problems: string[] = [];
		const values = parseConfigFile(code, "pocketllm.env", problems);
		expect(problems).toEqual([]);
		// Each value is one that its setting takes, and together they are ones that a server starts with.
		const configFile = join(scratch(), "pocketllm.env");
		writeFileSync(configFile, code, { mode: 0o600 });
		loadConfig({ flags: { dataDir: scratch() }, environment: {}, configFile });
		return [...values.keys()];
	});
	expect(blocks).toEqual([
		["TRUSTED_PROXIES", "PUBLIC_URL"],
		["HEADER_LOGIN_NAME", "HEADER_LOGIN_PROXIES", "HEADER_LOGIN_SIGNUP"],
	]);
});

test("files that are named are there", () => {
	const links = [...PROSE.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? "").filter((target) => !/^(https?:|#)/.test(target));
	const paths = quoted().filter((text) => /^\.?\/?(src|cli|test|\.ci|\.github)\/[\w./-]*$|^\.\/\S+$/.test(text));
	expect(links).toContain("LICENSE");
	expect(paths.length).toBeGreaterThan(10);
	expect([...links, ...paths].filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("links within the README lead to a heading", () => {
	const headings = [...README.matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) =>
		text
			.toLowerCase()
			.replace(/[^\w\s-]/g, "")
			.replaceAll(" ", "-"),
	);
	const targets = [...PROSE.matchAll(/\]\(#([^)]+)\)/g)].map(([, target]) => target ?? "");
	expect(targets).toContain("settings");
	expect(targets.filter((target) => !headings.includes(target))).toEqual([]);
});

describe("commands are taken by what they are given to", () => {
	const quotedCommands = quoted().filter((text) => /^(pocketllm|bun|\.\/install\.sh) ./.test(text));
	const lines = [...commandLines(), ...quotedCommands].flatMap((line) => line.split("|")).map((line) => line.trim());

	const service = /^ExecStart=\S*(pocketllm .+)$/m.exec(onlyBlock("ini"))?.[1] ?? "";
	const ours = [...lines, service].flatMap((line) => /^(?:[A-Z_]+=\S+ |sudo |-u pocketllm )*pocketllm (.+)$/.exec(line)?.[1] ?? []);
	test("there are some of each", () => {
		expect(ours.length).toBeGreaterThan(8);
		expect(service).toBe("pocketllm serve");
	});
	for (const line of new Set(ours)) {
		test(`pocketllm ${line}`, async () => {
			const ran: string[] = [];
			// The real program, but for the work: nothing is done when a command is run.
			await createProgram(async (command) => void ran.push(command)).parseAsync(line.split(" "), { from: "user" });
			expect(ran).toHaveLength(1);
		});
	}

	test("bun run", () => {
		const scripts = lines.flatMap((line) => /^bun run (\w\S*)/.exec(line)?.[1] ?? []);
		expect(scripts.length).toBeGreaterThan(5);
		expect(scripts.filter((name) => !(name in packageJson.scripts))).toEqual([]);
	});

	test("install.sh", () => {
		const help = Bun.spawnSync(["sh", join(root, "install.sh"), "--help"]).stdout.toString();
		const flags = lines.filter((line) => line.startsWith("./install.sh")).flatMap((line) => line.match(/--\w+/g) ?? []);
		expect(flags).toContain("--serve");
		expect(flags).toContain("--test");
		expect(flags.filter((flag) => !help.includes(flag))).toEqual([]);
	});
});

test("every library that the program is built with stands in the table, and none that is not", () => {
	const table = README.slice(README.indexOf("| Library | For |"), README.indexOf("SQLite, password hashes"));
	for (const name of [...Object.keys(packageJson.dependencies), "@scalar/api-reference"]) expect(table).toContain(name);
	expect(Object.keys(packageJson.devDependencies)).toContain("@scalar/api-reference");
	const rows = [...table.matchAll(/^\| (\S.*?) \|/gm)]
		.slice(1)
		.flatMap(([, names = ""]) => names.replace(/\[(.*?)\]\(.*?\)/g, "$1").split(", "));
	const installed = Object.keys({ ...packageJson.dependencies, ...packageJson.devDependencies });
	expect(rows.filter((name) => name !== "---" && !installed.includes(name))).toEqual([]);
});

test("neither the README nor its picture holds a path of the machine that made them", () => {
	const picture = readFileSync(join(root, ".github/picture.svg"), "utf8");
	for (const text of [README, picture])
		expect([root, homedir(), "/home/", "/Users/", "/tmp/"].filter((path) => text.includes(path))).toEqual([]);
});
