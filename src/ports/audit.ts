// Noting what is done to accounts. The trail serves those who look after the people; it never stands in the way of what it notes.

import type { AuditAction, AuditEntry } from "../domain/audit.ts";
import type { Caller } from "../domain/caller.ts";
import type { Id } from "../domain/id.ts";

export type AuditEvent = {
	readonly action: AuditAction;
	/** The person whom it concerns; left out when there is no such account. */
	readonly userId?: Id | undefined;
	/** Who did it, when somebody is signed in: the person themselves or an administrator. */
	readonly byId?: Id | undefined;
	readonly caller: Caller;
	/** As in `AuditEntry`. */
	readonly detail?: string | undefined;
};

/** Who acts, and from where; `byId` is `undefined` for a command. */
export type Actor = { readonly byId?: Id | undefined; readonly caller: Caller };

export type Audit = {
	/** Notes it in the background: a store that closes waits for it. Never throws; what could not be noted is told in the log. */
	record(event: AuditEvent): void;
};

export type AuditQuery = {
	/** Whom it concerns, or who did it. */
	readonly userId?: Id | undefined;
	readonly action?: AuditAction | undefined;
	/** Not before this time (milliseconds since 1970). */
	readonly since?: number | undefined;
	/** Only what came before the entry with this id. */
	readonly before?: Id | undefined;
	readonly limit: number;
};

/** Part of the store; its rules are those of src/ports/store.ts. */
export type AuditStore = {
	appendAudit(entry: AuditEntry): Promise<void>;
	/** Newest first. */
	findAudit(query: AuditQuery): Promise<readonly AuditEntry[]>;
	/** Removes what was noted before this time. */
	purgeAudit(before: number): Promise<void>;
};
