// curl as a person uses it: one call for an answer, one for a stream whose pieces are kept as they come.

/** An answer's status and its JSON body; an answer without a JSON object has an empty one. Status 0: nobody answered. */
export async function curl(options: readonly string[]): Promise<{ status: number; body: Readonly<Record<string, unknown>> }> {
	const text = (await streamWithCurl([...options, "-w", "\n%{http_code}"])).pieces.join("");
	const cut = text.lastIndexOf("\n");
	const body = text.slice(0, cut);
	return { status: Number(text.slice(cut + 1)), body: body.startsWith("{") ? readObject(body) : {} };
}

/** What curl writes, piece by piece, for at most 60 s. */
export async function streamWithCurl(options: readonly string[]): Promise<{ pieces: readonly string[] }> {
	const command = ["curl", "--silent", "--no-buffer", "--max-time", "60", "--noproxy", "*", "-H", "content-type: application/json"];
	const child = Bun.spawn([...command, ...options], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
	const pieces: string[] = [];
	for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) pieces.push(piece);
	await child.exited;
	return { pieces };
}

/** The events of a stream, which must follow the frame rule to the byte: `data: `, one line of JSON, a blank line. */
export function readFrames(text: string): readonly Readonly<Record<string, unknown>>[] {
	if (!text.endsWith("\n\n")) throw new Error(`the stream ends inside a frame: ${JSON.stringify(text.slice(-200))}`);
	return text
		.slice(0, -2)
		.split("\n\n")
		.map((frame) => {
			if (!frame.startsWith("data: ") || /[\r\n]/.test(frame)) throw new Error(`not a frame: ${JSON.stringify(frame)}`);
			return readObject(frame.slice("data: ".length));
		});
}

function readObject(json: string): Readonly<Record<string, unknown>> {
	const value: unknown = JSON.parse(json);
	if (typeof value !== "object" || value === null) throw new Error(`no object: ${json}`);
	return Object.fromEntries(Object.entries(value));
}
