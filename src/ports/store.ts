// What the rules need to keep: people, logins, sessions, messages. One interface, run by every driver through one suite
// (test/contracts/store.ts). Every method can reject with `store_unavailable`; each write also with `store_full`.
// A write resolves when it is durable. Times are milliseconds since 1970, UTC.

import type { ApiKey } from "../domain/api-key.ts";
import type { ErrorCode } from "../domain/errors.ts";
import type { FinishReason } from "../domain/generation.ts";
import type { Id } from "../domain/id.ts";
import type { Invitation } from "../domain/invitation.ts";
import type { Login } from "../domain/login.ts";
import type { Message, MessageStatus, Timings, Usage } from "../domain/message.ts";
import type { Session } from "../domain/session.ts";
import type { User } from "../domain/user.ts";
import type { AuditStore } from "./audit.ts";

/** Rows `skip` to `skip + limit`, newest first. */
export type Range = { readonly skip: number; readonly limit: number };
export type Page<T> = { readonly items: readonly T[]; readonly total: number };

/** Rights, passwords and whether an account is disabled have writes of their own: each has a rule. */
export type UserChange = Partial<Pick<User, "fullName" | "avatarUrl">>;

export type UserStore = {
	/** Codes: `email_taken`. */
	createUser(user: User): Promise<void>;
	/** Makes the first administrator, or makes an existing person one; atomically refused with `setup_done` when there is one. Codes: `email_taken`. */
	createFirstAdmin(user: User): Promise<void>;
	findUserById(id: Id): Promise<User | undefined>;
	/** `email` in lower case. */
	findUserByEmail(email: string): Promise<User | undefined>;
	findUsers(range: Range): Promise<Page<User>>;
	/** Codes: `user_not_found`. */
	updateUser(id: Id, change: UserChange, now: number): Promise<User>;
	/** Gives or takes the administrator's rights, never the last one's. Codes: `user_not_found`, `last_admin`. */
	setAdmin(id: Id, isAdmin: boolean, now: number): Promise<User>;
	/** Disables an account, which ends its logins, or enables it; never the last administrator's. Codes: `user_not_found`, `last_admin`. */
	setDisabled(id: Id, disabled: boolean, now: number): Promise<User>;
	/**
	 * Removes an account and all data of that person: logins, tokens, invitations, sessions, messages. From the first step on nobody finds the
	 * account; a crash on the way is ended by the next start or the hour's purge. Codes: `user_not_found`, `last_admin`.
	 */
	deleteUser(id: Id): Promise<void>;
	/** Disables and demotes in one step, even the last administrator (the published default account of the old gateway). Codes: `user_not_found`. */
	lockOut(id: Id, now: number): Promise<User>;
	countAdmins(): Promise<number>;
};

export type PasswordChange = {
	readonly userId: Id;
	/** The hash that the current password was verified against. */
	readonly verifiedHash: string;
	readonly passwordHash: string;
	/** The login that asks for it, which goes on. */
	readonly keptLogin: Id;
	readonly now: number;
};

export type RefreshRotation = {
	/** SHA-256 of the token presented, and of its successor, in hexadecimal. */
	readonly hash: string;
	readonly successorHash: string;
	readonly now: number;
	/** For how long the direct parent gets the same successor again. */
	readonly graceMs: number;
	/** A family that was not used for this long has ended. */
	readonly idleMs: number;
	/** Where it comes from. */
	readonly address: string | null;
};

/** Logins of a person that go on at `now`. */
export type LoginQuery = Range & { readonly userId: Id; readonly now: number; readonly idleMs: number };

/**
 * `rotated`: the token was the newest, its successor is now. `repeated`: it was spent a moment ago and its successor is unused.
 * `reused`: it was spent before; the family has been ended. `unknown`: no such token, or its login has ended.
 */
export type RefreshOutcome = "rotated" | "repeated" | "reused" | "unknown";

