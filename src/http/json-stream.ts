// A JSON document that is sent while it is made: a reader that takes its time holds up the making, so little of it waits in memory.

/** About how much is handed over at once, in characters. */
const CHUNK = 64 * 1024;

export type JsonStreamOptions = {
	/** Under which name a browser keeps it. */
	readonly fileName: string;
	/** Called when making it fails after its beginning was sent. The connection breaks then: what arrived is not a whole document. */
	readonly onFailure: (error: unknown) => void;
};

/** Resolves when the first part is there, and rejects when that fails: then nothing was sent yet. */
export async function streamJson(pieces: AsyncGenerator<string>, { fileName, onFailure }: JsonStreamOptions): Promise<Response> {
	const encoder = new TextEncoder();
	let isOver = false;
	const next = async (): Promise<Uint8Array<ArrayBuffer>> => {
		let text = "";
		while (text.length < CHUNK) {
			const { done, value } = await pieces.next();
			if (done) {
				isOver = true;
				break;
			}
			text += value;
		}
		return encoder.encode(text);
	};
	let first: Uint8Array<ArrayBuffer> | undefined = await next();
	const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
		{
			async pull(controller) {
				// A store that answers from this thread, and a reader that takes all at once, would leave nobody else a turn until the end.
				await new Promise<void>((resolve) => setImmediate(resolve));
				try {
					const chunk = first ?? (await next());
					first = undefined;
					if (chunk.byteLength > 0) controller.enqueue(chunk);
					if (isOver) controller.close();
				} catch (error) {
					onFailure(error);
					// Without a reason: Bun would print it, stack and all, beside the log.
					controller.error();
				}
			},
			async cancel() {
				await pieces.return(undefined);
			},
		},
		// Nothing is made ahead of the reader.
		{ highWaterMark: 0 },
	);
	return new Response(body, {
		headers: { "content-type": "application/json", "content-disposition": `attachment; filename="${fileName}"` },
	});
}
