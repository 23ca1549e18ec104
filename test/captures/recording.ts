// The recorded exchanges of the old gateway, as test/fixtures/captures/README.md describes them.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export const FILES = ["auth", "users", "sessions", "messages", "chat", "admin", "health"] as const;
export type FileName = (typeof FILES)[number];

export type Exchange = {
	readonly name: string;
	readonly request: {
		readonly method: string;
		readonly path: string;
		readonly headers?: Readonly<Record<string, string>>;
		readonly body?: Json;
		readonly rawBody?: string;
	};
	readonly response: {
		readonly status: number;
		readonly headers?: Readonly<Record<string, string>>;
		readonly body?: Json;
		readonly rawBody?: string;
		/** In place of a body: what a series of calls showed. */
		readonly summary?: Json;
		/** Who closed early. */
		readonly cut?: string;
	};
	readonly upstreamRequest?: { readonly path: string; readonly body: UpstreamBody };
	readonly storedAfterwards?: readonly { readonly role: string; readonly content: string }[];
};

export type UpstreamBody = {
	readonly session_id: string;
	readonly prompt: string;
	readonly stream: boolean;
	readonly temperature: number;
	readonly max_tokens?: number;
	readonly messages: readonly { readonly role: string; readonly content: string }[];
};

export function readRecording(file: FileName): readonly Exchange[] {
	const path = join(import.meta.dir, "..", "fixtures", "captures", `${file}.json`);
	const recording: { readonly exchanges: readonly Exchange[] } = JSON.parse(readFileSync(path, "utf8"));
	return recording.exchanges;
}
