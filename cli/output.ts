// The two outputs. Everything the shell's door prints goes through here, so that the process can end when all of it has left, and so
// that data which could not be written is a failure.

type Output = "stdout" | "stderr";

let unwritten = 0;
let failure: NodeJS.ErrnoException | undefined;
let whenWritten: (() => void) | undefined;

export function write(output: Output, text: string): void {
	unwritten += 1;
	process[output].write(text, (error) => {
		if (output === "stdout") failure ??= error ?? undefined;
		unwritten -= 1;
		if (unwritten === 0) whenWritten?.();
	});
}

/** Resolves when everything has left, with what was wrong with standard output, if anything. */
export async function written(): Promise<NodeJS.ErrnoException | undefined> {
	if (unwritten > 0) await new Promise<void>((resolve) => (whenWritten = resolve));
	return failure;
}

// What is wrong is told by the callback of each write; without a listener the event would end the process with a stack. That nobody reads
// the remarks any more (`serve 2>&1 | head -1`) is no reason for a server to end.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);