export type LoginStore = {
	/**
	 * Stores a login with the hash of its first refresh token, only while the account's password hash is the one that was verified and
	 * the account is not disabled: a login that raced a new password must not outlive it. Codes: `invalid_credentials`.
	 */
	createLogin(login: Login, refreshHash: string, verifiedHash: string): Promise<void>;
	/** Puts another hash of the same password in the place of `from`. `false` when that is not the account's hash any more; nothing is written then. */
	replacePasswordHash(userId: Id, from: string, to: string): Promise<boolean>;
	/** Sets a new password, ends every login of that person except one, and a reset token, in one step. Codes: `wrong_password` when the hash is not `verifiedHash` any more. */
	changePassword(change: PasswordChange): Promise<void>;
	/** The login and its person, when both are there; whether they are still good is the caller's rule. */
	findLogin(id: Id): Promise<{ readonly login: Login; readonly user: User } | undefined>;
	/** The login that a refresh token belongs to, spent or not. */
	findLoginByRefreshHash(hash: string): Promise<Login | undefined>;
	rotateRefreshToken(rotation: RefreshRotation): Promise<RefreshOutcome>;
	/** Ends one login; harmless when it has ended or never was. */
	revokeLogin(id: Id, now: number): Promise<void>;
	/** Ends every login of a person, except one. */
	revokeLogins(userId: Id, now: number, except?: Id): Promise<void>;
	/** The last used first. */
	findLogins(query: LoginQuery): Promise<Page<Login>>;
	/** Notes that a login was used, and from where; harmless when it has ended. */
	touchLogin(id: Id, address: string | null, now: number): Promise<void>;
	/** Sets a new password without asking for the former one, and ends every login of that person. Codes: `user_not_found`. */
	setPassword(userId: Id, passwordHash: string, now: number): Promise<void>;
	/** Stores the hash of a one-time password reset token; older ones of that person end. */
	createResetToken(hash: string, userId: Id, expiresAt: number): Promise<void>;
	/** Spends a reset token, once: sets the password and ends every login of that person. Codes: `invalid_reset_token`. */
	resetPassword(hash: string, passwordHash: string, now: number): Promise<Id>;
	/** Removes logins, tokens and invitations that ended before this time, and goes on with what a crash left of a deletion. */
	purgeLogins(before: number): Promise<void>;
};

/** Only hashes of an invitation's token come here. */
export type InvitationStore = {
	createInvitation(invitation: Invitation, hash: string): Promise<void>;
	/** The one with this token, when it is good at that time: neither used nor ended, and its maker is an administrator who can act. */
	findInvitation(hash: string, now: number): Promise<Invitation | undefined>;
	/** Those that have not ended at `now`, newest first. */
	findInvitations(now: number, range: Range): Promise<Page<Invitation>>;
	/** Codes: `invitation_not_found`. */
	deleteInvitation(id: Id): Promise<void>;
	/** Makes an account and spends the invitation for it, in one step: of any number at once, one. Codes: `invalid_invitation`, `email_taken`. */
	createInvitedUser(user: User, hash: string, now: number): Promise<void>;
};

export type KeyStore = {
	/** Stores a personal key with its hash (SHA-256 in hexadecimal). Codes: `user_not_found`. */
	createKey(key: ApiKey, hash: string): Promise<void>;
	/** Of one person, newest first. */
	findKeys(userId: Id): Promise<readonly ApiKey[]>;
	/** The key and its person, when both are there; whether they are still good is the caller's rule. */
	findKey(id: Id): Promise<{ readonly key: ApiKey; readonly user: User } | undefined>;
	findKeyByHash(hash: string): Promise<{ readonly key: ApiKey; readonly user: User } | undefined>;
	/** Notes that a key was used now, unless that was noted after `notedBefore` already: many uses are one write. Harmless when it is gone. */
	touchKey(id: Id, now: number, notedBefore: number): Promise<void>;
	/** Only when it belongs to this person. Codes: `key_not_found`. */
	deleteKey(id: Id, userId: Id): Promise<void>;
	/** All of a person; tells how many. */
	deleteKeys(userId: Id): Promise<number>;
	/** Removes keys that ended before this time. */
	purgeKeys(before: number): Promise<void>;
};

export const SESSION_SORTS = ["createdAt", "updatedAt", "title"] as const;
export type SessionSort = (typeof SESSION_SORTS)[number];

export type SessionQuery = Range & {
	readonly userId: Id;
	readonly sortBy: SessionSort;
	readonly sortOrder: "asc" | "desc";
};

export type SessionChange = Partial<Pick<Session, "title" | "metadata" | "model" | "systemPrompt">>;

export type SessionStore = {
	/** Codes: `user_not_found`. */
	createSession(session: Session): Promise<void>;
	/** Only when it belongs to this person. */
	findSession(id: Id, userId: Id): Promise<Session | undefined>;
	findSessions(query: SessionQuery): Promise<Page<Session>>;
	/** All sessions of a person piece by piece, oldest first: those after the one given, which may be gone by now. */
	walkSessions(userId: Id, after: Session | null, limit: number): Promise<readonly Session[]>;
	/** An empty change changes nothing, `updatedAt` neither. Codes: `session_not_found`. */
	updateSession(id: Id, userId: Id, change: SessionChange, now: number): Promise<Session>;
	/** With its messages. Codes: `session_not_found`. */
	deleteSession(id: Id, userId: Id): Promise<void>;
};

export type Turn = { readonly userMessage: Message; readonly answer: Message };

