// The container image, built and run without a Docker engine: Debian's buildah builds it on a base that debootstrap made. buildah runs
// programs in a chroot, which is the user, the environment and the volume of the image, but no read-only root and no process 1; for these
// the kernel's own namespaces are used, as an engine does.

import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";
import { scratch } from "./binary.ts";
import { type Child, startChild } from "./child.ts";
import { type Found, findInCache, findProgram, pathOf } from "./tools.ts";

const root = resolve(import.meta.dir, "../..");
/** `lib` and what hangs on it is all that the program needs; the rest of a Debian is left out so that copies are quick. */
const LEFT_OUT = ["usr/share", "usr/lib/apt", "usr/lib/systemd", "usr/lib/udev", "var", "debootstrap"];

/** The unpacked essential packages of this machine's Debian; 40 MB are fetched the first time. */
export async function findBase(): Promise<Found> {
	const buildah = await findProgram("buildah");
	if (!buildah.ok) return buildah;
	const debootstrap = await findProgram("debootstrap");
	if (!debootstrap.ok) return debootstrap;
	if (process.getuid?.() !== 0) return { ok: false, reason: "only root can build an image without an engine here" };
	const codename = /^VERSION_CODENAME=(\S+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "stable";
	return findInCache(`container-base-${codename}-2`, (folder) => [
		// Unpacked and not set up: nothing of it is ever run but the shell.
		[debootstrap.path, "--foreign", "--variant=minbase", codename, folder],
		["rm", "-rf", ...LEFT_OUT.map((name) => join(folder, name))],
		// It leaves a link to our own /proc there.
		["find", join(folder, "proc"), "-maxdepth", "0", "-type", "l", "-delete"],
		["chmod", "755", folder],
		["mkdir", "-p", join(folder, "var"), join(folder, "proc"), join(folder, "dev"), join(folder, "sys"), join(folder, "tmp")],
	]);
}

export type ImageConfig = {
	readonly User: string;
	readonly Env: readonly string[];
	readonly Entrypoint: readonly string[];
	readonly Cmd: readonly string[];
	readonly Volumes: Readonly<Record<string, object>>;
	readonly StopSignal: string;
	readonly Healthcheck: { readonly Test: readonly string[] };
};

export type Image = {
	readonly config: ImageConfig;
	/** Where its files are. */
	readonly files: string;
	/** Takes everything that was built away again. */
	readonly remove: () => void;
	/** A folder that can be mounted as its volume. */
	readonly newVolume: () => string;
	/** Runs a command in it by buildah; the image's own user, environment and volume. */
	readonly run: (command: readonly string[], options: RunOptions) => Promise<{ status: number; output: string }>;
	/** Starts what the image starts, by buildah. Ready when it says so. */
	readonly start: (options: RunOptions) => Promise<Running>;
	/** The same with a read-only root, as process 1. */
	readonly startAlone: (options: RunOptions) => Promise<Running>;
};

export type RunOptions = { readonly volume: string; readonly environment: Readonly<Record<string, string>> };

export type Running = Child & {
	/** The program itself, as this machine numbers it. */
	readonly program: number;
};

/** Builds the image from this checkout. Takes half a minute. */
export async function buildImage(): Promise<Image> {
	const base = pathOf(await findBase());
	const buildah = pathOf(await findProgram("buildah"));
	const storage = scratch();
	const words = [buildah, "--root", join(storage, "root"), "--runroot", join(storage, "run"), "--storage-driver", "vfs"];
	const call = async (...args: readonly string[]): Promise<string> => {
		const { status, output } = await finished([...words, ...args]);
		if (status !== 0) throw new Error(`buildah ${args.join(" ")} ended with ${status}:\n${output.slice(-4000)}`);
		return output.trim().split("\n").at(-1) ?? "";
	};

	const container = await call("from", "scratch");
	await call("copy", "-q", container, base, "/");
	await call("commit", "-q", container, "localhost/base");
	// What the official image of Bun is to us: a shell and bun. Packages come from this machine's cache.
	await call("copy", "-q", container, process.execPath, "/usr/local/bin/bun");
	await call("config", "--env", "BUN_INSTALL_CACHE_DIR=/cache", "--env", "HOME=/root", container);
	await call("commit", "-q", container, "localhost/bun");
	const cache = (await finished([process.execPath, "pm", "cache"])).output.trim();
	const [baseArg, bunArg] = ["BASE=localhost/base", "BUN_IMAGE=localhost/bun"];
	const how = ["--isolation", "chroot", "--format", "docker", "--volume", `${cache}:/cache`];
	await call("bud", ...how, "--build-arg", baseArg, "--build-arg", bunArg, "-t", "localhost/pocketllm", root);

	const working = await call("from", "localhost/pocketllm");
	const { Docker }: { Docker: { config: ImageConfig } } = JSON.parse(
		(await finished([...words, "inspect", "--type", "image", "localhost/pocketllm"])).output,
	);
	const files = await call("mount", working);
	const { config } = Docker;
	const inBuildah = ({ volume, environment }: RunOptions, command: readonly string[]): string[] => [
		...words,
		"run",
		"--isolation",
		"chroot",
		"--volume",
		`${volume}:/data`,
		...Object.entries(environment).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
		working,
		"--",
		...command,
	];
	return {
		config,
		files,
		remove: () => rmSync(storage, { recursive: true, force: true }),
		newVolume: () => newVolume(config),
		run: (command, options) => finished(inBuildah(options, command)),
		start: (options) => started(inBuildah(options, [...config.Entrypoint, ...config.Cmd])),
		startAlone: (options) => started(alone(files, config, options), environmentIn(config, options)),
	};
}

/** As an engine makes a new volume: with the owner that the folder has in the image. */
function newVolume({ User }: ImageConfig): string {
	const folder = join(scratch(), "data");
	mkdirSync(folder, { mode: 0o755 });
	const [user, group] = User.split(":").map(Number);
	chownSync(folder, user ?? 0, group ?? 0);
	return folder;
}

/** `$1`: the root, `$2`: the volume, `$3`: the user; then the command. */
const ALONE = `set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind "$2" "$1/data"
mount -t proc proc "$1/proc"
mount -o remount,bind,ro "$1"
files=$1 user=$3
shift 3
exec chroot --userspec="$user" "$files" "$@"`;

function alone(files: string, { User, Entrypoint, Cmd }: ImageConfig, { volume }: RunOptions): string[] {
	const apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child"];
	return [...apart, "sh", "-c", ALONE, "sh", files, volume, User, ...Entrypoint, ...Cmd];
}

/** A command beside the program that `startAlone` started, in the same container: by its user, or by root. */
export function beside(image: Image, program: number, command: readonly string[], options: RunOptions & { readonly asRoot?: boolean }) {
	const [user, group] = image.config.User.split(":");
	const as = options.asRoot === true ? [] : ["--setuid", user ?? "", "--setgid", group ?? ""];
	const enter = ["nsenter", "--target", String(program), "--mount", "--pid", "--root", "--wd", ...as];
	return finished([...enter, ...command], environmentIn(image.config, options));
}

function environmentIn({ Env }: ImageConfig, { environment }: RunOptions): Record<string, string> {
	const own = Env.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const);
	return { ...Object.fromEntries(own), ...environment };
}

