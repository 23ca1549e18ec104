// install.sh takes the program that fits the machine: operating system, processor, C library, AVX2.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { createSandbox, type Sandbox } from "./release_folder.ts";

let sandbox: Sandbox;
beforeEach(() => {
	sandbox = createSandbox();
});
afterEach(() => sandbox.remove());

const choices = [
	{ machine: { processor: "x86_64" }, asset: "pocketllm-linux-x64" },
	{ machine: { processor: "amd64" }, asset: "pocketllm-linux-x64" },
	{ machine: { processor: "x86_64", avx2: false }, asset: "pocketllm-linux-x64-baseline" },
	{ machine: { processor: "x86_64", libc: "musl" }, asset: "pocketllm-linux-x64-musl" },
	{ machine: { processor: "x86_64", libc: "musl", avx2: false }, asset: "pocketllm-linux-x64-musl-baseline" },
	{ machine: { processor: "aarch64", avx2: false }, asset: "pocketllm-linux-arm64" },
	{ machine: { processor: "arm64", libc: "musl", avx2: false }, asset: "pocketllm-linux-arm64-musl" },
	{ machine: { os: "Darwin", processor: "x86_64", avx2: false }, asset: "pocketllm-darwin-x64" },
	{ machine: { os: "Darwin", processor: "arm64" }, asset: "pocketllm-darwin-arm64" },
] as const;

for (const { machine, asset } of choices) {
	test(`${JSON.stringify(machine)} gets ${asset}`, async () => {
		const result = await sandbox.install([], sandbox.pretend(machine));
		expect(result).toMatchObject({ status: 0, errors: "" });
		expect(result.output).toContain(`Installed ${sandbox.program} (${asset}).`);
	});
}

test("a Linux that does not tell its processor's abilities gets the program that runs everywhere", async () => {
	sandbox.pretend({});
	const result = await sandbox.install([], { POCKETLLM_CPUINFO: join(sandbox.root, "nothing") });
	expect(result.output).toContain("(pocketllm-linux-x64-baseline)");
});

test("macOS under Rosetta gets the program of its real processor", async () => {
	sandbox.addStub("sysctl", "echo 1");
	const result = await sandbox.install([], sandbox.pretend({ os: "Darwin", processor: "x86_64" }));
	expect(result.output).toContain("(pocketllm-darwin-arm64)");
});

for (const os of ["MINGW64_NT-10.0-22631", "MSYS_NT-10.0", "CYGWIN_NT-10.0"]) {
	test(`${os} is told in one line where its program is`, async () => {
		const result = await sandbox.install([], sandbox.pretend({ os }));
		expect(result.status).toBe(1);
		expect(result.errors).toMatch(/^install\.sh: Windows is not served by this script; take pocketllm-windows-x64\.exe .*\n$/);
	});
}

test("a processor or a system without a program is named in one line", async () => {
	const processor = await sandbox.install([], sandbox.pretend({ processor: "riscv64" }));
	expect(processor).toMatchObject({
		status: 1,
		errors: "install.sh: there is no PocketLLM for riscv64 processors; it runs on x86_64 and arm64.\n",
	});
	const system = await sandbox.install([], sandbox.pretend({ os: "Plan9" }));
	expect(system).toMatchObject({ status: 1, errors: "install.sh: there is no PocketLLM for Plan9; it runs on Linux and macOS.\n" });
});
