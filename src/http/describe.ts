// What a route says of itself: who may call it, and how it stands in the API reference. The access table that the guard enforces is
// read from here, so a route that forgets it cannot be reached at all.

import { ERROR_SENTENCES, type ErrorCode } from "../domain/errors.ts";
import { STATUS } from "./problem.ts";

export const ACCESS = ["anonymous", "user", "admin"] as const;
export type Access = (typeof ACCESS)[number];

export type RouteDescription = {
	readonly access: Access;
	readonly tag: "Accounts" | "Users" | "Sessions" | "Messages" | "Chat" | "Models" | "Administration" | "Health";
	readonly summary: string;
	readonly description?: string;
	/** What a good answer is, by status. */
	readonly answers: Readonly<Record<number, { readonly description: string; readonly example?: unknown; readonly mediaType?: string }>>;
	/** Expected errors beside those that every route of this access can give. */
	readonly errors?: readonly ErrorCode[];
	/** An example of the body. */
	readonly body?: unknown;
	/** Bodies of up to 1 MiB in place of 16 KiB, for signed-in callers. */
	readonly largeBody?: boolean;
};

const COMMON: Readonly<Record<Access, readonly ErrorCode[]>> = {
	anonymous: ["bad_request", "rate_limited", "internal", "store_unavailable"],
	user: ["bad_request", "unauthenticated", "invalid_token", "account_disabled", "rate_limited", "internal", "store_unavailable"],
	admin: [
		"bad_request",
		"unauthenticated",
		"invalid_token",
		"account_disabled",
		"forbidden",
		"rate_limited",
		"internal",
		"store_unavailable",
	],
};

type Answer = {
	description: string;
	content?: Record<string, { schema?: { $ref: string }; example?: unknown; examples?: Record<string, { value: unknown }> }>;
};

export type Operation = {
	tags: string[];
	summary: string;
	description: string;
	security: { bearer: string[] }[];
	responses: Record<string, Answer>;
	"x-access": Access;
	"x-large-body": boolean;
	"x-body-example": unknown;
};

/** The `detail` of an Elysia route: an OpenAPI operation with the access beside it. */
export function describe(route: RouteDescription): Operation {
	const responses: Record<string, Answer> = {};
	for (const [status, answer] of Object.entries(route.answers)) {
		responses[status] = {
			description: answer.description,
			...(answer.example === undefined ? {} : { content: { [answer.mediaType ?? "application/json"]: { example: answer.example } } }),
		};
	}
	for (const [status, codes] of groupByStatus([...COMMON[route.access], ...(route.errors ?? [])])) {
		const examples = Object.fromEntries(codes.map((code) => [code, { value: { status, code, detail: ERROR_SENTENCES[code] } }]));
		responses[String(status)] = {
			description: codes.map((code) => `\`${code}\`: ${ERROR_SENTENCES[code]}`).join("  \n"),
			content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" }, examples } },
		};
	}
	return {
		tags: [route.tag],
		summary: route.summary,
		description: route.description ?? route.summary,
		security: route.access === "anonymous" ? [] : [{ bearer: [] }],
		responses,
		"x-access": route.access,
		"x-large-body": route.largeBody === true,
		"x-body-example": route.body,
	};
}

function groupByStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
	const groups = new Map<number, ErrorCode[]>();
	for (const code of new Set(codes)) {
		const group = groups.get(STATUS[code]);
		if (group === undefined) groups.set(STATUS[code], [code]);
		else group.push(code);
	}
	return groups;
}
