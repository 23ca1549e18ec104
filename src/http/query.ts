// Members of queries and bodies that several features share.

import { t } from "elysia";

/** A whole number in a query, with bounds and a default. */
export function integerIn(minimum: number, maximum: number, standard: number) {
	return t.Integer({ minimum, maximum, default: standard, expects: `a whole number from ${minimum} to ${maximum}` });
}

/** One of these words, and no other; Elysia's `t.UnionEnum` would take its first word for a default. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
	return t.Union(
		words.map((word: Words[number]) => t.Literal(word)),
		{ expects: `one of ${words.join(", ")}` },
	);
}

/** The deepest row that may be asked for. */
const MAX_SKIP = 10_000_000;

/** `skip` and `limit` (1 to 100). */
export function pageQuery(standardLimit: number) {
	return t.Object({ skip: integerIn(0, MAX_SKIP, 0), limit: integerIn(1, 100, standardLimit) });
}
