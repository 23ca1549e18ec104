// The audit trail: who did what to an account, and from where. Entries are added and read, never changed; they end with their retention.

import type { Id } from "./id.ts";

export const AUDIT_ACTIONS = [
	"signup",
	"login",
	"login_failed",
	"header_login",
	"logout",
	"login_ended",
	"refresh_reused",
	"password_changed",
	"password_reset",
	"reset_link_made",
	"user_created",
	"user_changed",
	"user_disabled",
	"user_enabled",
	"user_promoted",
	"user_demoted",
	"user_deleted",
	"data_exported",
	"invite_made",
	"invite_used",
	"invite_ended",
	"key_made",
	"key_revoked",
	"setup_used",
	"signing_key_rotated",
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export function isAuditAction(text: string): text is AuditAction {
	const known: readonly string[] = AUDIT_ACTIONS;
	return known.includes(text);
}

export type AuditEntry = {
	/** A timed id, so that the order of ids is the order of things. */
	readonly id: Id;
	/** Milliseconds since 1970, UTC. */
	readonly at: number;
	readonly action: AuditAction;
	/** The person whom it concerns; `null` when there is no such account. */
	readonly userId: Id | null;
	/** Who did it; the same id when that is the person themselves, `null` when nobody was signed in (a failed login, a command). */
	readonly byId: Id | null;
	/** As in `Caller`. */
	readonly address: string | null;
	readonly device: string | null;
	/** A few words more, such as the name of a key. Never a secret, never what a stranger typed. */
	readonly detail: string | null;
};

/** With the addresses of the two; `null` when there is nobody, or nobody any more. */
export type NamedEntry = AuditEntry & { readonly email: string | null; readonly byEmail: string | null };
