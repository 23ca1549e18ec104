// A folder of releases as install.sh expects it, with small scripts in place of the programs, and a way to run install.sh beside it.
// Each script says its own file name as its version, so a test sees which one was chosen.

import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";

const ASSETS = [
	"pocketllm-linux-x64",
	"pocketllm-linux-x64-baseline",
	"pocketllm-linux-x64-musl",
	"pocketllm-linux-x64-musl-baseline",
	"pocketllm-linux-arm64",
	"pocketllm-linux-arm64-musl",
	"pocketllm-darwin-x64",
	"pocketllm-darwin-arm64",
] as const;

/** What install.sh calls beside the shell itself; `curl`, `wget` and the checksum programs are named by the tests that want them. */
const TOOLS = ["awk", "chmod", "cp", "cut", "dirname", "grep", "ls", "mkdir", "mktemp", "mv", "rm", "sed", "uname"] as const;

export type Result = { readonly status: number | null; readonly output: string; readonly errors: string };

export type Sandbox = ReturnType<typeof createSandbox>;

/** A folder with install.sh alone in it, a release, a HOME and a place for stand-ins of programs. Remove it after use. */
export function createSandbox() {
	const root = mkdtempSync(join(tmpdir(), "pocketllm-install-"));
	const releases = join(root, "releases");
	const home = join(root, "home");
	const stubs = join(root, "stubs");
	for (const folder of [releases, home, stubs]) mkdirSync(folder);
	copyFileSync(join(import.meta.dir, "../../install.sh"), join(root, "install.sh"));
	for (const asset of ASSETS) writeFileSync(join(releases, asset), programNamed(asset));
	writeFileSync(join(releases, "SHA256SUMS"), ASSETS.map((asset) => `${sha256(programNamed(asset))}  ${asset}\n`).join(""));

	/** Puts a script before every other program of that name. */
	const addStub = (name: string, body: string): void => {
		writeFileSync(join(stubs, name), `#!/bin/sh\n${body}\n`);
		chmodSync(join(stubs, name), 0o755);
	};

	const run = async (command: readonly string[], environment: Readonly<Record<string, string | undefined>>): Promise<Result> => {
		const { PATH, LANG } = readEnvironment();
		const child = Bun.spawn([...command], {
			cwd: root,
			env: { PATH: `${stubs}:${PATH}`, LANG, HOME: home, POCKETLLM_RELEASES: releases, ...environment },
			stdin: "ignore",
			stdout: "pipe",
			stderr: "pipe",
			timeout: 60_000,
		});
		const [status, output, errors] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
		return { status, output, errors };
	};

	return {
		root,
		releases,
		home,
		program: join(home, ".local/bin/pocketllm"),
		addStub,
		run,
		/** Runs install.sh with these options and, over the usual ones, these variables; `undefined` unsets one. */
		install: (options: readonly string[] = [], environment: Readonly<Record<string, string | undefined>> = {}) =>
			run(["sh", "install.sh", ...options], environment),
		/** A PATH that has what install.sh always needs, and of the rest only these. */
		pathWithOnly: (names: readonly string[]): string => {
			const folder = mkdtempSync(join(root, "path-"));
			for (const name of [...TOOLS, ...names]) symlinkSync(Bun.which(name) ?? "/nowhere", join(folder, name));
			symlinkSync("/bin/sh", join(folder, "sh"));
			return `${stubs}:${folder}`;
		},
		/** Makes the machine look like another one. */
		pretend: (machine: { os?: string; processor?: string; libc?: "glibc" | "musl"; avx2?: boolean }): Record<string, string> => {
			addStub("uname", `case $1 in -m) echo ${machine.processor ?? "x86_64"} ;; *) echo ${machine.os ?? "Linux"} ;; esac`);
			addStub("ldd", machine.libc === "musl" ? "echo 'musl libc (x86_64)' >&2; exit 1" : "echo 'ldd (GNU libc) 2.36'");
			const cpuinfo = join(root, "cpuinfo");
			writeFileSync(cpuinfo, `processor\t: 0\nflags\t\t: fpu sse4_2 ${machine.avx2 === false ? "avx" : "avx avx2 bmi2"}\n`);
			return { POCKETLLM_CPUINFO: cpuinfo };
		},
		remove: (): void => rmSync(root, { recursive: true, force: true }),
	};
}

/** A script that answers `--version` with its name, and tells how it was called otherwise. */
export function programNamed(name: string): string {
	return `#!/bin/sh\nif [ "$1" = --version ]; then echo "${name}"; else echo "called with $*"; fi\n`;
}

function sha256(text: string): string {
	return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
