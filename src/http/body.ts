// Reading a request's body: JSON only, counted while it arrives, refused when it holds what no store and no model can take.

import { PocketError } from "../domain/errors.ts";

/** On account routes, and on every route for a caller without a token. */
export const SMALL_BODY = 16 * 1024;
/** On chat routes. */
export const CHAT_BODY = 1024 * 1024;
/** Objects and arrays inside one another. */
const MAX_DEPTH = 64;

/**
 * The body as a plain object; `undefined` when there is none (the existing client sends the content type with an empty body).
 * Codes: `unsupported_media_type`, `body_too_large`, `bad_json`, `validation_failed` (a body that is no object).
 */
export async function readJsonBody(request: Request, limit: number): Promise<Record<string, unknown> | undefined> {
	if (request.headers.has("content-encoding") && request.headers.get("content-encoding") !== "identity") {
		throw new PocketError("unsupported_media_type", { sentence: "Send the body without a content-encoding." });
	}
	const declared = Number(request.headers.get("content-length") ?? "0");
	if (declared > limit) throw tooLarge(limit);
	const bytes = await readAtMost(request, limit);
	if (bytes.byteLength === 0) return undefined;
	if (!isJson(request.headers.get("content-type"))) throw new PocketError("unsupported_media_type");
	return parseObject(bytes);
}

function isJson(contentType: string | null): boolean {
	if (contentType === null) return false;
	const [type = "", ...parameters] = contentType.toLowerCase().split(";");
	if (type.trim() !== "application/json") return false;
	const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("charset="));
	return charset === undefined || charset.replace(/["']/g, "") === "charset=utf-8";
}

async function readAtMost(request: Request, limit: number): Promise<Uint8Array> {
	if (request.body === null) return new Uint8Array(0);
	// A length that was declared has been checked, and Bun delivers no more than that.
	if (request.headers.has("content-length")) return new Uint8Array(await request.arrayBuffer());
	const chunks: Uint8Array[] = [];
	let size = 0;
	for await (const chunk of request.body) {
		size += chunk.byteLength;
		if (size > limit) throw tooLarge(limit);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks);
}

function tooLarge(limit: number): PocketError {
	return new PocketError("body_too_large", { sentence: `The body is too large: ${limit / 1024} KiB at most here.` });
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function parseObject(bytes: Uint8Array): Record<string, unknown> {
	let value: unknown;
	try {
		value = JSON.parse(decoder.decode(bytes));
	} catch {
		throw new PocketError("bad_json");
	}
	checkValue(value, "body", 0);
	if (!isPlainObject(value)) throw invalid("body", "must be a JSON object");
	// Unknown members are ignored; the router takes these for known ones, since every object it compares with inherits them.
	for (const name of Object.keys(value)) if (name in Object.prototype) delete value[name];
	return value;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Depth, numbers that JSON.parse turned into Infinity, text that is not well-formed Unicode or holds NUL. */
function checkValue(value: unknown, path: string, depth: number): void {
	if (depth > MAX_DEPTH) throw new PocketError("bad_json", { sentence: `The body is nested too deep: ${MAX_DEPTH} levels at most.` });
	if (typeof value === "string") checkText(value, path);
	else if (typeof value === "number" && !Number.isFinite(value)) throw invalid(path, "must be a number that fits 64 bits");
	else if (Array.isArray(value)) for (const [index, item] of value.entries()) checkValue(item, `${path}.${index}`, depth + 1);
	else if (typeof value === "object" && value !== null) {
		for (const [name, item] of Object.entries(value)) {
			checkText(name, path);
			if (name === "__proto__") throw invalid(path, "must not have a member named __proto__");
			checkValue(item, `${path}.${name.length > 64 ? "…" : name}`, depth + 1);
		}
	}
}

function checkText(text: string, path: string): void {
	if (!text.isWellFormed()) throw invalid(path, "must be well-formed Unicode (no lone surrogates)");
	if (text.includes("\0")) throw invalid(path, "must not contain the NUL character");
}

function invalid(path: string, message: string): PocketError {
	return new PocketError("validation_failed", { sentence: `${path} ${message}.`, fields: [{ path, message }] });
}
