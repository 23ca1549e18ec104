// The outermost layer of a request, around Elysia: refuses malformed Host fields before any path is read, gives the request its id,
// puts the fields on the answer that every answer has, writes the access log, and turns whatever still escapes into a 500.

import { PocketError } from "../domain/errors.ts";
import type { Log } from "../ports/log.ts";
import type { AddressReader } from "./address.ts";
import { type Exchange, findPrincipal, openExchange } from "./exchange.ts";
import type { ProxyReader } from "./header-login.ts";
import { asPocketError, problemResponse } from "./problem.ts";

export type Peer = {
	/** The socket's address. */
	readonly address: string;
	/** Lifts the idle timeout of the connection, or sets it again. */
	readonly keepOpen: (isKept: boolean) => void;
};

export type EntryOptions = {
	readonly handle: (request: Request) => Response | Promise<Response>;
	readonly addresses: AddressReader;
	readonly readProxy: ProxyReader;
	readonly allowedOrigins: readonly string[];
	readonly log: Log;
	/** A new request id: letters and digits. */
	readonly newRequestId: () => string;
	/** Milliseconds that only grow. */
	readonly elapsed: () => number;
};

export type Entry = (request: Request, peer: Peer) => Promise<Response>;

// Reg-name or address with an optional port (RFC 9110, section 7.2; RFC 3986, section 3.2.2); nothing that could shift a path.
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(:\d{1,5})?$/i;

/** Wraps the app. Every answer gets an X-Request-Id and the security fields; each is logged once. */
export function createEntry(options: EntryOptions): Entry {
	const { log } = options;
	const refusedOrigins = new Set<string>();
	return async (request, peer) => {
		const started = options.elapsed();
		const exchange: Exchange = {
			requestId: options.newRequestId(),
			address: options.addresses.read(peer.address, request.headers.get("x-forwarded-for")),
			proxyWord: options.readProxy(peer.address, request.headers),
			principal: undefined,
			route: undefined,
			headers: new Headers(),
			keepOpen: peer.keepOpen,
		};
		openExchange(request, exchange);
		const response = await answer(request, exchange, options);
		noteOrigin(request, options, refusedOrigins);
		finish(response, exchange);
		const ms = Math.round((options.elapsed() - started) * 10) / 10;
		// Nobody waits for the log.
		setImmediate(() => logRequest(log, { request, exchange, status: response.status, ms }));
		return response;
	};
}

async function answer(request: Request, exchange: Exchange, { handle, log }: EntryOptions): Promise<Response> {
	try {
		// A host can have the right form and yet be none: http://1.2.3.999/, http://x:99999/.
		if (!HOST.test(request.headers.get("host") ?? "") || !URL.canParse(request.url))
			throw new PocketError("bad_request", { sentence: "The Host field is missing or malformed." });
		return await handle(request);
	} catch (error) {
		const problem = asPocketError(error);
		if (problem.code === "internal") log.error({ requestId: exchange.requestId, err: error }, "a request failed unexpectedly");
		return problemResponse(problem, exchange.requestId);
	}
}

function finish(response: Response, exchange: Exchange): void {
	const { headers } = response;
	for (const [name, value] of exchange.headers) headers.set(name, value);
	headers.set("x-request-id", exchange.requestId);
	headers.set("x-content-type-options", "nosniff");
	headers.set("referrer-policy", "no-referrer");
	if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
	if (!headers.has("content-security-policy")) headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
}

type Answered = { readonly request: Request; readonly exchange: Exchange; readonly status: number; readonly ms: number };

function logRequest(log: Log, { request, exchange, status, ms }: Answered): void {
	log.info(
		{
			requestId: exchange.requestId,
			method: request.method,
			// The template, not the path: a path can hold an id, and a query can hold anything.
			route: exchange.route ?? "-",
			status,
			ms,
			address: exchange.address,
			...userOf(request),
		},
		"request",
	);
}

function userOf(request: Request): { user?: string } {
	const principal = findPrincipal(request);
	return principal === undefined ? {} : { user: principal.user.id };
}

/** The old gateway let every origin in when ALLOWED_ORIGINS was unset; whoever comes from there is told once which setting it is. */
function noteOrigin(request: Request, { allowedOrigins, log }: EntryOptions, refused: Set<string>): void {
	const origin = request.headers.get("origin");
	if (origin === null || allowedOrigins.includes(origin) || refused.has(origin) || refused.size >= 100) return;
	if (URL.canParse(origin) && new URL(origin).host === request.headers.get("host")) return;
	refused.add(origin);
	log.warn(
		{ origin: origin.slice(0, 200) },
		"a web page of another origin called and is not let in; add it to ALLOWED_ORIGINS if it should be",
	);
}
