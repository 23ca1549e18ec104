// Rows of the tables as SQLite gives them, and their way to and from the domain. No SQL and no rule.

import { type ApiKey, KEY_SCOPES } from "../../domain/api-key.ts";
import type { AuditAction, AuditEntry } from "../../domain/audit.ts";
import type { ErrorCode } from "../../domain/errors.ts";
import type { Id } from "../../domain/id.ts";
import type { Invitation } from "../../domain/invitation.ts";
import type { Login } from "../../domain/login.ts";
import type { Message, MessageStatus, Role } from "../../domain/message.ts";
import type { Session } from "../../domain/session.ts";
import type { User } from "../../domain/user.ts";

/** Named values of a statement (`$name` in the SQL, `name` here; `strict` connections refuse a missing one). */
export type SqlValues = Record<string, string | number | null>;

export type UserRow = {
	id: Id;
	email: string;
	full_name: string | null;
	avatar_url: string | null;
	password_hash: string;
	is_admin: number;
	disabled: number;
	created_at: number;
	updated_at: number;
};

export type LoginRow = {
	id: Id;
	user_id: Id;
	seed: string;
	created_at: number;
	last_used_at: number;
	expires_at: number;
	revoked_at: number | null;
	address: string | null;
	device: string | null;
};

export type InvitationRow = {
	id: Id;
	note: string | null;
	created_by: Id | null;
	created_at: number;
	expires_at: number;
};

export type KeyRow = {
	id: Id;
	user_id: Id;
	name: string;
	prefix: string;
	scopes: string;
	created_at: number;
	expires_at: number | null;
	last_used_at: number | null;
};

export type SessionRow = {
	id: Id;
	user_id: Id;
	title: string;
	metadata: string | null;
	model: string | null;
	system_prompt: string | null;
	created_at: number;
	updated_at: number;
	last_message_at: number | null;
	last_message: string | null;
	message_count: number;
};

export type MessageRow = {
	id: Id;
	session_id: Id;
	user_id: Id;
	role: Role;
	content: string;
	created_at: number;
	status: MessageStatus;
	error_code: ErrorCode | null;
	reasoning: string | null;
	model: string | null;
	generation_id: Id | null;
	client_message_id: string | null;
	version_of: Id | null;
	in_force: number;
	finish_reason: string | null;
	usage: string | null;
	timings: string | null;
};

export type AuditRow = {
	id: Id;
	at: number;
	action: AuditAction;
	user_id: Id | null;
	by_id: Id | null;
	address: string | null;
	device: string | null;
	detail: string | null;
};

/** An object as JSON text, `null` as NULL. JSON escapes lone surrogates, so every JavaScript string survives here. */
export function toJson(value: object | null): string | null {
	return value === null ? null : JSON.stringify(value);
}

export function userFromRow(row: UserRow): User {
	return {
		id: row.id,
		email: row.email,
		fullName: row.full_name,
		avatarUrl: row.avatar_url,
		passwordHash: row.password_hash,
		isAdmin: row.is_admin === 1,
		disabled: row.disabled === 1,
		createdAt: row.created_at,
		updatedAt: row.updated_at,
	};
}

export function userToRow(user: User): UserRow {
	return {
		id: user.id,
		email: user.email,
		full_name: user.fullName,
		avatar_url: user.avatarUrl,
		password_hash: user.passwordHash,
		is_admin: user.isAdmin ? 1 : 0,
		disabled: user.disabled ? 1 : 0,
		created_at: user.createdAt,
		updated_at: user.updatedAt,
	};
}

export function loginFromRow(row: LoginRow): Login {
	return {
		id: row.id,
		userId: row.user_id,
		seed: row.seed,
		createdAt: row.created_at,
		lastUsedAt: row.last_used_at,
		expiresAt: row.expires_at,
		revokedAt: row.revoked_at,
		address: row.address,
		device: row.device,
	};
}

