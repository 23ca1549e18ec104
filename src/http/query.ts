// Members of queries and bodies that several features share.

import { type TProperties, t } from "elysia";

/** A whole number in a query, with bounds and a default. */
export function integerIn(minimum: number, maximum: number, standard: number) {
	return t.Integer({ minimum, maximum, default: standard, expects: `a whole number from ${minimum} to ${maximum}` });
}

/**
 * The members of a query. Elysia judges a number in a query by its member's schema alone, and a refusal then does not say which member it
 * was: each schema carries its name as `parameter`, for the sentence.
 */
export function queryOf<const Members extends TProperties>(members: Members) {
	for (const [name, schema] of Object.entries(members)) schema.parameter = name;
	return t.Object(members);
}

/** One of these words, and no other; Elysia's `t.UnionEnum` would take its first word for a default. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
	return t.Union(
		words.map((word: Words[number]) => t.Literal(word)),
		{ expects: `one of ${words.join(", ")}` },
	);
}

/**
 * What the API reference shows of a text that a service judges with an error code of its own. The router does not look at `shows`:
 * `t.String({ maxLength: 64, shows: ID_AS_SHOWN })`.
 */
export const ID_AS_SHOWN = { minLength: 24, maxLength: 24, pattern: "^[0-9A-Fa-f]{24}$" } as const;
export const EMAIL_AS_SHOWN = { format: "email" } as const;

/** The deepest row that may be asked for. */
const MAX_SKIP = 10_000_000;

/** `skip` and `limit` (1 to 100). */
export function pageQuery(standardLimit: number) {
	return queryOf({ skip: integerIn(0, MAX_SKIP, 0), limit: integerIn(1, 100, standardLimit) });
}
