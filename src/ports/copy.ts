// Moving house: everything that is kept, record by record, out of one driver and into another. Both drivers read and write the same
// records in the same order, so that a copy can be broken off, gone on with, and compared. The rule that uses this stands in src/move.

import type { ApiKey } from "../domain/api-key.ts";
import type { AuditEntry } from "../domain/audit.ts";
import type { Id } from "../domain/id.ts";
import type { Invitation } from "../domain/invitation.ts";
import type { Login } from "../domain/login.ts";
import type { Message } from "../domain/message.ts";
import type { Session } from "../domain/session.ts";
import type { User } from "../domain/user.ts";

/** The hashes of one login's refresh tokens. */
export type RefreshChain = {
	/** The one that is not spent. */
	readonly newest: string | null;
	/** The one spent for it, and when. */
	readonly parent: string | null;
	readonly rotatedAt: number | null;
	/** All that were spent before, sorted. */
	readonly spent: readonly string[];
};

/**
 * What there is to copy, by collection. A row here asks both drivers for their part (sqlite/copy/collections.ts, mongo/copy/collections.ts),
 * and src/move/order.ts for its key. How many messages a session has is no record: the target counts what it was given.
 */
export type CopyRecords = {
	users: User;
	logins: Login & { readonly tokens: RefreshChain };
	resetTokens: { readonly userId: Id; readonly hash: string; readonly expiresAt: number };
	/** With the hash of the key, or of the invitation's token. */
	apiKeys: ApiKey & { readonly hash: string };
	invitations: Invitation & { readonly hash: string };
	/** People who were deleted, and whose data may not all be gone yet. */
	removals: { readonly userId: Id };
	sessions: Omit<Session, "messageCount">;
	messages: Message;
	audit: AuditEntry;
};

export type CopyCollection = keyof CopyRecords;

export type CopySide = {
	readonly kind: "sqlite" | "mongodb";
	/** For people: a file, or hosts and database. No secret. */
	readonly location: string;
	/**
	 * All records with a key after this one (`null`: all), in the order of their keys (src/move/order.ts); messages of one session in the
	 * session's order. What cannot be read is left out: see `inspect`.
	 */
	read<C extends CopyCollection>(collection: C, after: Id | null): AsyncIterable<CopyRecords[C]>;
	close(): Promise<void>;
};

/** Something in the source that has no place in the target: a document that cannot be read, or fields that nobody here knows. */
export type LeftBehind = {
	readonly collection: string;
	readonly id: string;
	/** Why the whole of it stays: the end of a sentence, such as "has no e-mail address". `null`: it is copied, but for `fields`. */
	readonly reason: string | null;
	/** The fields that stay although the rest is copied. */
	readonly fields: readonly string[];
	/** What stays behind, as one line of (extended) JSON. */
	readonly content: string;
};

export type CopySource = CopySide & {
	/** Names the source from one run to the next. No secret. */
	readonly identity: string;
	/** As `read` from the beginning, telling of everything that stays behind. */
	inspect<C extends CopyCollection>(collection: C, onLeft: (left: LeftBehind) => void): AsyncIterable<CopyRecords[C]>;
};

export type CopyPosition = {
	/** The last key whose records are all there; `null`: none yet. */
	readonly key: Id | null;
	/** How many records that are. */
	readonly rows: number;
	readonly isComplete: boolean;
};

/** What a collection holds: how many records, and one hash (SHA-256, hexadecimal) over all of them in order. */
export type CopyDigest = { readonly count: number; readonly sha256: string };

/** What the target remembers of a copy, from its begin on. */
export type CopyState = {
	readonly source: string;
	readonly begunAt: number;
	/** When it was verified and became a store that a server takes; what the source held then. */
	readonly finished: { readonly at: number; readonly digests: { readonly [C in CopyCollection]?: CopyDigest } } | null;
	readonly positions: { readonly [C in CopyCollection]?: CopyPosition };
};

export type CopyTarget = CopySide & {
	/** The copy that was begun here, if any. */
	state(): Promise<CopyState | undefined>;
	/** Where something stands already, for people; `undefined` when the target is empty. */
	occupied(): Promise<string | undefined>;
	/** Prepares the target, and stores that a copy is under way: from now on no server takes it for its own. */
	begin(state: CopyState): Promise<void>;
	/** Removes all records with a key after this one: what was written after the last stored position. */
	clearAfter(collection: CopyCollection, key: Id | null): Promise<void>;
	/** Adds records, and stores the state when they are durable. Codes: `store_full`, `store_unavailable`. */
	write<C extends CopyCollection>(collection: C, records: readonly CopyRecords[C][], state: CopyState): Promise<void>;
	/** Stores the state alone. */
	save(state: CopyState): Promise<void>;
	/** Sets what follows from the records, such as counts; all of them are there. */
	settle(): Promise<void>;
	/** Each session with the count that it shows, in the order of their ids. */
	messageCounts(): AsyncIterable<{ readonly id: Id; readonly count: number }>;
	/** Makes it a store that a server takes. */
	finish(state: CopyState): Promise<void>;
};
