// Sessions and their messages, as their owner works with them. Making answers is the chat feature's part.

import { PocketError } from "../domain/errors.ts";
import { type Id, parseId } from "../domain/id.ts";
import type { Message, Role } from "../domain/message.ts";
import { DEFAULT_TITLE, type Metadata, type Session } from "../domain/session.ts";
import type { Clock } from "../ports/clock.ts";
import type {
	MessagePage,
	MessageStore,
	MessageWindow,
	Page,
	SessionChange,
	SessionQuery,
	SessionStore,
	UserStore,
} from "../ports/store.ts";

export type SessionDependencies = {
	readonly store: SessionStore & MessageStore & UserStore;
	readonly clock: Clock;
	/** Ends what is being generated in a session and waits until it is stored; harmless when nothing is. */
	readonly stopGeneration: (sessionId: Id) => Promise<void>;
};

export type NewSession = {
	readonly title?: string | null;
	readonly metadata?: Metadata | null;
	readonly model?: string | null;
	readonly systemPrompt?: string | null;
};

/** What `GET /chat/sessions/{id}/messages` shows when it is asked for neither `limit` nor `offset`: the existing client asks so and must see the newest. */
const NEWEST = 500;
const DEFAULT_LIMIT = 50;

export type SessionService = ReturnType<typeof createSessionService>;

export function createSessionService({ store, clock, stopGeneration }: SessionDependencies) {
	/** Codes: `invalid_id`, `session_not_found` (also for another person's). */
	const findSession = async (userId: Id, text: string): Promise<Session> => {
		const session = await store.findSession(requireId(text), userId);
		if (session === undefined) throw new PocketError("session_not_found");
		return session;
	};

	return {
		findSession,

		findSessions: (query: SessionQuery): Promise<Page<Session>> => store.findSessions(query),

		createSession: async (userId: Id, given: NewSession): Promise<Session> => {
			const now = clock.now();
			const session: Session = {
				id: clock.newId(),
				userId,
				title: given.title || DEFAULT_TITLE,
				metadata: given.metadata ?? {},
				model: given.model || null,
				systemPrompt: given.systemPrompt || null,
				createdAt: now,
				updatedAt: now,
				lastMessageAt: null,
				lastMessage: null,
				messageCount: 0,
			};
			await store.createSession(session);
			return session;
		},

		/** Metadata is replaced, not merged. Codes: `invalid_id`, `session_not_found`. */
		updateSession: (userId: Id, text: string, change: SessionChange): Promise<Session> =>
			store.updateSession(requireId(text), userId, change, clock.now()),

		/** What is being generated in it is stopped first. Codes: `invalid_id`, `session_not_found`. */
		deleteSession: async (userId: Id, text: string): Promise<void> => {
			const session = await findSession(userId, text);
			await stopGeneration(session.id);
			await store.deleteSession(session.id, userId);
			// A turn that was stored between the two has nowhere to go.
			await stopGeneration(session.id);
		},

		/** Codes: `invalid_id`, `session_not_found`, `message_not_found` (an unknown `before` shows an empty page instead). */
		findMessages: async (
			userId: Id,
			text: string,
			ask: { readonly limit?: number; readonly offset?: number; readonly before?: string },
		): Promise<MessagePage & { sessionId: Id }> => {
			const session = await findSession(userId, text);
			return { sessionId: session.id, ...(await store.findMessages(session.id, windowOf(ask))) };
		},

		/** Codes: `invalid_id`, `session_not_found`. */
		appendMessage: async (userId: Id, text: string, role: Role, content: string): Promise<Message> => {
			const session = await findSession(userId, text);
			const message: Message = {
				id: clock.newId(),
				sessionId: session.id,
				userId,
				role,
				content,
				createdAt: clock.now(),
				status: "sent",
				errorCode: null,
				reasoning: null,
				model: null,
				generationId: null,
				clientMessageId: null,
				versionOf: null,
				inForce: true,
				finishReason: null,
				usage: null,
				timings: null,
			};
			await store.appendMessage(message);
			return message;
		},

		/** Codes: `invalid_id`, `session_not_found`, `generation_in_progress`. */
		clearMessages: (userId: Id, text: string): Promise<void> => store.clearMessages(requireId(text), userId, clock.now()),

		/** The newest sessions of any person, for administrators. Codes: `invalid_id`, `user_not_found`. */
		findSessionsOf: async (text: string, range: { skip: number; limit: number }): Promise<readonly Session[]> => {
			const userId = requireId(text);
			if ((await store.findUserById(userId)) === undefined) throw new PocketError("user_not_found");
			return (await store.findSessions({ userId, sortBy: "updatedAt", sortOrder: "desc", ...range })).items;
		},
	};
}

/** Codes: `invalid_id`. */
function requireId(text: string): Id {
	const id = parseId(text);
	if (id === undefined) throw new PocketError("invalid_id");
	return id;
}

function windowOf(ask: { readonly limit?: number; readonly offset?: number; readonly before?: string }): MessageWindow {
	if (ask.before !== undefined) return { before: requireId(ask.before), limit: ask.limit ?? DEFAULT_LIMIT };
	if (ask.limit === undefined && ask.offset === undefined) return { newest: NEWEST };
	return { offset: ask.offset ?? 0, limit: ask.limit ?? DEFAULT_LIMIT };
}
