// The file that keeps what has no place in a copy: one line of JSON for each document that cannot be read, and for each with fields that
// nobody here knows. So nothing of it is lost when the old database is taken away.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import type { LeftBehind } from "../ports/copy.ts";

export type LeftBehindFile = {
	add(left: LeftBehind): void;
	/** Gives the file its name, in the place of one from a run before. `null`: nothing stayed behind, and there is none. */
	keep(): string | null;
	/** Forgets what is not kept. */
	discard(): void;
};

const FLUSH_BYTES = 256 * 1024;

/** Nothing is written before the first line; the file has mode 0600. */
export function createLeftBehindFile(path: string): LeftBehindFile {
	const partial = `${path}.partial`;
	let handle: number | undefined;
	let waiting = "";

	const flush = (): void => {
		handle ??= openSync(partial, "w", 0o600);
		writeSync(handle, waiting);
		waiting = "";
	};
	const close = (): void => {
		if (handle !== undefined) closeSync(handle);
		handle = undefined;
	};

	return {
		add({ collection, id, reason, content }) {
			// The content is JSON already.
			waiting += `{"collection":${JSON.stringify(collection)},"id":${JSON.stringify(id)},"reason":${JSON.stringify(reason)},"content":${content}}\n`;
			if (waiting.length > FLUSH_BYTES) flush();
		},
		keep() {
			if (waiting !== "") flush();
			if (handle === undefined) return null;
			fsyncSync(handle);
			close();
			renameSync(partial, path);
			return path;
		},
		discard() {
			close();
			rmSync(partial, { force: true });
		},
	};
}
