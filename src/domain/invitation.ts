// An invitation: with it one person makes one account, also where signing up is not open to everybody.

import type { Id } from "./id.ts";

export type Invitation = {
	readonly id: Id;
	/** Whom it is for, in the words of who made it. */
	readonly note: string | null;
	/** The administrator who made it; it is good only while that person is one. `null`: made in a shell. */
	readonly createdBy: Id | null;
	readonly createdAt: number;
	/** Milliseconds since 1970, UTC. */
	readonly expiresAt: number;
};

/** In characters. */
export const NOTE_LENGTH = 200;
