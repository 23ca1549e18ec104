// Errors on the wire: RFC 9457 problem documents, and the one table from error code to HTTP status.

import { ERROR_SENTENCES, type ErrorCode, PocketError } from "../domain/errors.ts";

/** Every code has a status; a new code does not compile without one. */
export const STATUS: Readonly<Record<ErrorCode, number>> = {
	bad_request: 400,
	bad_json: 400,
	unsupported_media_type: 415,
	body_too_large: 413,
	validation_failed: 422,
	invalid_id: 422,
	not_found: 404,
	method_not_allowed: 405,
	unauthenticated: 401,
	invalid_token: 401,
	invalid_credentials: 401,
	invalid_refresh_token: 401,
	signed_out: 409,
	account_disabled: 403,
	forbidden: 403,
	signup_closed: 403,
	invitation_required: 403,
	invalid_invitation: 403,
	invitation_not_found: 404,
	email_taken: 409,
	wrong_password: 403,
	weak_password: 422,
	invalid_setup_token: 403,
	setup_done: 409,
	invalid_reset_token: 403,
	user_not_found: 404,
	own_admin_status: 400,
	own_account: 400,
	last_admin: 409,
	login_not_found: 404,
	header_login_refused: 403,
	key_not_found: 404,
	key_not_permitted: 403,
	too_many_keys: 409,
	session_not_found: 404,
	message_not_found: 404,
	message_not_editable: 409,
	nothing_to_answer: 409,
	generation_not_found: 404,
	model_not_found: 404,
	generation_unreachable: 503,
	generation_in_progress: 409,
	message_id_conflict: 409,
	rate_limited: 429,
	queue_full: 503,
	busy: 503,
	no_upstream: 503,
	upstream_unreachable: 502,
	upstream_timeout: 504,
	upstream_reset: 502,
	upstream_protocol: 502,
	upstream_rejected: 502,
	upstream_auth: 502,
	upstream_busy: 503,
	upstream_error: 502,
	context_too_long: 502,
	limit_reached: 502,
	interrupted: 503,
	server_shutdown: 503,
	store_unavailable: 503,
	store_full: 507,
	store_locked: 503,
	store_damaged: 503,
	store_too_new: 503,
	store_too_old: 503,
	invalid_settings: 500,
	wrong_use: 400,
	already_exists: 409,
	cannot_connect: 503,
	not_permitted: 403,
	cancelled: 400,
	internal: 500,
};

/** The reason phrases of RFC 9110, as titles of problems that have no type of their own (RFC 9457, section 4.2.1). */
const TITLES: Readonly<Record<number, string>> = {
	400: "Bad Request",
	401: "Unauthorized",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	409: "Conflict",
	413: "Content Too Large",
	415: "Unsupported Media Type",
	422: "Unprocessable Content",
	429: "Too Many Requests",
	500: "Internal Server Error",
	502: "Bad Gateway",
	503: "Service Unavailable",
	504: "Gateway Timeout",
	507: "Insufficient Storage",
};

/** Seconds to wait before another try, for a 503 that names none itself. */
const DEFAULT_RETRY_AFTER = 5;

/** The document and the header fields of an error. `detail` and `message` are the same sentence: the existing client shows `message`. */
export function problemResponse(error: PocketError, requestId: string): Response {
	const status = STATUS[error.code];
	const sentence = error.message;
	const { fields, extra, allow } = error.details;
	const body = {
		...extra,
		type: "about:blank",
		title: TITLES[status] ?? "Error",
		status,
		detail: sentence,
		message: sentence,
		code: error.code,
		requestId,
		...(fields === undefined ? {} : { errors: fields }),
	};
	const headers = new Headers({ "content-type": "application/problem+json" });
	if (status === 401) headers.set("www-authenticate", challenge(error.code));
	if (allow !== undefined) headers.set("allow", allow.join(", "));
	const retryAfter = error.details.retryAfter ?? (status === 503 ? DEFAULT_RETRY_AFTER : undefined);
	if (retryAfter !== undefined) headers.set("retry-after", String(Math.max(1, Math.ceil(retryAfter))));
	return new Response(JSON.stringify(body), { status, headers });
}

/** RFC 6750, section 3: no error code when there was no token at all. */
function challenge(code: ErrorCode): string {
	return code === "invalid_token" ? 'Bearer realm="pocketllm", error="invalid_token"' : 'Bearer realm="pocketllm"';
}

/** Whether the same request may work when it is sent again a little later; told in `error` events. */
export function isRetryable(code: ErrorCode): boolean {
	return STATUS[code] >= 500 && code !== "context_too_long" && code !== "upstream_rejected" && code !== "limit_reached";
}

/** Anything thrown, as an expected error; what is not one becomes `internal` and keeps its cause for the log. */
export function asPocketError(error: unknown): PocketError {
	return error instanceof PocketError ? error : new PocketError("internal", { sentence: ERROR_SENTENCES.internal, cause: error });
}
