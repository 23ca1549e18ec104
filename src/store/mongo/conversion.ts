// Documents to the domain and back. Old documents lack fields, and people have edited some by hand: what is missing or of another type
// becomes its default here, and nowhere else. No query and no rule.

import { ObjectId } from "mongodb";
import { ERROR_SENTENCES, type ErrorCode } from "../../domain/errors.ts";
import { type Id, parseId } from "../../domain/id.ts";
import type { Invitation } from "../../domain/invitation.ts";
import type { Login } from "../../domain/login.ts";
import { MESSAGE_STATUSES, type Message, ROLES, type Timings, type Usage } from "../../domain/message.ts";
import { DEFAULT_TITLE, previewOf, type Session } from "../../domain/session.ts";
import type { User } from "../../domain/user.ts";
import type { InvitationDocument, LoginDocument, MessageDocument, SessionDocument, UserDocument } from "./documents.ts";
import { metadataFromFields, metadataToFields } from "./metadata.ts";

export function toObjectId(id: Id): ObjectId {
	return new ObjectId(id);
}

export function toId(value: ObjectId): Id {
	const id = parseId(value.toHexString());
	if (id === undefined) throw new Error("an ObjectId has 24 hexadecimal characters");
	return id;
}

function textOr<T>(value: unknown, otherwise: T): string | T {
	return typeof value === "string" ? value : otherwise;
}

function timeOr<T>(value: unknown, otherwise: T): number | T {
	return value instanceof Date && !Number.isNaN(value.getTime()) ? value.getTime() : otherwise;
}

function idOrNull(value: unknown): Id | null {
	return value instanceof ObjectId ? toId(value) : null;
}

/** An id tells when it was made. */
function madeAt({ _id, created_at }: { readonly _id: ObjectId; readonly created_at: unknown }): number {
	return timeOr(created_at, _id.getTimestamp().getTime());
}

/** `null` in the first spelling is an answer; only when it is missing does the second count. */
function firstText(first: unknown, second: unknown): string | null {
	return textOr(first === undefined ? second : first, null);
}

export function userFromDocument(found: UserDocument): User {
	const createdAt = madeAt(found);
	return {
		id: toId(found._id),
		email: textOr(found.email, ""),
		fullName: firstText(found.full_name, found.name),
		avatarUrl: firstText(found.avatar_url, found.avatar),
		passwordHash: textOr(found.password_hash, ""),
		isAdmin: found.is_admin === true,
		disabled: found.disabled === true,
		createdAt,
		updatedAt: timeOr(found.updated_at, createdAt),
	};
}

export function userToDocument(user: User): UserDocument {
	return {
		_id: toObjectId(user.id),
		email: user.email,
		full_name: user.fullName,
		avatar_url: user.avatarUrl,
		password_hash: user.passwordHash,
		is_admin: user.isAdmin,
		created_at: new Date(user.createdAt),
		updated_at: new Date(user.updatedAt),
		disabled: user.disabled,
	};
}

/** A missing `message_count` is shown as 0 until this program first writes into the session, and then counted (session-state.ts: adoption). */
export function sessionFromDocument(found: SessionDocument): Session {
	const createdAt = madeAt(found);
	const preview = textOr(found.last_message, null);
	return {
		id: toId(found._id),
		userId: toId(found.user_id),
		title: textOr(found.title, DEFAULT_TITLE),
		metadata: metadataFromFields(found),
		model: textOr(found.model, null),
		systemPrompt: textOr(found.system_prompt, null),
		createdAt,
		updatedAt: timeOr(found.updated_at, createdAt),
		lastMessageAt: timeOr(found.last_message_at, null),
		lastMessage: preview === null ? null : previewOf(preview),
		messageCount: typeof found.message_count === "number" ? found.message_count : 0,
	};
}

export function sessionToDocument(session: Session): SessionDocument {
	return {
		_id: toObjectId(session.id),
		user_id: toObjectId(session.userId),
		title: session.title,
		...metadataToFields(session.metadata),
		created_at: new Date(session.createdAt),
		updated_at: new Date(session.updatedAt),
		last_message_at: session.lastMessageAt === null ? null : new Date(session.lastMessageAt),
		last_message: session.lastMessage,
		message_count: session.messageCount,
		model: session.model,
		system_prompt: session.systemPrompt,
		// No message yet, so every time comes after it.
		order_at: new Date(0),
		seq: 0,
	};
}

