// One executable from the sources: which entry points, which flags, which targets. What is built when stands in build.ts.

import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Glob } from "bun";
import { makeAssets } from "./assets.ts";

/** `--target` builds from one machine for all; Bun fetches the runtime of each from the npm registry that is configured, and keeps it. */
export const TARGETS = [
	"linux-x64",
	"linux-x64-baseline",
	"linux-arm64",
	"linux-x64-musl",
	"linux-x64-musl-baseline",
	"linux-arm64-musl",
	"darwin-x64",
	"darwin-arm64",
	"windows-x64",
] as const;

export type Target = (typeof TARGETS)[number];

/** What the executable for a target is called in a release. */
export function fileNameOf(target: Target): string {
	return `pocketllm-${target}${target.startsWith("windows") ? ".exe" : ""}`;
}

const FLAGS = [
	"--compile",
	"--bytecode",
	"--format=esm",
	// Never --minify: renamed identifiers break Elysia, which reads the sources of its handlers.
	"--minify-whitespace",
	"--minify-syntax",
	"--sourcemap",
	// Each lazily imported command and part in a chunk of its own: `--version` then loads nothing of the server (12 ms, else 18 ms).
	"--splitting",
	// Without these two the program would read .env, and run the preload of a bunfig.toml, of whatever folder it is started in.
	"--no-compile-autoload-dotenv",
	"--no-compile-autoload-bunfig",
];

export type Compilation = {
	/** The folder of package.json. */
	readonly root: string;
	readonly outfile: string;
	/** Without it: this machine. */
	readonly target?: Target;
	/** Shown by `pocketllm version`. */
	readonly commit?: string;
};

/**
 * Builds one executable. It appears at `outfile` when it is whole, also while an older one runs from there.
 * Throws with the bundler's words when it cannot.
 */
export async function compile({ root, outfile, target, commit }: Compilation): Promise<void> {
	// A worker is loaded by URL at run time, where the bundler does not see it: each is an entry point of its own.
	const workers = [...new Glob("src/**/worker.ts").scanSync({ cwd: root })].sort();
	mkdirSync(dirname(outfile), { recursive: true });
	// The bundler leaves a source map beside the executable, which has it inside as well; it goes with this folder.
	const folder = mkdtempSync(join(dirname(outfile), ".build-"));
	try {
		const built = join(folder, basename(outfile));
		const build = Bun.spawn(
			[
				process.execPath,
				"build",
				"cli/main.ts",
				...workers,
				...(await makeAssets(root, folder)),
				...FLAGS,
				...(target === undefined ? [] : [`--target=bun-${target}`]),
				...(commit === undefined ? [] : ["--define", `POCKETLLM_COMMIT=${JSON.stringify(commit)}`]),
				`--outfile=${built}`,
			],
			{ cwd: root, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
		);
		const [words, status] = await Promise.all([new Response(build.stderr).text(), build.exited]);
		if (status !== 0) throw new Error(`The build of ${outfile} failed:\n${words}`);
		chmodSync(built, 0o755);
		renameSync(built, outfile);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}
