// The only reader of the process's environment.

/** The environment as it was when the process started. */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
	return process.env;
}
