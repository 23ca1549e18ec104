// Surroundings that the program does not like: a slow disk, a small one, a read-only one, few file handles, another clock. Each is given
// as words before the program, or as variables of its environment.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "../support/binary.ts";
import { findProgram, pathOf } from "../support/tools.ts";

export type SlowDisk = {
	readonly before: readonly string[];
	/** How many calls strace says that it has delayed. */
	readonly delayed: () => number;
};

/** Every fsync and fdatasync takes so much longer. Only those two calls stop for strace, which stands beside the program, not above it. */
export async function slowDisk(delayMs: number): Promise<SlowDisk> {
	const trace = join(scratch(), "strace");
	const calls = "fsync,fdatasync";
	const inject = `inject=${calls}:delay_enter=${delayMs * 1000}`;
	return {
		before: [pathOf(await findProgram("strace")), "-D", "-f", "--seccomp-bpf", "-o", trace, "-e", `trace=${calls}`, "-e", inject],
		delayed: () => (existsSync(trace) ? readFileSync(trace, "utf8").split("(DELAYED)").length - 1 : 0),
	};
}

/** Runs in a mount namespace of its own, after `mount`, in which `$1` is `path`; what is mounted ends with it. */
async function afterMount(mount: string, path: string): Promise<readonly string[]> {
	const script = `${mount} || exit 99; shift; exec "$@"`;
	for (const unshare of [
		["unshare", "--mount"],
		["unshare", "--mount", "--map-root-user"],
	]) {
		const child = Bun.spawn([...unshare, "sh", "-c", script, "sh", path, "true"], { stdout: "ignore", stderr: "ignore" });
		if ((await child.exited) === 0) return [...unshare, "sh", "-c", script, "sh", path];
	}
	throw new Error("nothing can be mounted here: run as root, or allow user namespaces");
}

/** A file system of so many MiB at `folder`, which is there. */
export function smallDisk(folder: string, mebibytes: number): Promise<readonly string[]> {
	return afterMount(`mount -t tmpfs -o size=${mebibytes}m none "$1"`, folder);
}

/** What a process sees at this path. */
export function asSeenBy(pid: number, path: string): string {
	return `/proc/${pid}/root${path}`;
}

/** A file or folder that cannot be written, not even by root. */
export function readOnly(path: string): Promise<readonly string[]> {
	return afterMount('mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"', path);
}

/** At most so many open files and sockets. */
export function fewHandles(count: number): readonly string[] {
	return ["sh", "-c", `ulimit -n ${count}; exec "$@"`, "sh"];
}

export type OtherClock = {
	readonly settings: Readonly<Record<string, string>>;
	/** Sets the wall clock so many seconds ahead of (or behind) the true one, and waits until the program sees it. */
	readonly jump: (seconds: number) => Promise<void>;
};

const CLOCK_CACHE_S = 1;

/** A wall clock that can be set while the program runs. The monotonic clock stays the kernel's. */
export async function otherClock(): Promise<OtherClock> {
	pathOf(await findProgram("faketime"));
	const folder = readdirSync("/usr/lib")
		.map((name) => join("/usr/lib", name, "faketime"))
		.find((path) => existsSync(path));
	if (folder === undefined) throw new Error("the package faketime has brought no library");
	const file = join(scratch(), "clock");
	writeFileSync(file, "+0");
	return {
		settings: {
			LD_PRELOAD: join(folder, "libfaketimeMT.so.1"),
			FAKETIME_TIMESTAMP_FILE: file,
			FAKETIME_CACHE_DURATION: String(CLOCK_CACHE_S),
			FAKETIME_DONT_FAKE_MONOTONIC: "1",
		},
		jump: async (seconds) => {
			writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}`);
			await Bun.sleep(CLOCK_CACHE_S * 1000 + 500);
		},
	};
}
