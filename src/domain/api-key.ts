// Personal keys: what a script of one person presents in place of a login. The key itself is shown once and never stored.

import type { Id } from "./id.ts";

/** `read`: what is one's own. `chat`: sessions and turns. */
export const KEY_SCOPES = ["chat", "read"] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];

export type ApiKey = {
	readonly id: Id;
	readonly userId: Id;
	/** What its owner calls it. */
	readonly name: string;
	/** The beginning of the key, by which its owner knows it again. */
	readonly prefix: string;
	readonly scopes: readonly KeyScope[];
	readonly createdAt: number;
	/** Refused from this time on (milliseconds since 1970); `null`: never. */
	readonly expiresAt: number | null;
	/** To the minute; `null`: never used. */
	readonly lastUsedAt: number | null;
};

/** What every key begins with: tells it from an access token, and lets scanners for leaked secrets find it. */
export const KEY_MARK = "pk_";
/** Characters of a key that are shown again: 36 of its 256 random bits. */
const PREFIX_LENGTH = KEY_MARK.length + 6;
/** Keys that one person can have at once. */
export const KEYS_PER_USER = 50;
export const KEY_NAME_LENGTH = 100;

export function prefixOf(key: string): string {
	return key.slice(0, PREFIX_LENGTH);
}
