// The type of every write: its name, what it takes, what it gives. writes.ts holds the operations themselves.
// Arguments and results travel to the writer's thread and back, so they are plain data.

import type { ApiKey } from "../../../domain/api-key.ts";
import type { AuditEntry } from "../../../domain/audit.ts";
import type { Id } from "../../../domain/id.ts";
import type { Invitation } from "../../../domain/invitation.ts";
import type { Login } from "../../../domain/login.ts";
import type { Message } from "../../../domain/message.ts";
import type { Session } from "../../../domain/session.ts";
import type { User } from "../../../domain/user.ts";
import type {
	AnswerEnd,
	PasswordChange,
	RefreshOutcome,
	RefreshRotation,
	SessionChange,
	TurnStart,
	UserChange,
} from "../../../ports/store.ts";

export type WriteOperations = {
	createUser: { args: User; result: undefined };
	createFirstAdmin: { args: User; result: undefined };
	updateUser: { args: { id: Id; change: UserChange; now: number }; result: User };
	setAdmin: { args: { id: Id; isAdmin: boolean; now: number }; result: User };
	setDisabled: { args: { id: Id; disabled: boolean; now: number }; result: User };
	deleteUser: { args: { id: Id }; result: undefined };
	removeRemains: { args: { limit: number }; result: boolean };
	lockOut: { args: { id: Id; now: number }; result: User };
	createLogin: { args: { login: Login; refreshHash: string; verifiedHash: string }; result: undefined };
	replacePasswordHash: { args: { userId: Id; from: string; to: string }; result: boolean };
	changePassword: { args: PasswordChange; result: undefined };
	rotateRefreshToken: { args: RefreshRotation; result: RefreshOutcome };
	revokeLogin: { args: { id: Id; now: number }; result: undefined };
	revokeLogins: { args: { userId: Id; now: number; except: Id | null }; result: undefined };
	touchLogin: { args: { id: Id; address: string | null; now: number }; result: undefined };
	setPassword: { args: { userId: Id; passwordHash: string; now: number }; result: undefined };
	createResetToken: { args: { hash: string; userId: Id; expiresAt: number }; result: undefined };
	resetPassword: { args: { hash: string; passwordHash: string; now: number }; result: Id };
	purgeLogins: { args: { before: number }; result: undefined };
	createInvitation: { args: { invitation: Invitation; hash: string }; result: undefined };
	deleteInvitation: { args: { id: Id }; result: undefined };
	createInvitedUser: { args: { user: User; hash: string; now: number }; result: undefined };
	createKey: { args: { key: ApiKey; hash: string }; result: undefined };
	touchKey: { args: { id: Id; now: number; notedBefore: number }; result: undefined };
	deleteKey: { args: { id: Id; userId: Id }; result: undefined };
	deleteKeys: { args: { userId: Id }; result: number };
	purgeKeys: { args: { before: number }; result: undefined };
	createSession: { args: Session; result: undefined };
	updateSession: { args: { id: Id; userId: Id; change: SessionChange; now: number }; result: Session };
	deleteSession: { args: { id: Id; userId: Id }; result: undefined };
	beginTurn: { args: TurnStart; result: undefined };
	/** `parts` as in the row; `below`: rows with a lower number are no longer needed. Gives the row's number, a higher one when it was taken. */
	saveProgress: { args: { number: number; parts: string; below: number }; result: number };
	/** Rows of progress below this number. */
	dropProgress: { args: { below: number }; result: undefined };
	finishAnswer: { args: { end: AnswerEnd; below: number }; result: boolean };
	appendMessage: { args: Message; result: undefined };
	clearMessages: { args: { sessionId: Id; userId: Id; now: number }; result: undefined };
	repairInterrupted: { args: { now: number }; result: number };
	appendAudit: { args: AuditEntry; result: undefined };
	purgeAudit: { args: { before: number }; result: undefined };
	beat: { args: undefined; result: undefined };
};

export type WriteName = keyof WriteOperations;
export type WriteArgs<N extends WriteName> = WriteOperations[N]["args"];
export type WriteResult<N extends WriteName> = WriteOperations[N]["result"];

/** A write as it travels: the operations' names and arguments belong together. */
export type WriteRequest<N extends WriteName = WriteName> = {
	[K in N]: { readonly id: number; readonly name: K; readonly args: WriteArgs<K> };
}[N];
