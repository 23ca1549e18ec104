// The only reader of the process's environment, and its only writer.

/** The environment as it was when the process started. */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
	return process.env;
}

/** `--no-color`: everything that colours its output asks for NO_COLOR (https://no-color.org) when it is first used. */
export function forbidColor(): void {
	process.env.NO_COLOR = "1";
	delete process.env.FORCE_COLOR;
}
