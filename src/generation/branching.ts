// What a turn stores: a new prompt at the end of the branch, another answer to its last prompt, or a changed prompt that begins a branch
// of its own. Nothing is ever overwritten: what was said before stays as a version.

import { PocketError } from "../domain/errors.ts";
import type { Id } from "../domain/id.ts";
import type { Message } from "../domain/message.ts";
import type { Clock } from "../ports/clock.ts";
import type { MessageStore, TurnStart } from "../ports/store.ts";

/** What the person asks for. */
export type Ask =
	/** `clientMessageId`: the client's own id of the turn; the same one twice joins the first. */
	| { readonly kind: "prompt"; readonly text: string; readonly clientMessageId: string | null }
	/** Another answer to the last prompt. */
	| { readonly kind: "again" }
	/** A prompt of one's own, changed; the branch goes on from there. */
	| { readonly kind: "edit"; readonly message: Message; readonly text: string };

export type TurnPlan = {
	readonly sessionId: Id;
	readonly userId: Id;
	readonly ask: Ask;
	readonly model: string | null;
};

/**
 * The messages to store. Codes: `nothing_to_answer` (no prompt to answer again), `message_not_editable` (not a prompt, or no longer in
 * the branch in force).
 */
export async function planTurn(plan: TurnPlan, { store, clock }: { store: MessageStore; clock: Clock }): Promise<TurnStart> {
	const { sessionId, userId, ask, model } = plan;
	const generationId = clock.newId();
	const base = {
		sessionId,
		userId,
		createdAt: clock.now(),
		errorCode: null,
		reasoning: null,
		generationId,
		clientMessageId: null,
		inForce: true,
		finishReason: null,
		usage: null,
		timings: null,
	} as const;
	const promptOf = (text: string, versionOf: Id | null, clientMessageId: string | null): Message => ({
		...base,
		id: clock.newId(),
		role: "user",
		content: text,
		status: "sent",
		model: null,
		versionOf,
		clientMessageId,
	});
	const answerOf = (versionOf: Id | null): Message => ({
		...base,
		id: clock.newId(),
		role: "assistant",
		content: "",
		status: "streaming",
		model,
		versionOf,
	});
	switch (ask.kind) {
		case "prompt":
			return { userMessage: promptOf(ask.text, null, ask.clientMessageId), answer: answerOf(null) };
		case "again": {
			const { prompt, answer } = await findLastExchange(store, sessionId);
			return {
				userMessage: prompt,
				keepsPrompt: true,
				answer: answerOf(answer === undefined ? null : rootOf(answer)),
				...(answer === undefined ? {} : { replacesFrom: answer.id }),
			};
		}
		case "edit": {
			// Read anew: another edit may have been faster.
			const message = await store.findMessage(ask.message.id, userId);
			if (message?.role !== "user" || !message.inForce) throw new PocketError("message_not_editable");
			const answer = await findAnswerAfter(store, message);
			return {
				userMessage: promptOf(ask.text, rootOf(message), null),
				answer: answerOf(answer === undefined ? null : rootOf(answer)),
				replacesFrom: message.id,
			};
		}
	}
}

function rootOf(message: Message): Id {
	return message.versionOf ?? message.id;
}

/** The last prompt of the branch in force, with the answer after it if there is one. */
async function findLastExchange(store: MessageStore, sessionId: Id): Promise<{ prompt: Message; answer: Message | undefined }> {
	const { messages } = await store.findMessages(sessionId, { newest: 100 });
	const at = messages.findLastIndex((message) => message.role === "user");
	const prompt = messages[at];
	if (prompt === undefined) throw new PocketError("nothing_to_answer");
	return { prompt, answer: messages.slice(at + 1).find((message) => message.role === "assistant") };
}

async function findAnswerAfter(store: MessageStore, prompt: Message): Promise<Message | undefined> {
	if (prompt.generationId === null) return undefined;
	const turn = await store.findTurnOfGeneration(prompt.generationId, prompt.userId);
	return turn?.answer;
}
