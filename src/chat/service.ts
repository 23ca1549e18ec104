// Chatting: a turn is begun in a session of one's own, followed, picked up again, and stopped. Titles are made here too.

import { type ErrorCode, PocketError } from "../domain/errors.ts";
import type { GenerationEvent, RunningTurn, StartEvent } from "../domain/generation.ts";
import { type Id, parseId } from "../domain/id.ts";
import type { Message } from "../domain/message.ts";
import { DEFAULT_TITLE, type Session, titleFromAnswer, titleFromPrompt } from "../domain/session.ts";
import type { User } from "../domain/user.ts";
import type { Engine } from "../generation/engine.ts";
import type { Generation } from "../generation/generation.ts";
import type { OneShot } from "../generation/one-shot.ts";
import { lastEventOf } from "../generation/stored.ts";
import type { BegunTurn } from "../generation/turns.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { MessageStore, SessionStore, Turn } from "../ports/store.ts";

export type ChatDependencies = {
	readonly store: SessionStore & MessageStore;
	readonly engine: Engine;
	readonly oneShot: OneShot;
	readonly clock: Clock;
	readonly log: Log;
};

export type Sampling = {
	readonly temperature?: number | null;
	readonly max_tokens?: number | null;
	readonly model?: string | null;
};

export type Prompt = Sampling & {
	readonly sessionId: string;
	readonly prompt: string;
	readonly messageId?: string | null;
};

export type ChatService = ReturnType<typeof createChatService>;

const TITLE_TIMEOUT_MS = 15_000;

