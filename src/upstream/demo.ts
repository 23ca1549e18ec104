// The built-in demo model (`serve --demo`): no intelligence, but a real stream, so that a person can look around before there is a
// model server.

import type { Upstream, UpstreamRequest } from "../ports/upstream.ts";

const WORD_INTERVAL_MS = 50;
const ECHOED_WORDS = 6;

/** Streams a short answer, about 20 words a second. */
export function createDemoUpstream(name: string): Upstream {
	return {
		name,
		kind: "demo",
		inspect: async () => ({ models: [{ id: "demo", loaded: true }] }),
		stream(request, onPart) {
			const words = writeAnswer(request).match(/\s*\S+/g) ?? [];
			// `max_tokens` counts as on any other model: here a word is a token.
			const count = Math.min(words.length, request.maxTokens ?? words.length);
			let next = 0;
			const timer = setInterval(() => {
				// An `onPart` that throws must not be called again, nor end the process from a timer.
				try {
					if (next < count) {
						onPart({ type: "text", text: words[next++] ?? "" });
						return;
					}
					clearInterval(timer);
					const usage = { promptTokens: countWords(request), completionTokens: count };
					onPart({ type: "finish", reason: count < words.length ? "length" : "stop", usage });
				} catch {
					clearInterval(timer);
				}
			}, WORD_INTERVAL_MS);
			return { cancel: () => clearInterval(timer) };
		},
	};
}

function writeAnswer(request: UpstreamRequest): string {
	const words = (request.messages.at(-1)?.content ?? "").split(/\s+/).filter((word) => word !== "");
	const more = words.length > ECHOED_WORDS ? " …" : "";
	// Words are cut, too: somebody may paste a page without a blank.
	const echo = words
		.slice(0, ECHOED_WORDS)
		.map((word) => [...word].slice(0, 40).join(""))
		.join(" ");
	return (
		`Hello! You wrote: “${echo}${more}”. I am the demo model that comes with PocketLLM: I cannot think, but everything around me ` +
		"is real — this stream, your history, and the stop button. Connect a model server such as Ollama or llama.cpp with the " +
		"setting UPSTREAMS, and it will answer in my place."
	);
}

function countWords(request: UpstreamRequest): number {
	return request.messages.reduce((sum, message) => sum + message.content.split(/\s+/).filter((word) => word !== "").length, 0);
}
