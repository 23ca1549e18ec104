// `bun run build`: dist/pocketllm for this machine. `bun run build --all`: one executable for each machine we release for, the
// man page, and SHA256SUMS, which install.sh reads.

import { statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { VERSION } from "../../src/version.ts";
import { createProgram } from "../program.ts";
import { compile, fileNameOf, TARGETS } from "./compile.ts";
import { manualOf } from "./manual.ts";
import { outlineOf } from "./outline.ts";

const root = resolve(import.meta.dir, "../..");
const dist = join(root, "dist");

async function main(): Promise<void> {
	const all = process.argv.slice(2).includes("--all");
	const commit = await currentCommit();
	if (!all) {
		const outfile = join(dist, process.platform === "win32" ? "pocketllm.exe" : "pocketllm");
		await compile({ root, outfile, ...commit });
		console.log(`${outfile}  ${megabytes(outfile)}`);
		return;
	}
	const lines: string[] = [];
	for (const target of TARGETS) {
		const outfile = join(dist, fileNameOf(target));
		await compile({ root, outfile, target, ...commit });
		lines.push(`${await sha256(outfile)}  ${fileNameOf(target)}`);
		console.log(`${outfile}  ${megabytes(outfile)}`);
	}
	writeFileSync(join(dist, "pocketllm.1"), manualOf(outlineOf(createProgram(async () => undefined)), VERSION));
	writeFileSync(join(dist, "SHA256SUMS"), `${lines.join("\n")}\n`);
}

/** The commit that is checked out; nothing in a checkout without git, or one with changes. */
async function currentCommit(): Promise<{ commit?: string }> {
	try {
		const commit = await Bun.$`git rev-parse --short=12 HEAD`.cwd(root).quiet().text();
		const changes = await Bun.$`git status --porcelain --untracked-files=no`.cwd(root).quiet().text();
		return { commit: `${commit.trim()}${changes === "" ? "" : "-changed"}` };
	} catch {
		return {};
	}
}

async function sha256(path: string): Promise<string> {
	const hash = new Bun.CryptoHasher("sha256");
	for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
	return hash.digest("hex");
}

function megabytes(path: string): string {
	return `${(statSync(path).size / 1e6).toFixed(1)} MB`;
}

await main();
