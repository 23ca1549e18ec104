// The compiled program, built once for all tests from the sources as they are, and called as a person would: with arguments, an
// environment of its own, a bounded time; or on a terminal.
//
//   const { status, stdout, stderr } = await run(["config"], { env: { PORT: "9100" } });
//   const talk = await converse(["init"]);  await talk.shows("Who may sign up?");  talk.type("\r");  await talk.exited;

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { compile } from "../../cli/release/compile.ts";

const root = resolve(import.meta.dir, "../..");
const cache = join(root, ".cache", "binary");
/** Longer than any run of tests; each one is over 100 MB. */
const UNUSED_AFTER_MS = 20 * 60_000;

let built: Promise<string> | undefined;

/** The path of the program, as compiled from the sources that are there now. */
export function binary(): Promise<string> {
	built ??= build();
	return built;
}

async function build(): Promise<string> {
	const folder = join(cache, hashOfSources());
	const path = join(folder, process.platform === "win32" ? "pocketllm.exe" : "pocketllm");
	if (existsSync(path)) utimesSync(folder, new Date(), new Date());
	else await compile({ root, outfile: path, commit: "test" });
	for (const name of readdirSync(cache)) {
		const other = join(cache, name);
		if (Date.now() - statSync(other).mtimeMs > UNUSED_AFTER_MS) rmSync(other, { recursive: true, force: true });
	}
	return path;
}

function hashOfSources(): string {
	const hash = new Bun.CryptoHasher("sha256");
	hash.update(Bun.version + Bun.revision);
	const files = [...new Bun.Glob("{cli,src}/**/*").scanSync({ cwd: root }), "package.json", "bun.lock"].sort();
	for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
	return hash.digest("hex").slice(0, 16);
}

const folders: string[] = [];
process.on("exit", () => {
	for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder that goes away with this process; where that ended without a word (`bun test` tells no exit), with the next one. */
export function scratch(): string {
	mkdirSync(tmpdir(), { recursive: true });
	if (folders.length === 0) sweep();
	const folder = mkdtempSync(join(tmpdir(), `pocketllm-of-${process.pid}-`));
	folders.push(folder);
	return folder;
}

function sweep(): void {
	for (const name of readdirSync(tmpdir())) {
		const pid = /^pocketllm-of-(\d+)-/.exec(name)?.[1];
		if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(tmpdir(), name), { recursive: true, force: true });
	}
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error instanceof Error && "code" in error && error.code === "EPERM";
	}
}

export type Call = {
	/** Beside PATH and HOME, which are an ordinary one and an empty folder. `undefined` takes one away. */
	readonly env?: Readonly<Record<string, string | undefined>>;
	/** Standard input; none unless told. */
	readonly stdin?: string;
	readonly cwd?: string;
	/** Another copy of the program, or words before it such as `setpriv …`. */
	readonly program?: readonly string[];
	readonly timeoutMs?: number;
};

export type Ended = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** Runs the program to its end; throws when that takes longer than 30 s. */
export async function run(args: readonly string[], call: Call = {}): Promise<Ended> {
	const child = Bun.spawn([...(call.program ?? [await binary()]), ...args], {
		cwd: call.cwd ?? scratch(),
		env: environmentOf(call),
		stdin: call.stdin === undefined ? "ignore" : new Blob([call.stdin]),
		stdout: "pipe",
		stderr: "pipe",
		timeout: call.timeoutMs ?? 30_000,
		killSignal: "SIGKILL",
	});
	const [stdout, stderr, status] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
	if (child.signalCode === "SIGKILL") throw new Error(`pocketllm ${args.join(" ")} did not end in time; it said:\n${stderr}`);
	return { status, stdout, stderr };
}

export function environmentOf(call: Call): Record<string, string> {
	const all: Record<string, string | undefined> = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: scratch(), ...call.env };
	return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

export type Conversation = {
	/** Resolves when this text has come since the last time it was waited for; throws after 20 s, or when the program ends without it. */
	readonly shows: (text: string) => Promise<void>;
	/** Resolves with the first of these texts that comes. */
	readonly showsAny: (texts: readonly string[]) => Promise<string>;
	readonly type: (keys: string) => void;
	/** All that was shown. */
	readonly screen: () => string;
	/** The exit status; throws when it does not end within 20 s. */
	readonly ended: () => Promise<number>;
};

const PATIENCE_MS = 20_000;

/** Runs the program on a terminal of 80 columns, without colours so that its words can be found. */
export async function converse(args: readonly string[], call: Call = {}): Promise<Conversation> {
	let screen = "";
	let seen = 0;
	let isOver = false;
	const decoder = new TextDecoder();
	const child = Bun.spawn([...(call.program ?? [await binary()]), ...args], {
		cwd: call.cwd ?? scratch(),
		env: environmentOf({ ...call, env: { TERM: "xterm-256color", NO_COLOR: "1", ...call.env } }),
		terminal: {
			cols: 80,
			rows: 40,
			data: (_terminal, data) => {
				screen += decoder.decode(data, { stream: true });
			},
		},
		timeout: call.timeoutMs ?? 60_000,
		killSignal: "SIGKILL",
	});
	const exited = child.exited.then((status) => {
		isOver = true;
		return status;
	});
	const showsAny = async (texts: readonly string[]): Promise<string> => {
		const deadline = performance.now() + PATIENCE_MS;
		for (;;) {
			const wasOver = isOver;
			const found = texts
				.map((text) => ({ text, at: screen.indexOf(text, seen) }))
				.filter(({ at }) => at >= 0)
				.sort((a, b) => a.at - b.at)[0];
			if (found !== undefined) {
				seen = found.at + found.text.length;
				return found.text;
			}
			if (wasOver || performance.now() > deadline) {
				child.kill("SIGKILL");
				throw new Error(`None of «${texts.join("», «")}» came; the screen:\n${Bun.stripANSI(screen)}`);
			}
			await Bun.sleep(10);
		}
	};
	return {
		showsAny,
		shows: async (text) => {
			await showsAny([text]);
		},
		type: (keys) => {
			child.terminal?.write(keys);
		},
		screen: () => screen,
		ended: async () => {
			const status = await Promise.race([exited, Bun.sleep(PATIENCE_MS).then(() => undefined)]);
			if (status === undefined) {
				child.kill("SIGKILL");
				throw new Error(`It does not end; the screen:\n${Bun.stripANSI(screen)}`);
			}
			// The last words can come a moment after the end.
			await Bun.sleep(20);
			child.terminal?.close();
			return status;
		},
	};
}