export function messageFromDocument(found: MessageDocument): Message {
	return {
		id: toId(found._id),
		sessionId: toId(found.session_id),
		userId: toId(found.user_id),
		role: ROLES.find((role) => role === found.role) ?? "user",
		content: textOr(found.content, ""),
		createdAt: timeOr(found.given_at, madeAt(found)),
		status: MESSAGE_STATUSES.find((status) => status === found.status) ?? "sent",
		errorCode: isErrorCode(found.error_code) ? found.error_code : null,
		reasoning: textOr(found.reasoning, null),
		model: textOr(found.model, null),
		generationId: idOrNull(found.generation_id),
		clientMessageId: textOr(found.client_message_id, null),
		versionOf: idOrNull(found.version_of),
		inForce: found.in_force !== false,
		finishReason: textOr(found.finish_reason, null),
		usage: numbersOrNull<Usage>(found.usage),
		timings: numbersOrNull<Timings>(found.timings),
	};
}

/** The place of a message in its session's order. */
export type Place = { readonly createdAt: number; readonly seq: number };

export function messageToDocument(message: Message, place: Place): MessageDocument {
	return {
		_id: toObjectId(message.id),
		session_id: toObjectId(message.sessionId),
		user_id: toObjectId(message.userId),
		role: message.role,
		content: message.content,
		created_at: new Date(place.createdAt),
		seq: place.seq,
		...(message.createdAt !== place.createdAt && { given_at: new Date(message.createdAt) }),
		...(message.status !== "sent" && { status: message.status }),
		...(message.errorCode !== null && { error_code: message.errorCode }),
		...(message.reasoning !== null && { reasoning: message.reasoning }),
		...(message.model !== null && { model: message.model }),
		...(message.generationId !== null && { generation_id: toObjectId(message.generationId) }),
		...(message.clientMessageId !== null && {
			client_message_id: message.clientMessageId,
			turn_key: turnKey(message.sessionId, message.clientMessageId),
		}),
		...(message.versionOf !== null && { version_of: toObjectId(message.versionOf) }),
		...(!message.inForce && { in_force: false as const }),
		...(message.finishReason !== null && { finish_reason: message.finishReason }),
		...(message.usage !== null && { usage: message.usage }),
		...(message.timings !== null && { timings: message.timings }),
	};
}

/**
 * The text that stands once in the collection. One field, so that its index can be sparse: a partial index would say the same, but not
 * every server that speaks MongoDB's protocol honours those.
 */
export function turnKey(sessionId: Id, clientMessageId: string): string {
	return `${sessionId}:${clientMessageId}`;
}

export function loginFromDocument(found: LoginDocument): Login {
	return {
		id: toId(found._id),
		userId: toId(found.user_id),
		seed: found.seed,
		createdAt: found.created_at.getTime(),
		lastUsedAt: found.last_used_at.getTime(),
		expiresAt: found.expires_at.getTime(),
		revokedAt: timeOr(found.revoked_at, null),
		address: textOr(found.address, null),
		device: textOr(found.device, null),
	};
}

export function loginToDocument(login: Login, refreshHash: string): LoginDocument {
	return {
		_id: toObjectId(login.id),
		user_id: toObjectId(login.userId),
		seed: login.seed,
		created_at: new Date(login.createdAt),
		last_used_at: new Date(login.lastUsedAt),
		expires_at: new Date(login.expiresAt),
		revoked_at: login.revokedAt === null ? null : new Date(login.revokedAt),
		address: login.address,
		device: login.device,
		newest: refreshHash,
		parent: null,
		rotated_at: null,
	};
}

export function invitationFromDocument(found: InvitationDocument): Invitation {
	return {
		id: toId(found._id),
		note: found.note,
		createdBy: found.created_by === null ? null : toId(found.created_by),
		createdAt: found.created_at.getTime(),
		expiresAt: found.expires_at.getTime(),
	};
}

export function invitationToDocument(invitation: Invitation, hash: string): InvitationDocument {
	return {
		_id: toObjectId(invitation.id),
		hash,
		note: invitation.note,
		created_by: invitation.createdBy === null ? null : toObjectId(invitation.createdBy),
		created_at: new Date(invitation.createdAt),
		expires_at: new Date(invitation.expiresAt),
	};
}

function isErrorCode(value: unknown): value is ErrorCode {
	return typeof value === "string" && Object.hasOwn(ERROR_SENTENCES, value);
}

function numbersOrNull<T extends Usage | Timings>(value: unknown): T | null {
	return isNumbers<T>(value) ? value : null;
}

/** Only this program writes these two, so their names need no look. */
function isNumbers<T>(value: unknown): value is T {
	return typeof value === "object" && value !== null && Object.values(value).every((item) => typeof item === "number");
}

/** Leaves out of a list what has no ids of ours: such documents are others', and one of them must not cost the whole list. */
export function withIds(found: { readonly _id: unknown; readonly user_id?: unknown; readonly session_id?: unknown }): boolean {
	return [found._id, "user_id" in found ? found.user_id : found._id, "session_id" in found ? found.session_id : found._id].every(
		(id) => id instanceof ObjectId,
	);
}