async function started(command: readonly string[], environment?: Record<string, string>): Promise<Running> {
	const child = await startChild({
		command,
		...(environment !== undefined && { environment }),
		isReady: ({ output }) => output().includes("Ready: pocketllm"),
	});
	const program = descendants(child.pid).find((pid) => wordsOf(pid)[0] === "/usr/local/bin/pocketllm");
	if (program === undefined) throw new Error(`the program is not there; it said:\n${child.output()}`);
	return { ...child, program };
}

/** Each thread has children of its own. */
function descendants(pid: number): readonly number[] {
	const threads = `/proc/${pid}/task`;
	const lists = existsSync(threads) ? readdirSync(threads).map((thread) => readFileSync(join(threads, thread, "children"), "utf8")) : [];
	const children = lists.flatMap((list) => list.trim().split(" ").filter(Boolean).map(Number));
	return children.flatMap((child) => [child, ...descendants(child)]);
}

function wordsOf(pid: number): readonly string[] {
	return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
}

/** A field of the kernel's report on a process. */
export function processField(pid: number, name: string): string {
	return new RegExp(`^${name}:\\s*(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
}

async function finished(command: readonly string[], environment?: Record<string, string>): Promise<{ status: number; output: string }> {
	const child = Bun.spawn([...command], {
		cwd: root,
		env: environment ?? readEnvironment(),
		stdin: "ignore",
		stdout: "pipe",
		stderr: "pipe",
		timeout: 300_000,
		killSignal: "SIGKILL",
	});
	const [status, output, errors] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
	return { status, output: status === 0 ? output : `${output}\n${errors}` };
}
