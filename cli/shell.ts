// What every command is given: where data and remarks go, how it was asked to speak, and the settings on demand.
// No command writes to a stream, or reads the settings, any other way.

import { readEnvironment } from "../src/config/environment.ts";
import type { Flags, LoadedConfig } from "../src/config/load.ts";
import { escapeSteeringInJson } from "../src/domain/steering.ts";
import { write } from "./output.ts";

/** The options that stand before or after every command. */
export type GlobalOptions = {
	readonly dataDir?: string;
	readonly config?: string;
	readonly json?: boolean;
	readonly color?: boolean;
	readonly quiet?: boolean;
	readonly verbose?: boolean;
};

export type Shell = {
	readonly json: boolean;
	readonly quiet: boolean;
	readonly verbose: boolean;
	/** Data for the caller, to standard output: the object as one line of JSON with `--json`, else the text. */
	readonly give: (data: { readonly text: string; readonly json: unknown }) => void;
	/** A remark for the person, to standard error. `--quiet` silences it. */
	readonly say: (line: string) => void;
	/** What standard error is, for the log of a server. */
	readonly terminal: { readonly isTerminal: boolean; readonly color: boolean };
	/** The settings in force. Rejects with a ConfigError that holds every problem. */
	readonly settings: (flags?: Flags) => Promise<LoadedConfig>;
};

export function createShell(options: GlobalOptions): Shell {
	const json = options.json === true;
	const quiet = options.quiet === true;
	return {
		json,
		quiet,
		verbose: options.verbose === true,
		give: ({ text, json: value }) => {
			write("stdout", `${json ? escapeSteeringInJson(JSON.stringify(value)) : text}\n`);
		},
		say: (line) => {
			if (!quiet) write("stderr", `${line}\n`);
		},
		terminal: {
			isTerminal: process.stderr.isTTY === true,
			color: process.stderr.isTTY === true && options.color !== false && !readEnvironment().NO_COLOR,
		},
		settings: async (flags = {}) => {
			const { loadConfig } = await import("../src/config/load.ts");
			return loadConfig({
				flags: { ...flags, ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }) },
				environment: readEnvironment(),
				...(options.config === undefined ? {} : { configFile: options.config }),
			});
		},
	};
}
