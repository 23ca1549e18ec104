// Lenient reading of what model servers send: a member that is missing or of another type is `undefined`, never a throw.

export type JsonObject = { readonly [name: string]: unknown };

/** The JSON text's value, or `undefined` when it is none (the text `null` gives null). */
export function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function isObject(value: unknown): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asObject(value: unknown): JsonObject | undefined {
	return isObject(value) ? value : undefined;
}

export function asArray(value: unknown): readonly unknown[] {
	return Array.isArray(value) ? value : [];
}

/** The text, unless it is missing or empty. */
export function asText(value: unknown): string | undefined {
	return typeof value === "string" && value !== "" ? value : undefined;
}

/** A whole number from 0 on. */
export function asCount(value: unknown): number | undefined {
	return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