export function loginToRow(login: Login): LoginRow {
	return {
		id: login.id,
		user_id: login.userId,
		seed: login.seed,
		created_at: login.createdAt,
		last_used_at: login.lastUsedAt,
		expires_at: login.expiresAt,
		revoked_at: login.revokedAt,
		address: login.address,
		device: login.device,
	};
}

export function invitationFromRow(row: InvitationRow): Invitation {
	return { id: row.id, note: row.note, createdBy: row.created_by, createdAt: row.created_at, expiresAt: row.expires_at };
}

export function invitationToRow(invitation: Invitation): InvitationRow {
	return {
		id: invitation.id,
		note: invitation.note,
		created_by: invitation.createdBy,
		created_at: invitation.createdAt,
		expires_at: invitation.expiresAt,
	};
}

export function keyFromRow(row: KeyRow): ApiKey {
	const scopes: unknown = JSON.parse(row.scopes);
	return {
		id: row.id,
		userId: row.user_id,
		name: row.name,
		prefix: row.prefix,
		scopes: KEY_SCOPES.filter((scope) => Array.isArray(scopes) && scopes.includes(scope)),
		createdAt: row.created_at,
		expiresAt: row.expires_at,
		lastUsedAt: row.last_used_at,
	};
}

export function keyToRow(key: ApiKey): KeyRow {
	return {
		id: key.id,
		user_id: key.userId,
		name: key.name,
		prefix: key.prefix,
		scopes: JSON.stringify(key.scopes),
		created_at: key.createdAt,
		expires_at: key.expiresAt,
		last_used_at: key.lastUsedAt,
	};
}

export function sessionFromRow(row: SessionRow): Session {
	return {
		id: row.id,
		userId: row.user_id,
		title: row.title,
		metadata: row.metadata === null ? null : JSON.parse(row.metadata),
		model: row.model,
		systemPrompt: row.system_prompt,
		createdAt: row.created_at,
		updatedAt: row.updated_at,
		lastMessageAt: row.last_message_at,
		lastMessage: row.last_message,
		messageCount: row.message_count,
	};
}

export function sessionToRow(session: Session): SessionRow {
	return {
		id: session.id,
		user_id: session.userId,
		title: session.title,
		metadata: toJson(session.metadata),
		model: session.model,
		system_prompt: session.systemPrompt,
		created_at: session.createdAt,
		updated_at: session.updatedAt,
		last_message_at: session.lastMessageAt,
		last_message: session.lastMessage,
		message_count: session.messageCount,
	};
}

export function messageFromRow(row: MessageRow): Message {
	return {
		id: row.id,
		sessionId: row.session_id,
		userId: row.user_id,
		role: row.role,
		content: row.content,
		createdAt: row.created_at,
		status: row.status,
		errorCode: row.error_code,
		reasoning: row.reasoning,
		model: row.model,
		generationId: row.generation_id,
		clientMessageId: row.client_message_id,
		versionOf: row.version_of,
		inForce: row.in_force === 1,
		finishReason: row.finish_reason,
		usage: row.usage === null ? null : JSON.parse(row.usage),
		timings: row.timings === null ? null : JSON.parse(row.timings),
	};
}

export function messageToRow(message: Message): MessageRow {
	return {
		id: message.id,
		session_id: message.sessionId,
		user_id: message.userId,
		role: message.role,
		content: message.content,
		created_at: message.createdAt,
		status: message.status,
		error_code: message.errorCode,
		reasoning: message.reasoning,
		model: message.model,
		generation_id: message.generationId,
		client_message_id: message.clientMessageId,
		version_of: message.versionOf,
		in_force: message.inForce ? 1 : 0,
		finish_reason: message.finishReason,
		usage: toJson(message.usage),
		timings: toJson(message.timings),
	};
}

export function auditFromRow({ user_id, by_id, ...row }: AuditRow): AuditEntry {
	return { ...row, userId: user_id, byId: by_id };
}

export function auditToRow({ userId, byId, ...entry }: AuditEntry): AuditRow {
	return { ...entry, user_id: userId, by_id: byId };
}
