// From the schemas of the routes, as TypeBox and Elysia hold them, to JSON Schema as a reader of the reference wants it.

import type { Schema } from "../http/schemas.ts";

/** Keywords whose value is one schema, a list of schemas, or schemas by name. */
const ONE = new Set(["items", "additionalProperties", "not"]);
const MANY = new Set(["anyOf", "oneOf", "allOf"]);
const NAMED = new Set(["properties"]);

/** A copy without what is no JSON Schema, or says more than is true. The sentence that a violation is answered with becomes the description. */
export function tidySchema(given: unknown): Schema {
	// Takes the symbols and functions of TypeBox away.
	const plain: unknown = JSON.parse(JSON.stringify(given));
	return isSchema(plain) ? tidy(plain) : {};
}

function tidy(schema: Schema): Schema {
	const { expects, parameter: _itsName, patternProperties, shows, ...rest } = integerOf(schema) ?? schema;
	const result: Record<string, unknown> = {};
	for (const [keyword, value] of Object.entries({ ...rest, ...(isSchema(shows) ? shows : {}) })) {
		if (NAMED.has(keyword) && isSchema(value))
			result[keyword] = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, tidyValue(member)]));
		else if (MANY.has(keyword) && Array.isArray(value)) result[keyword] = value.map(tidyValue);
		else result[keyword] = ONE.has(keyword) ? tidyValue(value) : value;
	}
	// A record with free names.
	if (patternProperties !== undefined) result.additionalProperties = true;
	// Elysia writes the first word of an enumeration as its default; none of ours has one.
	if (result.enum !== undefined) delete result.default;
	if (typeof expects === "string" && result.description === undefined) result.description = sentence(expects);
	return enumerationOf(result) ?? result;
}

function tidyValue(value: unknown): unknown {
	return isSchema(value) ? tidy(value) : value;
}

/** A number in a query is a text on the way, which Elysia writes as a choice of both; what is meant is the number. */
function integerOf(schema: Schema): Schema | undefined {
	if (!Array.isArray(schema.anyOf)) return undefined;
	const [written, meant, ...others]: unknown[] = schema.anyOf;
	return others.length === 0 && isSchema(written) && written.format === "integer" && isSchema(meant) ? meant : undefined;
}

/** A union of words is an enumeration. */
function enumerationOf({ anyOf, ...rest }: Schema): Schema | undefined {
	if (!Array.isArray(anyOf) || anyOf.length < 2) return undefined;
	const choices: unknown[] = anyOf;
	const words = choices.filter(isSchema).flatMap((choice) => (typeof choice.const === "string" ? [choice.const] : []));
	return words.length === choices.length ? { type: "string", enum: words, ...rest } : undefined;
}

function isSchema(value: unknown): value is Schema {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sentence(words: string): string {
	return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
