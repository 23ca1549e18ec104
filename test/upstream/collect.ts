// Runs one call of an upstream to its end and keeps what came.

import type { Upstream, UpstreamPart, UpstreamRequest } from "../../src/ports/upstream.ts";

const REQUEST: UpstreamRequest = {
	messages: [{ role: "user", content: "Hi" }],
	sessionId: "6b041a9412dd6be4d314b5e0",
	model: "fake",
};

export function ask(prompt: string): UpstreamRequest {
	return { ...REQUEST, messages: [{ role: "user", content: prompt }] };
}

export type Collected = {
	readonly parts: readonly UpstreamPart[];
	readonly text: string;
	readonly reasoning: string;
	/** The last part: `finish` or `failure`. */
	readonly last: UpstreamPart | undefined;
	readonly milliseconds: number;
};

/** All parts of a call, and a little longer: a part after the last one would be seen too. */
export async function collect(upstream: Upstream, request: UpstreamRequest = REQUEST): Promise<Collected> {
	const parts: UpstreamPart[] = [];
	const started = performance.now();
	const milliseconds = await new Promise<number>((resolve) => {
		upstream.stream(request, (part) => {
			parts.push(part);
			if (part.type === "finish" || part.type === "failure") resolve(performance.now() - started);
		});
	});
	await Bun.sleep(5);
	return { parts, text: joined(parts, "text"), reasoning: joined(parts, "reasoning"), last: parts.at(-1), milliseconds };
}

function joined(parts: readonly UpstreamPart[], type: "text" | "reasoning"): string {
	return parts.map((part) => (part.type === type ? part.text : "")).join("");
}

/** Waits until something holds; fails loudly after five seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
	const deadline = performance.now() + 5000;
	while (!condition()) {
		if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
		await Bun.sleep(2);
	}
}
