// How people, sessions and messages look on the wire. Kept names: both spellings of a member stand side by side, because the
// existing client and the old answers mix them.

import { nameOfDevice } from "../domain/device.ts";
import type { Login } from "../domain/login.ts";
import type { Message } from "../domain/message.ts";
import { clip, PREVIEW_LENGTH, type Session } from "../domain/session.ts";
import { displayName, type User } from "../domain/user.ts";
import type { UpstreamReport } from "../ports/upstream.ts";

/** ISO 8601 in UTC with `Z` and milliseconds. */
export function timestamp(milliseconds: number): string {
	return new Date(milliseconds).toISOString();
}

function timestampOrNull(milliseconds: number | null): string | null {
	return milliseconds === null ? null : timestamp(milliseconds);
}

/** A person, without anything secret. */
export function userJson(user: User) {
	const name = displayName(user);
	return {
		id: user.id,
		email: user.email,
		name,
		full_name: name,
		avatar_url: user.avatarUrl,
		avatar: user.avatarUrl,
		is_admin: user.isAdmin,
		createdAt: timestamp(user.createdAt),
		updatedAt: timestamp(user.updatedAt),
	};
}

/** A person as the administration shows them: snake_case beside the usual names. */
export function adminUserJson(user: User) {
	return { ...userJson(user), disabled: user.disabled, created_at: timestamp(user.createdAt), updated_at: timestamp(user.updatedAt) };
}

/** A login, without anything secret. */
export function loginJson(login: Login) {
	return {
		id: login.id,
		name: nameOfDevice(login.device),
		device: login.device,
		address: login.address,
		createdAt: timestamp(login.createdAt),
		lastUsedAt: timestamp(login.lastUsedAt),
		expiresAt: timestamp(login.expiresAt),
	};
}

export function sessionJson(session: Session) {
	return {
		id: session.id,
		userId: session.userId,
		title: session.title,
		createdAt: timestamp(session.createdAt),
		updatedAt: timestamp(session.updatedAt),
		lastMessageAt: timestampOrNull(session.lastMessageAt),
		lastMessage: session.lastMessage === null ? null : clip(session.lastMessage, PREVIEW_LENGTH),
		metadata: session.metadata ?? {},
		messageCount: session.messageCount,
		model: session.model,
		systemPrompt: session.systemPrompt,
	};
}

export function adminSessionJson(session: Session) {
	const json = sessionJson(session);
	return {
		...json,
		user_id: json.userId,
		created_at: json.createdAt,
		updated_at: json.updatedAt,
		last_message_at: json.lastMessageAt,
		last_message: json.lastMessage,
		message_count: json.messageCount,
	};
}

export function messageJson(message: Message) {
	const created = timestamp(message.createdAt);
	return {
		id: message.id,
		sessionId: message.sessionId,
		session_id: message.sessionId,
		user_id: message.userId,
		role: message.role,
		content: message.content,
		timestamp: created,
		created_at: created,
		status: message.status,
		...(message.errorCode === null ? {} : { errorCode: message.errorCode }),
		...(message.reasoning === null ? {} : { reasoning: message.reasoning }),
		...(message.model === null ? {} : { model: message.model }),
		...(message.generationId === null ? {} : { generationId: message.generationId }),
		...(message.clientMessageId === null ? {} : { messageId: message.clientMessageId }),
		...(message.versionOf === null ? {} : { versionOf: message.versionOf }),
		...(message.finishReason === null ? {} : { finishReason: message.finishReason }),
		...(message.usage === null ? {} : { usage: message.usage }),
		...(message.timings === null ? {} : { timings: message.timings }),
	};
}

export type ModelJson = { id: string; name: string; upstream: string; contextLength?: number; loaded?: boolean };

export function modelJson(upstream: string, model: UpstreamReport["models"][number]): ModelJson {
	return {
		id: model.id,
		name: model.id,
		upstream,
		...(model.contextLength === undefined ? {} : { contextLength: model.contextLength }),
		...(model.loaded === undefined ? {} : { loaded: model.loaded }),
	};
}
