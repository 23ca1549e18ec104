// The config file as text that somebody may have written by hand: single settings are changed, everything else stays as it stands.

import { randomBytes } from "node:crypto";
import {
	accessSync,
	closeSync,
	constants,
	existsSync,
	fsyncSync,
	mkdirSync,
	openSync,
	readFileSync,
	realpathSync,
	renameSync,
	rmSync,
	writeSync,
} from "node:fs";
import { dirname, join, sep } from "node:path";
import { ConfigError, parseConfigFile, quoteForConfigFile } from "../src/config/load.ts";
import { PocketError } from "../src/domain/errors.ts";

/** By name: the new value, or `null` to take the setting out. */
export type EnvChanges = ReadonlyMap<string, string | null>;

const HEADER = "# Settings of pocketllm. `pocketllm config` shows all of them, with what is in force.\n";

/** The content with these settings changed. Comments, blank lines, order and other settings stay; new settings stand at the end. */
export function editConfig(content: string, changes: EnvChanges, comments: ReadonlyMap<string, string> = new Map()): string {
	const pending = new Map(changes);
	const lineEnd = content.includes("\r\n") ? "\r\n" : "\n";
	const kept = content.split(/\r?\n/).flatMap((line) => {
		const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=/.exec(line)?.[1];
		const value = name === undefined ? undefined : pending.get(name);
		if (name === undefined || value === undefined) return [line];
		pending.delete(name);
		return value === null ? [] : [`${name}=${quoteForConfigFile(value)}`];
	});
	while (kept.at(-1) === "") kept.pop();
	const added = [...pending].flatMap(([name, value]) => {
		if (value === null) return [];
		const comment = comments.get(name);
		return [...(comment === undefined ? [] : ["", `# ${comment}`]), `${name}=${quoteForConfigFile(value)}`];
	});
	const head = content.trim() === "" ? [HEADER.trimEnd()] : kept;
	return `${[...head, ...added].join(lineEnd)}${lineEnd}`;
}

/** The file's content; empty when it is not there. Codes: `not_permitted`. */
export function readConfigText(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		if (errorCode(error) === "ENOENT") return "";
		throw notWritable(path, error);
	}
}

/** What the file sets, by name. Rejects what `loadConfig` would reject. */
export function readConfigValues(content: string, path: string): ReadonlyMap<string, string> {
	const problems: string[] = [];
	const values = parseConfigFile(content, path, problems);
	if (problems.length > 0) throw new ConfigError(problems);
	return values;
}

/** Puts a whole new content, readable for its owner only, in the place of the old one. The old one is there until the new one is durable. */
export function replaceFile(path: string, content: string): void {
	const target = realPath(path);
	const temporary = `${target}.${randomBytes(4).toString("hex")}.new`;
	try {
		mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
		const file = openSync(temporary, "wx", 0o600);
		try {
			writeSync(file, content);
			fsyncSync(file);
		} finally {
			closeSync(file);
		}
		renameSync(temporary, target);
	} catch (error) {
		rmSync(temporary, { force: true });
		throw notWritable(path, error);
	}
}

/** Refuses early when a file could not be written: nobody should answer ten questions first. Codes: `not_permitted`. */
export function requireWritable(path: string): void {
	let folder = dirname(realPath(path));
	try {
		while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
		// The path with a dot is refused for a file, which even root cannot enter.
		accessSync(join(folder, ".", sep), constants.W_OK | constants.X_OK);
	} catch (error) {
		throw notWritable(path, error);
	}
}

/** A link is followed: the file behind it is replaced, not the link. */
function realPath(path: string): string {
	try {
		return realpathSync(path);
	} catch {
		return path;
	}
}

function notWritable(path: string, error: unknown): PocketError {
	const reasons: Readonly<Record<string, string>> = {
		EACCES: "permission denied",
		EPERM: "permission denied",
		EROFS: "the disk is read-only",
		ENOSPC: "the disk is full",
		ENOTDIR: "a part of its path is a file",
		EEXIST: "a part of its path is a file",
	};
	const reason = reasons[errorCode(error) ?? ""] ?? errorCode(error) ?? "unknown reason";
	return new PocketError(errorCode(error) === "ENOSPC" ? "store_full" : "not_permitted", {
		sentence: `${path} cannot be written (${reason}); mend that, or choose another folder with --data-dir.`,
		cause: error,
	});
}

function errorCode(error: unknown): string | undefined {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
