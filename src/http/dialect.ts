// The part of our HTTP dialect that runs inside Elysia, once for all features: who is calling, the global limit, bodies, who may call
// what, and every error as problem+json. Order of a request: entry.ts → onRequest → parse → transform (the guard) → validation → handler.

import { Elysia, NotFoundError, ParseError, ValidationError } from "elysia";
import type { KeyScope } from "../domain/api-key.ts";
import { type FieldProblem, PocketError } from "../domain/errors.ts";
import type { Limiter } from "../ports/limiter.ts";
import type { Log } from "../ports/log.ts";
import type { AccessTable } from "./access.ts";
import { CHAT_BODY, readJsonBody, SMALL_BODY } from "./body.ts";
import type { Access } from "./describe.ts";
import { exchangeOf, findPrincipal, type Principal, principalOf } from "./exchange.ts";
import type { ProxyWord } from "./header-login.ts";
import { countRequest } from "./limits.ts";
import { asPocketError, problemResponse } from "./problem.ts";

export type DialectOptions = {
	/** Who a bearer token belongs to that was sent from this address. Codes: `invalid_token`, `account_disabled`. */
	readonly authenticate: (token: string, address: string) => Promise<Principal>;
	readonly limiter: Limiter;
	readonly log: Log;
	/** Filled by the app once all routes stand. */
	readonly access: AccessTable;
	/** Whether so little is left of what connections need that a request would fail half-way. */
	readonly isExhausted: () => boolean;
};

/** Paths that are never limited, so that a probe of a supervisor never takes the server for dead. */
const UNLIMITED = new Set(["/", "/healthz", "/readyz"]);

/** The plugin; it must be the first that the app uses. */
export function dialect({ authenticate, limiter, log, access, isExhausted }: DialectOptions) {
	const guard = (request: Request, route: string) => {
		const needed: Access | undefined = access.accessOf(request.method, route);
		exchangeOf(request).route = route;
		// A route without a row is a defect, and closed.
		if (needed === undefined) throw new PocketError("not_found");
		if (needed === "anonymous") return;
		const { user, keyScopes } = principalOf(request);
		if (keyScopes !== undefined) requireScope(keyScopes, access.keysOf(request.method, route));
		if (needed === "admin" && !user.isAdmin) throw new PocketError("forbidden");
	};
	return new Elysia({ name: "dialect" })
		.onError({ as: "global" }, ({ error, request }) => {
			const exchange = exchangeOf(request);
			const problem = fromElysia(error, request, access);
			if (problem.code === "internal") {
				log.error({ requestId: exchange.requestId, route: exchange.route, err: problem.details.cause }, "a request failed unexpectedly");
			}
			return problemResponse(problem, exchange.requestId);
		})
		.onRequest(async ({ request }) => {
			const exchange = exchangeOf(request);
			const { pathname } = new URL(request.url);
			if (request.url.includes("#") || !isReadable(pathname))
				throw new PocketError("bad_request", { sentence: "The address is malformed." });
			const token = bearerOf(request.headers.get("authorization"));
			if (token !== undefined) {
				try {
					const principal = await authenticate(token, exchange.address);
					requireAgreement(exchange.proxyWord, principal);
					exchange.principal = principal;
				} catch (error) {
					const problem = asPocketError(error);
					if (problem.code !== "invalid_token" && problem.code !== "account_disabled") throw error;
					exchange.principal = problem;
				}
			}
			if (UNLIMITED.has(pathname)) return;
			if (isExhausted()) {
				// Its connection is needed, too.
				exchange.headers.set("connection", "close");
				throw new PocketError("busy", { retryAfter: 1 });
			}
			const caller = findPrincipal(request);
			await countRequest(limiter, request, "global", caller === undefined ? `address:${exchange.address}` : `user:${caller.user.id}`);
		})
		.onParse({ as: "global" }, async ({ request, route }) => {
			guard(request, route);
			const isLarge = access.takesLargeBody(request.method, route) && findPrincipal(request) !== undefined;
			// Never undefined: that would hand the body to Elysia's own parsers, which take forms and text as well.
			const body = await readJsonBody(request, isLarge ? CHAT_BODY : SMALL_BODY);
			if (body === undefined && access.needsBody(request.method, route)) throw missingBody();
			return body ?? {};
		})
		.onTransform({ as: "global" }, ({ request, route }) => guard(request, route));
}

