// Joins flag, environment, config file and default, in that order, to one frozen Config; or says every problem at once.

import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { type Config, OPTIONS, type Option, type OptionKey, problemsBetween } from "./options.ts";
import { problemsTogether } from "./together.ts";
import { SettingProblem } from "./values.ts";

export type Origin = "flag" | "environment" | "config file" | "default" | "unset";

/** What a command line gave: by key of the table, as text. */
export type Flags = Partial<Readonly<Record<OptionKey, string>>>;

export type ConfigSources = {
	readonly flags: Flags;
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** `--config FILE`: must exist. Without it `pocketllm.env` in the data folder is read when it is there. */
	readonly configFile?: string;
};

export type LoadedConfig = {
	readonly config: Config;
	readonly origins: Readonly<Record<OptionKey, Origin>>;
	/** Where the config file is, or would be. */
	readonly configFile: string;
	/** The files that NAME_FILE names, for the secrets that come from one. */
	readonly secretFiles: Partial<Readonly<Record<OptionKey, string>>>;
	/** Reads everything anew: the config file and the files of secrets may have changed. Throws a ConfigError as the first time. */
	readonly reload: () => LoadedConfig;
};

/** The settings are wrong. `problems` are whole sentences, each naming its setting and the remedy, none a value. */
export class ConfigError extends Error {
	readonly problems: readonly string[];

	constructor(problems: readonly string[]) {
		super(problems.join("\n"));
		this.name = "ConfigError";
		this.problems = problems;
	}
}

/** The keys of the table, in its order. */
export const OPTION_KEYS: readonly OptionKey[] = Object.keys(OPTIONS).filter((key): key is OptionKey => Object.hasOwn(OPTIONS, key));

/** Reads the settings. Throws a ConfigError with all problems. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
	const problems: string[] = [];
	const dataDir = findDataDir(sources, problems);
	if (sources.configFile === "") problems.push("--config must name a file, and names nothing.");
	const configFile = sources.configFile === undefined ? join(dataDir, "pocketllm.env") : resolve(sources.configFile);
	const file =
		sources.configFile === "" ? new Map<string, string>() : readConfigFile(configFile, sources.configFile !== undefined, problems);
	const values: Partial<Record<OptionKey, unknown>> = {};
	const origins: Partial<Record<OptionKey, Origin>> = {};
	const secretFiles: Partial<Record<OptionKey, string>> = {};
	for (const key of OPTION_KEYS) {
		const option: Option<unknown> = OPTIONS[key];
		const found = findText(key, option, sources, file, problems);
		origins[key] = found.origin;
		if (found.secretFile !== undefined) secretFiles[key] = found.secretFile;
		values[key] = key === "dataDir" ? dataDir : parse(option, found, problems);
	}
	// As below: each value that is there has its row's type.
	problems.push(...problemsTogether(values as Partial<Config>, (key) => origins[key] !== "unset" || isTold(key, problems)));
	// The loop above filled every key with a value of its row's type: that is what Config says.
	const config = Object.freeze(values) as Config;
	if (problems.length === 0) problems.push(...problemsBetween(config));
	if (problems.length > 0) throw new ConfigError(problems);
	return {
		config,
		origins: origins as Record<OptionKey, Origin>,
		configFile,
		secretFiles,
		reload: () => loadConfig(sources),
	};
}

/** Whether something was wrong with this setting already. */
function isTold(key: OptionKey, problems: readonly string[]): boolean {
	return problems.some((problem) => problem.startsWith(OPTIONS[key].name));
}

type Found = { readonly text: string | null; readonly origin: Origin; readonly where: string; readonly secretFile?: string };
type Picked = { readonly text: string; readonly secretFile?: string };

function findText(
	key: OptionKey,
	option: Option<unknown>,
	sources: ConfigSources,
	file: ReadonlyMap<string, string>,
	problems: string[],
): Found {
	const fromFlag = sources.flags[key];
	if (fromFlag !== undefined) return { text: fromFlag, origin: "flag", where: "on the command line" };
	const inEnvironment = pick(option, (name) => sources.environment[name], problems);
	if (inEnvironment !== undefined) return { ...inEnvironment, origin: "environment", where: "in the environment" };
	const inFile = pick(option, (name) => file.get(name), problems);
	if (inFile !== undefined) return { ...inFile, origin: "config file", where: "in the config file" };
	return { text: option.standard, origin: option.standard === null ? "unset" : "default", where: "by default" };
}

/** The setting, or the content of the file that NAME_FILE names. An empty value of a setting without a default is as good as none. */
function pick(option: Option<unknown>, lookUp: (name: string) => string | undefined, problems: string[]): Picked | undefined {
	const plain = lookUp(option.name);
	const path = option.secret ? lookUp(`${option.name}_FILE`) : undefined;
	if (path !== undefined && path !== "") {
		if (plain !== undefined && plain !== "") {
			problems.push(`${option.name} and ${option.name}_FILE are both set; keep one of them.`);
			return undefined;
		}
		try {
			return { text: readFileSync(path, "utf8").replace(/\r?\n$/, ""), secretFile: path };
		} catch (error) {
			problems.push(`${option.name}_FILE names a file that cannot be read (${reasonOf(error)}); correct the path or its permissions.`);
			return undefined;
		}
	}
	return plain === undefined || (plain === "" && option.standard !== "") ? undefined : { text: plain };
}

