// The README's systemd unit, as far as it can be tried without systemd: the program starts from its environment, keeps to its data
// folder, and what the unit takes away is what would have turned the program into something else.

import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { EXIT } from "../../cli/exit.ts";
import { OPTIONS } from "../../src/config/options.ts";
import { duration } from "../../src/config/values.ts";
import { binary, environmentOf, run, scratch } from "../support/binary.ts";
import { startChild } from "../support/child.ts";
import { onlyBlock } from "./markdown.ts";

const unit = new Map([...onlyBlock("ini").matchAll(/^(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]));
const listOf = (name: string): readonly string[] => (unit.get(name) ?? "").split(" ");

/** What systemd would give: the state folder, and what happened to be set, without what the unit takes away. */
function environment(state: string): Record<string, string> {
	const given = { BUN_BE_BUN: "1", BUN_OPTIONS: "--print=1", STATE_DIRECTORY: state, HOME: undefined, PORT: "0" };
	const all = environmentOf({ env: given });
	for (const name of listOf("UnsetEnvironment")) delete all[name];
	return all;
}

test("the service serves, and keeps everything in its state folder", async () => {
	const state = join(scratch(), unit.get("StateDirectory") ?? "");
	mkdirSync(state, { mode: 0o700 });
	const cwd = scratch();
	const [program, ...args] = (unit.get("ExecStart") ?? "").split(" ");
	expect(program).toBe("/usr/local/bin/pocketllm");
	const server = await startChild({
		command: [await binary(), ...args],
		cwd,
		environment: environment(state),
		isReady: ({ output }) => output().includes("listens on"),
	});
	await server.stop();
	expect(await server.exited).toBe(0);
	expect(readdirSync(state)).toContain("pocketllm.db");
	expect(statSync(state).mode & 0o777).toBe(Number.parseInt(unit.get("StateDirectoryMode") ?? "", 8));
	expect(readdirSync(cwd)).toEqual([]);
}, 60_000);

test("what the unit takes away would otherwise have turned the program into Bun", async () => {
	const all = environment(scratch());
	expect((await run(["--version"], { env: all })).stdout).toStartWith("pocketllm ");
	expect((await run(["--version"], { env: { ...all, BUN_BE_BUN: "1" } })).stdout).not.toStartWith("pocketllm ");
});

test("it is not started again after what another start cannot mend, and is given the time that a drain takes", () => {
	expect(listOf("RestartPreventExitStatus").map(Number)).toEqual([EXIT.wrongUse, EXIT.wrongSettings, EXIT.notAllowed]);
	expect(Number(unit.get("TimeoutStopSec")) * 1000).toBeGreaterThan(2 * duration.parse(OPTIONS.shutdownGrace.standard));
});