/**
 * A browser may keep the token of somebody who has left and whose place at the proxy another person has taken: that one must not see the
 * former one's conversations. Codes: `invalid_token`.
 */
function requireAgreement(word: ProxyWord, { user }: Principal): void {
	if (word.kind === "odd") throw new PocketError("invalid_token", { sentence: "The proxy's word about who is calling cannot be read." });
	if (word.kind !== "person" || word.email === user.email) return;
	throw new PocketError("invalid_token", { sentence: "The proxy says that somebody else is calling. Sign in again." });
}

/** Codes: `key_not_permitted`. */
function requireScope(has: readonly KeyScope[], wanted: readonly KeyScope[]): void {
	if (wanted.some((scope) => has.includes(scope))) return;
	if (wanted.length === 0) throw new PocketError("key_not_permitted");
	throw new PocketError("key_not_permitted", { sentence: `This needs a key with the scope ${wanted.join(" or ")}.` });
}

/** Whether its percent escapes are UTF-8; the router hands over `null` in place of what it cannot read. */
function isReadable(pathname: string): boolean {
	if (!pathname.includes("%")) return true;
	try {
		decodeURIComponent(pathname);
		return true;
	} catch {
		return false;
	}
}

/** The token of an Authorization field with the Bearer scheme, in any case (RFC 9110, section 11.1); an empty one counts as a token. */
function bearerOf(field: string | null): string | undefined {
	const match = /^bearer(?:\s+(.*))?$/i.exec(field?.trim() ?? "");
	return match === null ? undefined : (match[1] ?? "").trim();
}

function missingBody(): PocketError {
	const message = "must be a JSON object";
	return new PocketError("validation_failed", { sentence: `body ${message}.`, fields: [{ path: "body", message }] });
}

function fromElysia(error: unknown, request: Request, access: AccessTable): PocketError {
	if (error instanceof PocketError) return error;
	if (error instanceof ParseError) return error.cause instanceof PocketError ? error.cause : new PocketError("bad_json", { cause: error });
	if (error instanceof ValidationError) return new PocketError("validation_failed", describeValidation(error));
	if (error instanceof NotFoundError) {
		const allow = access.verbsAt(new URL(request.url).pathname);
		return allow.length === 0 ? new PocketError("not_found") : new PocketError("method_not_allowed", { allow });
	}
	return asPocketError(error);
}

/** Where and what, in our words; TypeBox's own messages can hold the value. */
function describeValidation(error: ValidationError): { sentence: string; fields: readonly FieldProblem[] } {
	// `property`: the decoder of a number in a query, which knows the schema of that one member only.
	const isNumber = error.type === "property";
	const place = error.type === "query" || isNumber ? "query" : error.type === "params" ? "path" : "body";
	const fields: FieldProblem[] = [];
	for (const item of error.all) {
		if (!("path" in item)) continue;
		const rules = keywordsOf("schema" in item ? item.schema : undefined);
		const member = isNumber && typeof rules.parameter === "string" ? `/${rules.parameter}` : String(item.path);
		const path = `${place}${member.replaceAll("/", ".")}`;
		if (fields.some((field) => field.path === path)) continue;
		fields.push({ path, message: expectationOf(rules) });
	}
	const first = fields[0] ?? { path: place, message: "is not valid" };
	return { sentence: `${first.path} ${first.message}.`, fields: fields.length > 0 ? fields : [first] };
}

function keywordsOf(schema: unknown): Readonly<Record<string, unknown>> {
	return typeof schema === "object" && schema !== null ? { ...schema } : {};
}

/** What a schema asks for. Schemas of routes carry a sentence as `description` where their keywords do not say enough. */
function expectationOf(rules: Readonly<Record<string, unknown>>): string {
	if (typeof rules.expects === "string") return `must be ${rules.expects}`;
	const bounds = [
		rules.minLength === undefined ? "" : ` of at least ${rules.minLength} characters`,
		rules.maxLength === undefined ? "" : ` of at most ${rules.maxLength} characters`,
		rules.minimum === undefined ? "" : ` from ${rules.minimum}`,
		rules.maximum === undefined ? "" : ` to ${rules.maximum}`,
	].join("");
	switch (rules.type) {
		case "string":
			return `must be a text${bounds}`;
		case "integer":
			return `must be a whole number${bounds}`;
		case "number":
			return `must be a number${bounds}`;
		case "object":
			return "must be an object";
		default:
			return "is missing or not valid";
	}
}