function parse(option: Option<unknown>, found: Found, problems: string[]): unknown {
	if (found.text === null) return undefined;
	if (option.unsupported !== undefined) {
		problems.push(`${option.name} (${found.where}) ${option.unsupported}.`);
		return undefined;
	}
	try {
		return option.type.parse(found.text);
	} catch (error) {
		if (!(error instanceof SettingProblem)) throw error;
		problems.push(`${option.name} (${found.where}) ${error.message}.`);
		return undefined;
	}
}

function findDataDir(sources: ConfigSources, problems: string[]): string {
	const { environment } = sources;
	const chosen = sources.flags.dataDir ?? (environment[OPTIONS.dataDir.name] || undefined);
	if (chosen !== undefined) {
		if (chosen === "" || chosen.includes("\0")) problems.push("POCKETLLM_DATA_DIR (--data-dir) must be a path, and not empty.");
		return resolve(chosen);
	}
	const state = environment.STATE_DIRECTORY?.split(":")[0];
	if (state !== undefined && isAbsolute(state)) return state;
	const xdg = environment.XDG_DATA_HOME;
	if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, "pocketllm");
	// A service often runs without HOME: the system's list of users knows its folder. An empty one means that there is none.
	const home = environment.HOME ?? homedir();
	if (home !== undefined && isAbsolute(home)) return join(home, ".local", "share", "pocketllm");
	const windows = environment.LOCALAPPDATA;
	if (windows !== undefined && windows !== "") return join(windows, "pocketllm");
	problems.push("POCKETLLM_DATA_DIR must be set, because there is no HOME to put the data folder in: give a folder with --data-dir.");
	return resolve("pocketllm-data");
}

function readConfigFile(path: string, mustExist: boolean, problems: string[]): ReadonlyMap<string, string> {
	let content: string;
	try {
		if (statSync(path).isDirectory()) throw new Error("it is a folder");
		content = readFileSync(path, "utf8");
	} catch (error) {
		if (!mustExist && errorCode(error) === "ENOENT") return new Map();
		if (!mustExist && errorCode(error) === "ENOTDIR") return new Map();
		problems.push(`The config file ${path} cannot be read (${reasonOf(error)}); correct its path or its permissions.`);
		return new Map();
	}
	return parseConfigFile(content, path, problems);
}

/**
 * KEY=VALUE lines; blank lines and lines that begin with # do not count; a value may stand in single or double quotes.
 * Names that are no setting, lines without `=` and quotes that do not close are problems: such a file was mistyped or half written.
 */
export function parseConfigFile(content: string, path: string, problems: string[]): ReadonlyMap<string, string> {
	const values = new Map<string, string>();
	const known = new Set(
		OPTION_KEYS.flatMap((key) => (OPTIONS[key].secret ? [OPTIONS[key].name, `${OPTIONS[key].name}_FILE`] : [OPTIONS[key].name])),
	);
	for (const [index, raw] of content
		.replace(/^\uFEFF/, "")
		.split(/\r?\n/)
		.entries()) {
		const line = raw.trim();
		if (line === "" || line.startsWith("#")) continue;
		const where = `${path}, line ${index + 1}`;
		const match = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/.exec(line);
		if (match === null) {
			problems.push(`${where}: a line must be KEY=VALUE; mend or remove it.`);
			continue;
		}
		const name = match[1] ?? "";
		const value = unquote(match[2] ?? "");
		if (!known.has(name)) problems.push(`${where}: ${name} is no setting of pocketllm${suggestion(name, known)}.`);
		else if (name === OPTIONS.dataDir.name)
			problems.push(`${where}: ${name} cannot stand in the config file, which is looked for there; use --data-dir or the environment.`);
		else if (value === undefined) problems.push(`${where}: the quotes around the value of ${name} do not close.`);
		else if (values.has(name)) problems.push(`${where}: ${name} stands twice; keep one of them.`);
		else values.set(name, value);
	}
	return values;
}

function unquote(text: string): string | undefined {
	const quote = text[0];
	if (quote !== '"' && quote !== "'") return text;
	if (text.length < 2 || !text.endsWith(quote)) return undefined;
	const inner = text.slice(1, -1);
	return quote === "'" ? inner : inner.replace(/\\(["\\])/g, "$1");
}

/** A value as it stands in a config file. */
export function quoteForConfigFile(value: string): string {
	return /^[A-Za-z0-9_./:@%+,?&=-]*$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

function suggestion(name: string, known: ReadonlySet<string>): string {
	const flat = (text: string) => text.toUpperCase().replace(/[^A-Z0-9]/g, "");
	const near = [...known].find((candidate) => flat(candidate) === flat(name) || distanceIsOne(candidate, name.toUpperCase()));
	return near === undefined ? "" : `; ${near} is`;
}

/** Whether two names differ by one character that was changed, added or left out. */
function distanceIsOne(a: string, b: string): boolean {
	if (Math.abs(a.length - b.length) > 1) return false;
	let start = 0;
	while (start < a.length && a[start] === b[start]) start += 1;
	let endA = a.length;
	let endB = b.length;
	while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
		endA -= 1;
		endB -= 1;
	}
	return endA - start <= 1 && endB - start <= 1;
}

function errorCode(error: unknown): string | undefined {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function reasonOf(error: unknown): string {
	switch (errorCode(error)) {
		case "ENOENT":
			return "it is not there";
		case "EACCES":
			return "permission denied";
		case "EISDIR":
			return "it is a folder";
		default:
			return error instanceof Error && errorCode(error) === undefined ? error.message : (errorCode(error) ?? "unknown reason");
	}
}