export function createChatService({ store, engine, oneShot, clock, log }: ChatDependencies) {
	/** Codes: `invalid_id`, `session_not_found`. */
	const requireSession = async (userId: Id, text: string): Promise<Session> => {
		const session = await store.findSession(requireId(text), userId);
		if (session === undefined) throw new PocketError("session_not_found");
		return session;
	};

	/** Codes: `invalid_id`, `message_not_found` (also for another person's). */
	const requireMessage = async (userId: Id, text: string): Promise<Message> => {
		const message = await store.findMessage(requireId(text), userId);
		if (message === undefined) throw new PocketError("message_not_found");
		return message;
	};

	return {
		/** Resolves when the turn is durable. Codes: `invalid_id`, `session_not_found`, and those of the engine's `begin`. */
		begin: async (user: User, loginId: Id, body: Prompt): Promise<BegunTurn> =>
			engine.begin({
				session: await requireSession(user.id, body.sessionId),
				user,
				loginId,
				ask: { kind: "prompt", text: body.prompt, clientMessageId: body.messageId ?? null },
				...samplingOf(body),
			}),

		/** Another answer to the last prompt. Codes: `nothing_to_answer`, and those of `begin`. */
		regenerate: async (user: User, loginId: Id, sessionId: string, sampling: Sampling): Promise<BegunTurn> =>
			engine.begin({ session: await requireSession(user.id, sessionId), user, loginId, ask: { kind: "again" }, ...samplingOf(sampling) }),

		/** A changed prompt and a new answer from there. Codes: `message_not_found`, `message_not_editable`, and those of `begin`. */
		edit: async (user: User, loginId: Id, messageId: string, text: string, sampling: Sampling): Promise<BegunTurn> => {
			const message = await requireMessage(user.id, messageId);
			const session = await requireSession(user.id, message.sessionId);
			return engine.begin({ session, user, loginId, ask: { kind: "edit", message, text }, ...samplingOf(sampling) });
		},

		/** All versions of a message, oldest first. Codes: `invalid_id`, `message_not_found`. */
		findVersions: async (userId: Id, text: string): Promise<readonly Message[]> => store.findVersions(await requireMessage(userId, text)),

		/** A generation that runs or ended a moment ago, else what the store has of it. Codes: `invalid_id`, `generation_not_found`. */
		findGeneration: async (userId: Id, text: string): Promise<BegunTurn> => {
			const id = requireId(text);
			const turn = await engine.findTurnOf(id, userId);
			if (turn === undefined) throw new PocketError("generation_not_found");
			return turn;
		},

		/**
		 * Harmless when it has ended. Codes: `invalid_id`, `generation_not_found` (also for another person's), `generation_unreachable`
		 * (another process makes it, and has not heard).
		 */
		stop: async (userId: Id, text: string): Promise<void> => {
			const id = requireId(text);
			const ownerId = engine.findOwner(id) ?? (await store.findTurnOfGeneration(id, userId))?.answer.userId;
			if (ownerId !== userId) throw new PocketError("generation_not_found");
			if ((await engine.stop(id, "owner")) !== "unheard") return;
			if ((await store.findTurnOfGeneration(id, userId))?.answer.status === "streaming") throw new PocketError("generation_unreachable");
		},

		/** The reader asked for it to end with its connection. */
		stopOnDisconnect: ({ facts: { id } }: Generation): void => {
			engine.stop(id, "owner").then(
				(outcome) => {
					if (outcome === "unheard")
						log.warn({ generation: id }, "an answer goes on after its reader left: nobody heard that it is to stop");
				},
				(error: unknown) => log.error({ generation: id, err: error }, "an answer could not be stopped"),
			);
		},

		/** What runs in a session now. Codes: `invalid_id`, `session_not_found`. */
		findRunning: async (userId: Id, text: string): Promise<RunningTurn | undefined> =>
			engine.findRunning((await requireSession(userId, text)).id),

		/** A title from the first exchange, made by the model, else from the first words; stored. Codes: `invalid_id`, `session_not_found`. */
		generateTitle: async (userId: Id, text: string): Promise<string> => {
			const session = await requireSession(userId, text);
			const { messages } = await store.findMessages(session.id, { offset: 0, limit: 10 });
			const prompt = messages.find((message) => message.role === "user" && message.content.trim() !== "")?.content;
			if (prompt === undefined) return session.title || DEFAULT_TITLE;
			const answer = messages.find((message) => message.role === "assistant" && message.content !== "")?.content ?? "";
			const title = (await askForTitle(userId, session, prompt, answer)) ?? titleFromPrompt(prompt);
			await store.updateSession(session.id, userId, { title }, clock.now());
			return title;
		},
	};

	async function askForTitle(userId: Id, session: Session, prompt: string, answer: string): Promise<string | undefined> {
		const exchange = `User: ${prompt.slice(0, 1000)}\n\nAssistant: ${answer.slice(0, 1000)}`;
		try {
			const said = await oneShot({
				userId,
				sessionId: session.id,
				model: session.model,
				maxTokens: 30,
				timeoutMs: TITLE_TIMEOUT_MS,
				messages: [
					{ role: "system", content: "You name conversations. Answer with a title of two to six words and nothing else." },
					{ role: "user", content: `${exchange}\n\nThe title of this conversation:` },
				],
			});
			return said === undefined ? undefined : titleFromAnswer(said);
		} catch (error) {
			log.debug({ err: error }, "no model made a title; the prompt's first words serve");
			return undefined;
		}
	}
}

function samplingOf({ model, temperature, max_tokens: maxTokens }: Sampling) {
	return {
		model: model || null,
		...(temperature == null ? {} : { temperature }),
		...(maxTokens == null ? {} : { maxTokens }),
	};
}

/** Codes: `invalid_id`. */
function requireId(text: string): Id {
	const id = parseId(text);
	if (id === undefined) throw new PocketError("invalid_id");
	return id;
}

/** A turn that is over, told from the store as a reader would have seen it. */
export function replayOf(turn: Turn, isRetryable: (code: ErrorCode) => boolean): GenerationEvent[] {
	const { answer } = turn;
	const events: GenerationEvent[] = [startOf(turn)];
	let seq = 0;
	if (answer.reasoning) events.push({ type: "reasoning", content: answer.reasoning, seq: ++seq });
	if (answer.content !== "") events.push({ type: "token", content: answer.content, seq: ++seq });
	events.push(lastEventOf(turn, isRetryable));
	return events;
}

/** The first event of a stored turn. */
export function startOf({ userMessage, answer }: Turn): StartEvent {
	return {
		type: "start",
		messageId: answer.id,
		userMessageId: userMessage.id,
		generationId: answer.generationId ?? answer.id,
		model: answer.model,
	};
}
