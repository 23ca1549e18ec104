// What an answer other than 200 means, as one of our codes. The server's own words go to the debug log only.

import type { ErrorCode } from "../domain/errors.ts";
import type { UpstreamFailure } from "../ports/upstream.ts";
import type { ResponseHead } from "./http-response.ts";

/** How much of what a server said is kept for the log. */
export const MAX_EVIDENCE_BYTES = 4096;
const MAX_RETRY_AFTER_SECONDS = 3600;

// llama.cpp; OpenAI and those who copy its code; vLLM.
const CONTEXT_TOO_LONG = /exceed_context_size_error|context_length_exceeded|maximum context length/;
// OpenAI's code; vLLM: "The model `x` does not exist."; Ollama: "model 'x' not found".
const MODEL_NOT_FOUND = /model_not_found|model\b[^{}]{0,200}\b(?:not found|does not exist)/i;

/** What a status other than 200 means. `said` is the beginning of the body. */
export function readRefusal(head: ResponseHead, said: string, now: number = Date.now()): UpstreamFailure {
	const code = codeOf(head.status, said);
	const retryAfter = code === "upstream_busy" ? readRetryAfter(head.headers.get("retry-after"), now) : undefined;
	return { code, evidence: `HTTP ${head.status} ${said}`, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

function codeOf(status: number, said: string): ErrorCode {
	if (status === 401 || status === 403) return "upstream_auth";
	if (status === 429 || status === 503) return "upstream_busy";
	if (status >= 500) return "upstream_error";
	if (status >= 400 && CONTEXT_TOO_LONG.test(said)) return "context_too_long";
	if ((status === 404 || status === 400) && MODEL_NOT_FOUND.test(said)) return "model_not_found";
	if (status >= 400) return "upstream_rejected";
	// Redirects are refused: following one would carry the prompt and the key to where nobody sent them.
	return "upstream_protocol";
}

/** What an `error` member within a stream means. */
export function readErrorMember(said: string): ErrorCode {
	return CONTEXT_TOO_LONG.test(said) ? "context_too_long" : "upstream_error";
}

/** Seconds, from a number of seconds or a date (RFC 9110, section 10.2.3); at most an hour, whatever the server asks. */
export function readRetryAfter(field: string | undefined, now: number): number | undefined {
	if (field === undefined) return undefined;
	const seconds = /^\d{1,15}$/.test(field) ? Number(field) : Math.ceil((Date.parse(field) - now) / 1000);
	return Number.isNaN(seconds) ? undefined : Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(0, seconds));
}

/** At most 4 KiB of what a server said, without the key we sent and without URLs, which it may repeat. */
export function redact(said: string, key: string | undefined): string {
	const keyless = key === undefined ? said : said.replaceAll(key, "********");
	const clean = keyless.replace(/\bhttps?:\/\/[^\s"'<>\\]+/gi, "(URL)");
	return Buffer.from(clean).subarray(0, MAX_EVIDENCE_BYTES).toString().replace(/�$/, "");
}
