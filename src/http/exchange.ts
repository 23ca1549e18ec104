// What is known about one request beside the request itself. Kept by identity of the Request, never on it.

import type { KeyScope } from "../domain/api-key.ts";
import { type Caller, deviceOf } from "../domain/caller.ts";
import { PocketError } from "../domain/errors.ts";
import type { Id } from "../domain/id.ts";
import type { User } from "../domain/user.ts";
import type { ProxyWord } from "./header-login.ts";

/** The signed-in person behind a request, as the store had it when the request came. */
export type Principal = {
	readonly user: User;
	/** What lets the person in: a login, or a personal key. */
	readonly loginId: Id;
	/** When the login of this token ends (milliseconds since 1970). */
	readonly loginExpiresAt: number;
	/** What the personal key is good for, when it was one; `undefined` for a login. */
	readonly keyScopes?: readonly KeyScope[] | undefined;
};

export type Exchange = {
	readonly requestId: string;
	/** The caller's address, after `TRUSTED_PROXIES`. */
	readonly address: string;
	/** Who the reverse proxy says is calling. */
	readonly proxyWord: ProxyWord;
	/** `undefined`: no token was sent; an error: one was sent and is not good. */
	principal: Principal | PocketError | undefined;
	/** The route's template, for the access log; `undefined` when no route was reached. */
	route: string | undefined;
	/** Fields to add to the answer, whatever it will be. */
	readonly headers: Headers;
	/**
	 * Lifts the server's idle timeout for this request, for streams. To be taken back before the end of the answer: afterwards it would hold
	 * for the whole connection, and a client that keeps it open would hold a file handle for ever.
	 */
	readonly keepOpen: (isKept: boolean) => void;
};

const exchanges = new WeakMap<Request, Exchange>();

export function openExchange(request: Request, exchange: Exchange): void {
	exchanges.set(request, exchange);
}

/** The exchange of a request that came in through `createEntry`. */
export function exchangeOf(request: Request): Exchange {
	const exchange = exchanges.get(request);
	if (exchange === undefined) throw new Error("a request reached the app beside its entry");
	return exchange;
}

/** The person behind a request, if any; a bad token counts as none. */
export function findPrincipal(request: Request): Principal | undefined {
	const { principal } = exchangeOf(request);
	return principal instanceof PocketError ? undefined : principal;
}

/** The person behind a request. Codes: `unauthenticated`, `invalid_token`, `account_disabled`. */
export function principalOf(request: Request): Principal {
	const { principal } = exchangeOf(request);
	if (principal === undefined) throw new PocketError("unauthenticated");
	if (principal instanceof PocketError) throw principal;
	return principal;
}

/** The person behind a request, when a login and no personal key let them in. Codes: those of `principalOf`, `key_not_permitted`. */
export function loginOf(request: Request): Principal {
	const principal = principalOf(request);
	if (principal.keyScopes !== undefined) throw new PocketError("key_not_permitted");
	return principal;
}

/** From where a request comes, for the audit trail and the list of logins. */
export function callerOf(request: Request): Caller {
	return { address: exchangeOf(request).address, device: deviceOf(request.headers.get("user-agent")) };
}
