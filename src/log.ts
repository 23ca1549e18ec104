// The operator's log: JSON lines through pino, or lines for a person when they look at a terminal. Always on standard error.

import pino from "pino";
import { escapeSteering, escapeSteeringInJson } from "./domain/steering.ts";
import type { Log, LogFields } from "./ports/log.ts";

export type LogOptions = {
	readonly level: "debug" | "info" | "warn" | "error" | "silent";
	/** Lines for a person in place of JSON. */
	readonly pretty: boolean;
	readonly color: boolean;
};

/** A log. Errors are written under `err` with their stack; nothing of them ever reaches a client. */
export function createLog({ level, pretty, color }: LogOptions): Log {
	const options: pino.LoggerOptions = {
		level,
		base: null,
		timestamp: pino.stdTimeFunctions.isoTime,
		formatters: { level: (label) => ({ level: label }) },
		hooks: { streamWrite: escapeSteeringInJson },
	};
	const logger = pretty
		? pino(options, { write: (line: string) => process.stderr.write(prettyLine(line, color)) })
		: pino(options, openDestination());
	return {
		debug: (fields, message) => logger.debug(fields, message),
		info: (fields, message) => logger.info(fields, message),
		warn: (fields, message) => logger.warn(fields, message),
		error: (fields, message) => logger.error(fields, message),
	};
}

/** What may wait for a reader of the log that does not read, in bytes; what comes beyond it is dropped. */
const MAX_UNREAD = 4 * 1024 * 1024;

/** Written off the main thread: a log that nobody reads, or a slow disk under it, must not stop a stream. */
function openDestination() {
	const destination = pino.destination({ dest: 2, sync: false, maxLength: MAX_UNREAD });
	// A log that went away (a closed terminal) is no reason to end.
	destination.on("error", () => {});
	process.on("exit", () => {
		try {
			destination.flushSync();
		} catch {
			// Nobody is left to read it.
		}
	});
	return destination;
}

const COLORS: Readonly<Record<string, string>> = { debug: "\x1b[2m", info: "\x1b[32m", warn: "\x1b[33m", error: "\x1b[31m" };

/** `10:46:03 info  request  status=200 …` */
function prettyLine(json: string, color: boolean): string {
	const fields: LogFields = JSON.parse(json);
	const { level, time, msg, err, ...rest } = fields;
	const clock = String(time).slice(11, 19);
	const label = String(level).padEnd(5);
	const painted = color ? `${COLORS[String(level)] ?? ""}${label}\x1b[0m` : label;
	const details = Object.entries(rest).map(([name, value]) =>
		escapeSteering(`${name}=${typeof value === "string" ? value : JSON.stringify(value)}`),
	);
	const stack =
		typeof err === "object" && err !== null && "stack" in err ? `\n${String(err.stack).split("\n").map(escapeSteering).join("\n")}` : "";
	return `${clock} ${painted} ${String(msg)}${details.length > 0 ? `  ${details.join(" ")}` : ""}${stack}\n`;
}
