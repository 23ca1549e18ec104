// A session's metadata is the client's own JSON. It is kept as a document, as the replaced gateway did, whenever BSON gives it back as it
// was; else as JSON text in a field beside it. No other field is anybody's free choice.

import type { Metadata } from "../../domain/session.ts";
import type { SessionDocument } from "./documents.ts";

type MetadataFields = { metadata: object | null; metadata_json: string | null };

/** MongoDB takes 100 levels in all. */
const DEEPEST = 50;

/** The two fields that hold metadata. */
export function metadataToFields(metadata: Metadata | null): MetadataFields {
	if (metadata === null || survives(metadata, 0)) return { metadata, metadata_json: null };
	return { metadata: null, metadata_json: JSON.stringify(metadata) };
}

export function metadataFromFields({ metadata, metadata_json }: Pick<SessionDocument, "metadata" | "metadata_json">): Metadata | null {
	const text = typeof metadata_json === "string" ? metadata_json : typeof metadata === "object" ? JSON.stringify(metadata) : "null";
	// Through JSON in both cases: dates, decimals and ids that others stored become what the client is sent anyway.
	const value: unknown = JSON.parse(text);
	return isMetadata(value) ? value : null;
}

function isMetadata(value: unknown): value is Metadata {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * BSON knows no NUL in names and no half surrogate pairs; MongoDB before 5.0 no `$` and no dot in names; and its driver takes an object
 * with `_bsontype` for one of its own.
 */
function survives(value: unknown, depth: number): boolean {
	if (depth > DEEPEST) return false;
	if (typeof value === "string") return value.isWellFormed();
	if (typeof value !== "object" || value === null) return true;
	if (Array.isArray(value)) return value.every((item) => survives(item, depth + 1));
	return Object.entries(value).every(([name, item]) => isPlainName(name) && survives(item, depth + 1));
}

function isPlainName(name: string): boolean {
	return name !== "" && !/^\$|[.\0]|^__proto__$|^_bsontype$/.test(name) && name.isWellFormed();
}
