// Keeps an idle server small on Linux. What runs once at the start (parsing, linking, first requests) touches some 25 MB of the
// program's own code that is not touched again; those pages are clean copies of the executable file, so the kernel may drop them at any
// time, and does so first when memory is short. Here it is told to when the server has nothing to do. A page that is needed again comes
// back from the page cache for about a microsecond.

import { dlopen } from "bun:ffi";
import { readFileSync, realpathSync } from "node:fs";

/** madvise(2): the pages are not expected to be used; on a clean private mapping of a file nothing is lost. */
const MADV_DONTNEED = 4;
const LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** Drops the pages of the program's code that no one has written to. Does nothing, and says `false`, where that cannot be done. */
export function releaseProgramCode(): boolean {
	if (process.platform !== "linux") return false;
	try {
		const code = findCleanCode(readFileSync("/proc/self/smaps", "latin1"), realpathSync(process.execPath));
		const library = code === undefined ? undefined : openLibrary();
		if (code === undefined || library === undefined) return false;
		const result = library.symbols.madvise(code.start, code.end - code.start, MADV_DONTNEED);
		library.close();
		return result === 0;
	} catch {
		// A hardened kernel, another libc: the server is then as large as it is.
		return false;
	}
}

type Mapping = { readonly start: bigint; readonly end: bigint };

/** The executable mapping of this file, unless a page of it was written to. Only that one: relocated data looks read-only too, and is not clean. */
function findCleanCode(smaps: string, executable: string): Mapping | undefined {
	let found: Mapping | undefined;
	for (const line of smaps.split("\n")) {
		const header = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+\s*(.*)$/.exec(line);
		if (header !== null) {
			if (found !== undefined) return found;
			const isCode = header[3] === "r-xp" && header[4] === executable;
			if (isCode) found = { start: BigInt(`0x${header[1]}`), end: BigInt(`0x${header[2]}`) };
		} else if (found !== undefined && /^(Private_Dirty|Shared_Dirty|Anonymous|Swap):\s+[1-9]/.test(line)) {
			return undefined;
		}
	}
	return found;
}

function openLibrary() {
	for (const name of LIBRARIES) {
		try {
			return dlopen(name, { madvise: { args: ["u64", "u64", "i32"], returns: "i32" } });
		} catch {
			// The next name.
		}
	}
	return undefined;
}
