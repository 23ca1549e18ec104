// A person with an account, and the rules of an account that need nothing from outside.

import type { Id } from "./id.ts";

export type User = {
	readonly id: Id;
	/** Lower case, unique. */
	readonly email: string;
	/** What the person typed as a name; `null` when nothing was. Shown through `displayName`. */
	readonly fullName: string | null;
	readonly avatarUrl: string | null;
	/** A PHC string (`$argon2id$…`) or an old bcrypt hash (`$2b$…`). */
	readonly passwordHash: string;
	readonly isAdmin: boolean;
	/** A disabled account cannot sign in and its tokens are refused. */
	readonly disabled: boolean;
	/** Milliseconds since 1970, UTC. */
	readonly createdAt: number;
	readonly updatedAt: number;
};

/** The name to show: what was given, else the e-mail address. */
export function displayName(user: Pick<User, "fullName" | "email">): string {
	return user.fullName === null || user.fullName === "" ? user.email : user.fullName;
}

/** The form in which addresses are stored and compared. */
export function normalizeEmail(email: string): string {
	return email.trim().toLowerCase();
}

const LOCAL_PART = /^[a-z0-9!#$%&'*+/=?^_`{|}~\p{L}\p{N}-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~\p{L}\p{N}-]+)*$/iu;
const DOMAIN_LABEL = /^[\p{L}\p{N}]([\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u;

/**
 * Says what is wrong with an e-mail address, or `undefined` when it can be one (RFC 5321 lengths, dot-atom local part, no quoting).
 * A home server has people at `anna@box.local` or `bob@lab`, so special-use and single-label domains are fine.
 */
export function emailProblem(email: string): string | undefined {
	const at = email.lastIndexOf("@");
	if (at < 1) return "An e-mail address has an @ sign with something on both sides.";
	const local = email.slice(0, at);
	const domain = email.slice(at + 1);
	if (email.length > 254 || local.length > 64) return "The e-mail address is too long (254 characters at most, 64 before the @ sign).";
	if (!LOCAL_PART.test(local)) return "The part before the @ sign is not valid.";
	const labels = domain.split(".");
	if (domain === "" || labels.some((label) => !DOMAIN_LABEL.test(label))) return "The part after the @ sign is not a valid domain.";
	return undefined;
}