export type TurnStart = Turn & {
	/** The person's message is stored already and stays: only its answer is made anew. */
	readonly keepsPrompt?: boolean;
	/** This message and all after it leave the branch in force and are kept as versions. */
	readonly replacesFrom?: Id;
};

export type MessageWindow =
	/** From the oldest on. */
	| { readonly offset: number; readonly limit: number }
	/** The newest ones. */
	| { readonly newest: number }
	/** The ones right before a message; nothing when that message is not in the session. */
	| { readonly before: Id; readonly limit: number };

export type MessagePage = { readonly messages: readonly Message[]; readonly total: number };

export type MessageWalk = { readonly sessionId: Id; readonly inForce: boolean; readonly after: Id | null; readonly limit: number };

/** The text of a running answer so far. */
export type Progress = { readonly messageId: Id; readonly content: string; readonly reasoning: string };

export type AnswerEnd = {
	readonly messageId: Id;
	readonly sessionId: Id;
	readonly content: string;
	readonly reasoning: string | null;
	readonly status: Exclude<MessageStatus, "streaming">;
	readonly errorCode: ErrorCode | null;
	readonly model: string | null;
	readonly finishReason: FinishReason | null;
	readonly usage: Usage | null;
	readonly timings: Timings | null;
	readonly now: number;
};

export type MessageStore = {
	/**
	 * Stores both messages of a turn in one step, before the model is asked: the person's as `sent`, the answer as `streaming` and empty.
	 * Codes: `session_not_found`; `message_id_conflict` when the clientMessageId stands in this session already;
	 * `generation_in_progress` when an answer of the session is `streaming`; `message_not_found` when `replacesFrom` is not in force there.
	 */
	beginTurn(start: TurnStart): Promise<void>;
	/** The turn that the client's own id names, in force or not. */
	findTurn(sessionId: Id, clientMessageId: string): Promise<Turn | undefined>;
	/** The answer of a generation with its prompt, when they belong to this person. */
	findTurnOfGeneration(generationId: Id, userId: Id): Promise<Turn | undefined>;
	/** Only when it belongs to this person. */
	findMessage(id: Id, userId: Id): Promise<Message | undefined>;
	/** All versions of a message, itself included, oldest first; at most 100. */
	findVersions(message: Message): Promise<readonly Message[]>;
	/** Stores what has come of running answers. Those that are no longer `streaming`, or gone, are passed over. */
	saveProgress(parts: readonly Progress[]): Promise<void>;
	/** Stores the end of an answer. `false` when it is gone or has ended already; nothing is written then. */
	finishAnswer(end: AnswerEnd): Promise<boolean>;
	/** Adds one message to a session. Codes: `session_not_found`. */
	appendMessage(message: Message): Promise<void>;
	/** Of the branch in force, oldest first; `total` counts that branch. */
	findMessages(sessionId: Id, window: MessageWindow): Promise<MessagePage>;
	/**
	 * The messages of a session piece by piece, oldest first: those in force, or those that are kept as versions. `after`: the last one of
	 * the piece before; when it is gone, nothing follows.
	 */
	walkMessages(walk: MessageWalk): Promise<readonly Message[]>;
	/** Removes all messages, versions too. Codes: `session_not_found`, `generation_in_progress`. */
	clearMessages(sessionId: Id, userId: Id, now: number): Promise<void>;
	/**
	 * Turns every answer left `streaming` by a process that died into `interrupted`, and ends whatever else such a process left half done;
	 * tells how many answers. To be called at a start. Where one process owns the store, all before it are dead. Where several share it, what
	 * living ones hold is left alone, and the store goes on looking by itself.
	 */
	repairInterrupted(now: number): Promise<number>;
};

export type Metrics = {
	readonly users: number;
	readonly admins: number;
	/** People with a session updated since `activeSince`. */
	readonly activeUsers: number;
	readonly sessions: number;
	readonly messages: number;
	readonly userMessages: number;
	readonly assistantMessages: number;
	readonly newUsers: number;
	readonly newSessions: number;
	readonly newMessages: number;
};

export type AdminStore = {
	metrics(since: { readonly active: number; readonly recent: number }): Promise<Metrics>;
	findAllSessions(range: Range): Promise<Page<Session>>;
	findAllMessages(range: Range): Promise<Page<Message>>;
};

export type Store = UserStore &
	LoginStore &
	InvitationStore &
	KeyStore &
	SessionStore &
	MessageStore &
	AdminStore &
	AuditStore & {
		/** A word for the readiness report, such as `sqlite`. */
		readonly kind: string;
		/** Resolves when a read and a durable write would work now. */
		check(): Promise<void>;
		/** Waits for writes under way, then lets go of everything. */
		close(): Promise<void>;
	};
