// What the model is shown: system texts first, then the newest messages that fit, oldest of those first, the new prompt exactly once.

import type { Id } from "../domain/id.ts";
import type { Message } from "../domain/message.ts";
import type { MessageStore } from "../ports/store.ts";
import type { PromptMessage } from "../ports/upstream.ts";

export type ContextInput = {
	/** The session's own, else the server's. */
	readonly systemPrompt: string | null;
	/** What was said before the prompt, oldest first, already cut to the newest. */
	readonly history: readonly Message[];
	readonly prompt: string;
};

/** The newest messages of the branch in force, two more than are shown: the prompt and its empty answer may be stored already. */
export async function readNewest(
	store: Pick<MessageStore, "findMessages">,
	sessionId: Id,
	{ contextMessages }: { readonly contextMessages: number },
): Promise<readonly Message[]> {
	return (await store.findMessages(sessionId, { newest: contextMessages + 2 })).messages;
}

/** Begins to read them. What it gives has them once they are there; one that failed, or is late, is read again by whoever needs it. */
export function readNewestAhead(...read: Parameters<typeof readNewest>): () => readonly Message[] | undefined {
	let found: readonly Message[] | undefined;
	readNewest(...read).then(
		(messages) => {
			found = messages;
		},
		() => undefined,
	);
	return () => found;
}

/** Messages without text (an answer that never came) are left out. */
export function buildContext({ systemPrompt, history, prompt }: ContextInput): PromptMessage[] {
	const said = history.filter((message) => message.content !== "");
	const context: PromptMessage[] = [];
	if (systemPrompt !== null && systemPrompt !== "") context.push({ role: "system", content: systemPrompt });
	for (const { role, content } of said) if (role === "system") context.push({ role, content });
	for (const { role, content } of said) if (role !== "system") context.push({ role, content });
	context.push({ role: "user", content: prompt });
	return context;
}

/**
 * The same conversation with the older half of its history left out, for a model server that says it is too long.
 * System texts and the prompt stay. `undefined` when there is nothing left to leave out.
 */
export function halveContext(context: readonly PromptMessage[]): PromptMessage[] | undefined {
	const system = context.filter((message) => message.role === "system");
	const history = context.filter((message) => message.role !== "system");
	const prompt = history.pop();
	if (prompt === undefined || history.length === 0) return undefined;
	return [...system, ...history.slice(Math.ceil(history.length / 2)), prompt];
}
