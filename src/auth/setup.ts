// The one-time setup token with which the first administrator is made in a browser. It lives in this process only.

import type { Clock } from "../ports/clock.ts";
import { equalSecrets, newSecret } from "./secrets.ts";

export type SetupGate = {
	/** A new token, good for half an hour; an older one ends. */
	open(): string;
	/** Whether this is the token in force. */
	accepts(token: string): boolean;
	close(): void;
};

const LIFETIME_MS = 30 * 60 * 1000;

export function createSetupGate(clock: Clock): SetupGate {
	let inForce: { readonly token: string; readonly until: number } | undefined;
	return {
		open: () => {
			const token = newSecret();
			inForce = { token, until: clock.elapsed() + LIFETIME_MS };
			return token;
		},
		accepts: (token) => inForce !== undefined && clock.elapsed() < inForce.until && equalSecrets(inForce.token, token),
		close: () => {
			inForce = undefined;
		},
	};
}
