// Data as a line of JSON on standard output, which may be a terminal.

/** JSON on one line. What JSON leaves as it is and a terminal takes for a command stands in it as escapes, which mean the same. */
export function jsonLine(value: unknown): string {
	return JSON.stringify(value).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
		character
			.split("")
			.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
			.join(""),
	);
}
