// Finds the programs that tests need beside Bun, or fetches them through package managers into a cache that outlives the checkout.
// Starting them is for the files named after them.

import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";

/** What was looked for: its path, or in one sentence why it is not to be had here. */
export type Found = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly reason: string };

/** Programs by name, with the Debian package that has each. */
const DEBIAN_PACKAGES = {
	buildah: "buildah",
	caddy: "caddy",
	chromium: "chromium",
	curl: "curl",
	debootstrap: "debootstrap",
	faketime: "faketime",
	git: "git",
	haproxy: "haproxy",
	java: "openjdk-17-jdk-headless",
	mvn: "maven",
	nginx: "nginx-light",
	openssl: "openssl",
	python3: "python3-pip",
	"redis-server": "redis-server",
	shellcheck: "shellcheck",
	strace: "strace",
	wget: "wget",
} as const;

export type ProgramName = keyof typeof DEBIAN_PACKAGES;

/** Debian keeps servers in sbin, which is not on everybody's PATH. */
const SEARCH_PATH = `${readEnvironment().PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;

/** Finds a program, or fetches its package. */
export async function findProgram(name: ProgramName): Promise<Found> {
	const find = (): string | null => Bun.which(name, { PATH: SEARCH_PATH });
	const there = find();
	if (there !== null) return { ok: true, path: there };
	const debianPackage = DEBIAN_PACKAGES[name];
	const installed = await installPackage(debianPackage, name);
	if (!installed.ok) return installed;
	const path = find();
	return path === null ? { ok: false, reason: `${debianPackage} did not bring ${name}` } : { ok: true, path };
}

/** Installs a Debian package that brings `what`; only root on Debian can. Takes up to 10 minutes. */
export async function installPackage(debianPackage: string, what: string): Promise<Found> {
	const apt = Bun.which("apt-get", { PATH: SEARCH_PATH });
	if (apt === null || process.getuid?.() !== 0) {
		return { ok: false, reason: `${what} is not installed, and only root on Debian can fetch it here; install ${debianPackage}` };
	}
	console.log(`Fetching ${what} (Debian's ${debianPackage}) …`);
	return runEach(
		[apt, "-qq", "update"],
		[apt, "-qq", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", "install", debianPackage],
	);
}

/** The path of what was found; throws with the reason when it was not. */
export function pathOf(found: Found): string {
	if (!found.ok) throw new Error(found.reason);
	return found.path;
}

/**
 * A folder of the cache that is filled once: by `commands`, each given the folder to fill. Two that fill it at once do not meet, and one
 * that breaks off leaves nothing. `name` says the version of what is in it.
 */
export async function findInCache(name: string, commands: (folder: string) => readonly (readonly string[])[]): Promise<Found> {
	const path = join(cacheFolder(), name);
	if (existsSync(path)) return { ok: true, path };
	mkdirSync(dirname(path), { recursive: true });
	const part = mkdtempSync(`${path}.part-`);
	console.log(`Fetching ${name} …`);
	const done = await runEach(...commands(part));
	try {
		if (done.ok) renameSync(part, path);
	} catch (error) {
		if (!existsSync(path)) throw error;
	} finally {
		rmSync(part, { recursive: true, force: true });
	}
	return done.ok ? { ok: true, path } : done;
}

/** Where fetched things are kept: with the user's other caches, else below the checkout (git ignores it there). */
function cacheFolder(): string {
	const { XDG_CACHE_HOME: xdg, HOME: home } = readEnvironment();
	const folder = xdg ? join(xdg, "pocketllm") : home ? join(home, ".cache", "pocketllm") : undefined;
	if (folder !== undefined && isWritable(folder)) return folder;
	return join(import.meta.dir, "..", "..", ".cache");
}

function isWritable(folder: string): boolean {
	try {
		mkdirSync(folder, { recursive: true });
		accessSync(folder, constants.W_OK);
		return true;
	} catch {
		return false;
	}
}

/** Runs commands one after the other, each for at most 5 minutes; the first that fails ends it. */
export async function runEach(...commands: readonly (readonly string[])[]): Promise<Found> {
	for (const command of commands) {
		const child = Bun.spawn([...command], {
			env: { ...readEnvironment(), DEBIAN_FRONTEND: "noninteractive" },
			stdin: "ignore",
			stdout: "pipe",
			stderr: "pipe",
			timeout: 300_000,
			killSignal: "SIGKILL",
		});
		const [status, output, errors] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
		if (status !== 0) {
			const lastLine = `${output}\n${errors}`.trim().split("\n").at(-1) ?? "";
			return { ok: false, reason: `${command.slice(0, 3).join(" ")} … failed (${child.signalCode ?? status}): ${lastLine}` };
		}
	}
	return { ok: true, path: "" };
}
