// What a route says of itself: who may call it, and how it stands in the API reference. The access table that the guard enforces is
// read from here, so a route that forgets it cannot be reached at all. How the reference is made from it is src/reference.

import type { KeyScope } from "../domain/api-key.ts";
import type { ErrorCode } from "../domain/errors.ts";
import type { SchemaName } from "./schemas.ts";

export const ACCESS = ["anonymous", "user", "admin"] as const;
export type Access = (typeof ACCESS)[number];

export type AnswerDescription = {
	readonly description: string;
	/** What the body looks like; every JSON answer has one. */
	readonly schema?: SchemaName;
	readonly example?: unknown;
	/** `application/json` unless told. */
	readonly mediaType?: string;
};

/** Who may call a route. One for people who have signed in says which of their personal keys may too: those with any of these scopes. */
export type RouteAccess =
	| { readonly access: "user"; readonly keys: readonly KeyScope[] }
	/** Never by a personal key. */
	| { readonly access: Exclude<Access, "user"> };

export type RouteDescription = RouteAccess & {
	readonly tag: "Accounts" | "Users" | "Sessions" | "Messages" | "Chat" | "Models" | "Administration" | "Health" | "Pages";
	readonly summary: string;
	readonly description?: string;
	/** What a good answer is, by status. */
	readonly answers: Readonly<Record<number, AnswerDescription>>;
	/** Expected errors beside those that every route of this access can give; `BODY_ERRORS` for one that takes a body. */
	readonly errors?: readonly ErrorCode[];
	/** An example of the body; a route that has one answers 422 to an empty body, as the old gateway did. */
	readonly body?: unknown;
	/** The body may be left out. */
	readonly optionalBody?: boolean;
	/** Request header fields that mean something here, with what they are for. */
	readonly headers?: Readonly<Record<string, string>>;
	/** Bodies of up to 1 MiB in place of 16 KiB, for signed-in callers. */
	readonly largeBody?: boolean;
};

/** What reading a body and storing what it says can give, beside `COMMON`; for `errors` of a route that takes one and writes. */
export const BODY_ERRORS = [
	"validation_failed",
	"bad_json",
	"unsupported_media_type",
	"body_too_large",
	"store_full",
] as const satisfies readonly ErrorCode[];

const COMMON: Readonly<Record<Access, readonly ErrorCode[]>> = {
	anonymous: ["bad_request", "rate_limited", "internal", "store_unavailable"],
	user: [
		"bad_request",
		"unauthenticated",
		"invalid_token",
		"account_disabled",
		"key_not_permitted",
		"rate_limited",
		"internal",
		"store_unavailable",
	],
	admin: [
		"bad_request",
		"unauthenticated",
		"invalid_token",
		"account_disabled",
		"key_not_permitted",
		"forbidden",
		"rate_limited",
		"internal",
		"store_unavailable",
	],
};

export type MediaType = { schema?: { $ref: string } | { type: "string" }; example?: unknown };
export type Answer = { description: string; content?: Record<string, MediaType> };

/** An OpenAPI operation, with members for the program itself beside it; the reference takes those out or turns them into OpenAPI's own. */
export type Operation = {
	tags: string[];
	summary: string;
	description: string;
	security: { bearer: string[] }[];
	responses: Record<string, Answer>;
	"x-access": Access;
	"x-key-scopes": readonly KeyScope[];
	"x-large-body": boolean;
	"x-needs-body": boolean;
	"x-body-example": unknown;
	"x-errors": ErrorCode[];
	"x-headers": Readonly<Record<string, string>>;
};

/** The `detail` of an Elysia route: an OpenAPI operation with the access beside it. */
export function describe(route: RouteDescription): Operation {
	return {
		tags: [route.tag],
		summary: route.summary,
		description: route.description ?? route.summary,
		security: route.access === "anonymous" ? [] : [{ bearer: [] }],
		responses: Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, answerOf(answer)])),
		"x-access": route.access,
		"x-key-scopes": route.access === "user" ? route.keys : [],
		"x-large-body": route.largeBody === true,
		"x-needs-body": route.body !== undefined && route.optionalBody !== true,
		"x-body-example": route.body,
		"x-errors": [...new Set([...COMMON[route.access], ...(route.errors ?? [])])],
		"x-headers": route.headers ?? {},
	};
}

function answerOf({ description, schema, example, mediaType }: AnswerDescription): Answer {
	if (schema === undefined && example === undefined && mediaType === undefined) return { description };
	const media: MediaType = {
		...(schema === undefined ? {} : { schema: { $ref: `#/components/schemas/${schema}` } }),
		...(schema === undefined && mediaType?.startsWith("text/") ? { schema: { type: "string" as const } } : {}),
		...(example === undefined ? {} : { example }),
	};
	return { description, content: { [mediaType ?? "application/json"]: media } };
}
