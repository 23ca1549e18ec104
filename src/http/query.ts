// Members of queries and bodies that several features share.

import { t } from "elysia";

/**
 * A whole number in a query, with bounds and, when it has one, a default. Elysia judges such a number by its own schema alone, and a
 * refusal does not say which member it was: `parameter` is its name, for the sentence.
 */
export function integerIn(parameter: string, minimum: number, maximum: number, standard?: number) {
	return t.Integer({
		parameter,
		minimum,
		maximum,
		...(standard === undefined ? {} : { default: standard }),
		expects: `a whole number from ${minimum} to ${maximum}`,
	});
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
	return t.Object({ skip: integerIn("skip", 0, MAX_SKIP, 0), limit: integerIn("limit", 1, 100, standardLimit) });
}
