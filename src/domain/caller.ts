// From where somebody acts, as far as the server can tell; for the audit trail and for lists of logins.

export type Caller = {
	/** The caller's address; `null` for a command on this machine, and for what the server does by itself. */
	readonly address: string | null;
	/** What the client calls itself (User-Agent), without control characters, at most `DEVICE_LENGTH` long; `null` when it says nothing. */
	readonly device: string | null;
};

const DEVICE_LENGTH = 200;

/** The caller of a command, and of what the server does by itself. */
export const THIS_MACHINE: Caller = { address: null, device: null };

/** A client's own words about itself, fit to be stored and to be shown on a terminal. */
export function deviceOf(userAgent: string | null): string | null {
	const plain = (userAgent ?? "").replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "").trim();
	return plain === "" ? null : plain.slice(0, DEVICE_LENGTH);
}
