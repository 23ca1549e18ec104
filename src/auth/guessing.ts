// Who may try a password or a one-time token now. Counted by address, and for a password also by the account as it was typed, existing or
// not. An address from which that person is signed in has a count of its own for the account, so that strangers cannot keep the person
// out at home by guessing; elsewhere they can, for as long as they go on, and refresh tokens and keys are not touched by any of it.

import { type ErrorCode, PocketError } from "../domain/errors.ts";
import type { Id } from "../domain/id.ts";
import { normalizeEmail } from "../domain/user.ts";
import { exchangeOf } from "../http/exchange.ts";
import { describeVerdict } from "../http/limits.ts";
import type { Guess, Limiter } from "../ports/limiter.ts";
import { hashSecret } from "./secrets.ts";

export type GuessGuard = {
	/** A try at a one-time token. Codes: `rate_limited`, and those of the act. */
	token<T>(request: Request, act: () => Promise<T>): Promise<T>;
	/** A try at the password of the account with this address. Codes as `token`. */
	password<T>(request: Request, email: string, act: () => Promise<T>): Promise<T>;
	/** A try at one's own password by somebody who is signed in: whoever has stolen a token is slowed, strangers are not counted. */
	ownPassword<T>(request: Request, userId: Id, act: () => Promise<T>): Promise<T>;
};

export type GuessGuardDependencies = {
	readonly limiter: Limiter;
	/** Whether the person with this address is signed in from there now; after the same work for an address of nobody. */
	readonly isSignedInFrom: (email: string, address: string) => Promise<boolean>;
};

/** What says that a guess was wrong. Anything else, a full queue or a disabled account, is no guess. */
const WRONG: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
	"invalid_credentials",
	"wrong_password",
	"invalid_setup_token",
	"invalid_reset_token",
]);

export function createGuessGuard({ limiter, isSignedInFrom }: GuessGuardDependencies): GuessGuard {
	const begin = async (request: Request, key: string): Promise<Guess | undefined> => {
		const guess = await limiter.guess(key);
		if (guess === undefined) return undefined;
		describeVerdict(exchangeOf(request).headers, "login", guess.verdict);
		if (!guess.verdict.allowed) throw new PocketError("rate_limited", { retryAfter: guess.verdict.resetSeconds });
		return guess;
	};

	const during = async <T>(guess: Guess | undefined, act: () => Promise<T>): Promise<T> => {
		let outcome: "wrong" | "not wrong" = "not wrong";
		try {
			return await act();
		} catch (error) {
			if (error instanceof PocketError && WRONG.has(error.code)) outcome = "wrong";
			throw error;
		} finally {
			await guess?.end(outcome);
		}
	};

	const byAddress = async <T>(request: Request, act: () => Promise<T>): Promise<T> =>
		during(await begin(request, `address:${exchangeOf(request).address}`), act);

	const beginForAccount = async (request: Request, email: string): Promise<Guess | undefined> => {
		// What people type is not kept, in memory or in Redis: it may be a password in the wrong field.
		const account = hashSecret(normalizeEmail(email));
		const { address } = exchangeOf(request);
		try {
			return await begin(request, `account:${account}`);
		} catch (error) {
			if (!(error instanceof PocketError) || error.code !== "rate_limited" || !(await isSignedInFrom(email, address))) throw error;
			return begin(request, `account:${account}:${address}`);
		}
	};

	return {
		token: byAddress,
		password: (request, email, act) => byAddress(request, async () => during(await beginForAccount(request, email), act)),
		ownPassword: async (request, userId, act) => during(await begin(request, `own:${userId}`), act),
	};
}
