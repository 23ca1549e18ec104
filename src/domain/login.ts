// A login: one signing-in of one person on one device. Its access tokens name it (`sid`), and its refresh tokens form one family.

import type { Id } from "./id.ts";

export type Login = {
	readonly id: Id;
	readonly userId: Id;
	/**
	 * 256 random bits in base64url. The successor of a refresh token is HMAC-SHA256(seed, that token): whoever presents a token
	 * twice within the grace gets the same successor, although only hashes of tokens are stored.
	 */
	readonly seed: string;
	readonly createdAt: number;
	readonly lastUsedAt: number;
	/** Nothing of this login is accepted after this time (milliseconds since 1970). */
	readonly expiresAt: number;
	readonly revokedAt: number | null;
	/** From where it was last used, and what signed in; as in `Caller`. */
	readonly address: string | null;
	readonly device: string | null;
};
