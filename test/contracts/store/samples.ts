// People, logins, sessions and messages to store, and the few steps that every part of the store's suite takes.

import { expect } from "bun:test";
import type { ApiKey } from "../../../src/domain/api-key.ts";
import type { AuditEntry } from "../../../src/domain/audit.ts";
import { type ErrorCode, PocketError } from "../../../src/domain/errors.ts";
import { createIdSource, type Id } from "../../../src/domain/id.ts";
import type { Invitation } from "../../../src/domain/invitation.ts";
import type { Login } from "../../../src/domain/login.ts";
import type { Message } from "../../../src/domain/message.ts";
import type { Session } from "../../../src/domain/session.ts";
import type { User } from "../../../src/domain/user.ts";
import type { AnswerEnd, Store, Turn } from "../../../src/ports/store.ts";

/** A store on data of its own, empty at the beginning. */
export type StoreUnderTest = {
	readonly store: Store;
	/** Opens the same data once more, as another process would; the test closes it. */
	another(): Promise<Store>;
	/** Whoever has the data open now counts as a process that died. */
	bury(): Promise<void>;
	/** Closes the store and removes its data. */
	end(): Promise<void>;
};

export const newId = createIdSource(Date.now, (count) => crypto.getRandomValues(new Uint8Array(count)));

/** A time of day in the past, so that "now" never comes from the machine's clock. */
export const NOON = Date.UTC(2026, 0, 15, 12, 0, 0, 123);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

let people = 0;

export function aUser(change: Partial<User> = {}): User {
	people += 1;
	return {
		id: newId(),
		email: `person${people}@example.org`,
		fullName: "Ada Lovelace",
		avatarUrl: null,
		passwordHash: "$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$aGFzaA",
		isAdmin: false,
		disabled: false,
		createdAt: NOON,
		updatedAt: NOON,
		...change,
	};
}

export function aLogin(userId: Id, change: Partial<Login> = {}): Login {
	return {
		id: newId(),
		userId,
		seed: "c2VlZA",
		createdAt: NOON,
		lastUsedAt: NOON,
		expiresAt: NOON + 30 * DAY,
		revokedAt: null,
		address: "192.0.2.7",
		device: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		...change,
	};
}

export function anInvitation(change: Partial<Invitation> = {}): Invitation {
	return { id: newId(), note: "for Grace", createdBy: null, createdAt: NOON, expiresAt: NOON + DAY, ...change };
}

export function aKey(userId: Id, change: Partial<ApiKey> = {}): ApiKey {
	return {
		id: newId(),
		userId,
		name: "backup script",
		prefix: "pk_a1b2c3",
		scopes: ["chat", "read"],
		createdAt: NOON,
		expiresAt: null,
		lastUsedAt: null,
		...change,
	};
}

export function anEntry(change: Partial<AuditEntry> = {}): AuditEntry {
	return {
		id: newId(),
		at: NOON,
		action: "login",
		userId: null,
		byId: null,
		address: "192.0.2.1",
		device: "curl/8",
		detail: null,
		...change,
	};
}

export function aSession(userId: Id, change: Partial<Session> = {}): Session {
	return {
		id: newId(),
		userId,
		title: "New Chat",
		metadata: null,
		model: null,
		systemPrompt: null,
		createdAt: NOON,
		updatedAt: NOON,
		lastMessageAt: null,
		lastMessage: null,
		messageCount: 0,
		...change,
	};
}

export function aMessage(session: Session, change: Partial<Message> = {}): Message {
	return {
		id: newId(),
		sessionId: session.id,
		userId: session.userId,
		role: "user",
		content: "What is a monad?",
		createdAt: NOON,
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
		...change,
	};
}

export function aTurn(session: Session, change: { user?: Partial<Message>; answer?: Partial<Message> } = {}): Turn {
	const generationId = newId();
	return {
		userMessage: aMessage(session, { generationId, ...change.user }),
		answer: aMessage(session, { role: "assistant", content: "", status: "streaming", generationId, ...change.answer }),
	};
}

export function anEnd(answer: Message, change: Partial<AnswerEnd> = {}): AnswerEnd {
	return {
		messageId: answer.id,
		sessionId: answer.sessionId,
		content: "A monoid in the category of endofunctors.",
		reasoning: null,
		status: "sent",
		errorCode: null,
		model: "smol",
		finishReason: "stop",
		usage: { promptTokens: 12, completionTokens: 34 },
		timings: { queuedMs: 1, firstTokenMs: 20, totalMs: 300 },
		now: NOON + MINUTE,
		...change,
	};
}

/** A stored session of a stored person. */
export async function storedSession(store: Store, change: Partial<Session> = {}): Promise<Session> {
	const user = aUser();
	await store.createUser(user);
	const session = aSession(user.id, change);
	await store.createSession(session);
	return session;
}

/** Fails unless the promise rejects with exactly this code. */
export async function expectCode(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
	const error = await promise.then(
		() => undefined,
		(reason: unknown) => reason,
	);
	expect(error).toBeInstanceOf(PocketError);
	expect(error).toHaveProperty("code", code);
}

/** How many fulfilled, and the codes of the others. */
export async function tally(promises: readonly Promise<unknown>[]): Promise<{ done: number; codes: string[] }> {
	const results = await Promise.allSettled(promises);
	const codes = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason?.code ?? result.reason)] : []));
	return { done: results.length - codes.length, codes };
}
