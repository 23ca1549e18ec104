// A log that keeps what it is told, for tests that look at it.

import type { Log, LogFields } from "../../src/ports/log.ts";

export type Noted = {
	readonly log: Log;
	/** `level message`, in order. */
	readonly lines: () => readonly string[];
	/** The field `reason` of the lines that have one. */
	readonly reasons: () => readonly string[];
	/** Everything, as it would be written. */
	readonly text: () => string;
};

export function noteLog(): Noted {
	const entries: { readonly level: string; readonly message: string; readonly fields: LogFields }[] = [];
	const note = (level: string) => (fields: LogFields, message: string) => {
		entries.push({ level, message, fields });
	};
	return {
		log: { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") },
		lines: () => entries.map(({ level, message }) => `${level} ${message}`),
		reasons: () => entries.flatMap(({ fields }) => (typeof fields.reason === "string" ? [fields.reason] : [])),
		text: () => Bun.inspect(entries, { depth: 20 }),
	};
}
