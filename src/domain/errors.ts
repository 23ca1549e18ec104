// What can be expected to go wrong, as codes. One row here; the compiler then asks for its HTTP status (src/http/problem.ts)
// and its exit status (cli/exit.ts). Nothing of HTTP or of a shell stands here.

/** Every expected failure, with the sentence a person is shown when the thrower has no better one. */
export const ERROR_SENTENCES = {
	bad_request: "The request could not be read.",
	bad_json: "The body is not valid JSON.",
	unsupported_media_type: "Send the body as application/json.",
	body_too_large: "The body is too large.",
	validation_failed: "Some of what was sent is not valid.",
	invalid_id: "That is not an id: an id is 24 hexadecimal characters.",
	not_found: "There is nothing at this address.",
	method_not_allowed: "This address does not take that method.",
	unauthenticated: "Sign in to do this.",
	invalid_token: "The access token is not valid or has ended. Sign in again.",
	invalid_credentials: "Invalid email or password",
	invalid_refresh_token: "The refresh token is not valid or has ended. Sign in again.",
	signed_out: "You were signed out while this answer was being made. What had come of it is kept.",
	account_disabled: "This account is disabled. Ask an administrator.",
	forbidden: "Admin access required",
	signup_closed: "Signing up is closed here. Ask an administrator for an account.",
	invitation_required: "Signing up needs an invitation here. Ask an administrator for one.",
	invalid_invitation: "This invitation is not valid, was used already, or has ended. Ask an administrator for a new one.",
	invitation_not_found: "Invitation not found",
	email_taken: "User with this email already exists",
	wrong_password: "The current password is not right.",
	weak_password: "This password is too common or too short.",
	invalid_setup_token: "This setup link is not valid or has ended. Restart the server for a new one, or run pocketllm create-admin.",
	setup_done: "There is an administrator already.",
	invalid_reset_token: "This reset link is not valid or has ended. Ask an administrator for a new one.",
	user_not_found: "User not found",
	own_admin_status: "Cannot change your own admin status",
	own_account: "An administrator does this to others only. Your own account you change, and delete, with your password.",
	last_admin: "The last administrator cannot be demoted, disabled or deleted.",
	login_not_found: "There is no such login, or it has ended already.",
	header_login_refused: "Signing in by a header field is only possible through the proxy that this server was told of.",
	key_not_found: "There is no such key.",
	key_not_permitted: "A personal key cannot do this. Sign in with a password instead.",
	too_many_keys: "There are too many keys. Revoke one that is not needed any more.",
	session_not_found: "Session not found",
	message_not_found: "Message not found",
	message_not_editable: "Only a prompt that stands in the conversation can be edited.",
	nothing_to_answer: "There is no prompt in this session that could be answered again.",
	generation_not_found: "Generation not found",
	generation_unreachable: "This answer is being made by another server, which cannot be reached right now. Try again in a moment.",
	model_not_found: "No model server offers this model.",
	generation_in_progress: "An answer is being written in this session. Wait for it, or stop it first.",
	message_id_conflict: "This messageId was used for another prompt in this session.",
	rate_limited: "Too many requests. Wait a moment, then try again.",
	queue_full: "Too many people are waiting for the model. Try again in a moment.",
	busy: "The server is busy. Try again in a moment.",
	no_upstream: "No model server is connected. Ask the administrator to set UPSTREAMS, or start Ollama or llama.cpp on this machine.",
	upstream_unreachable: "The model server cannot be reached. Try again in a moment.",
	upstream_timeout: "The model server did not answer in time.",
	upstream_reset: "The model server broke off its answer.",
	upstream_protocol: "The model server sent something that could not be understood.",
	upstream_rejected: "The model server refused this request.",
	upstream_auth: "The model server did not accept this gateway's key. The administrator must check it.",
	upstream_busy: "The model server is busy. Try again in a moment.",
	upstream_error: "The model server reported an error.",
	context_too_long: "The conversation is too long for this model. Start a new chat or shorten the prompt.",
	limit_reached: "The answer reached this server's limit and was cut off.",
	interrupted: "The answer was cut off by a restart of the server.",
	server_shutdown: "The server is being restarted. Send the message again in a moment.",
	store_unavailable: "The history cannot be reached right now. Try again in a moment.",
	store_full: "The server's disk is full. The administrator must make room.",
	store_locked: "Another pocketllm uses this data folder.",
	store_damaged: "The database file cannot be read.",
	store_too_new: "The database was written by a newer pocketllm.",
	store_too_old: "The database must be brought to this version first: run pocketllm migrate.",
	invalid_settings: "The settings are wrong.",
	wrong_use: "The command was called in the wrong way.",
	already_exists: "It is there already.",
	cannot_connect: "Something that is needed cannot be reached.",
	not_permitted: "That is not allowed.",
	cancelled: "Cancelled; nothing was changed.",
	internal: "Something went wrong on the server.",
} as const;

export type ErrorCode = keyof typeof ERROR_SENTENCES;

/** One thing that is wrong with a body or a query: where (`body.email`, `query.limit`) and what; never the value. */
export type FieldProblem = { readonly path: string; readonly message: string };

export type ErrorDetails = {
	/** A sentence for the person who meets this error; without it the code's own sentence is shown. */
	readonly sentence?: string;
	/** What is wrong with which member, for `validation_failed`. */
	readonly fields?: readonly FieldProblem[];
	/** Seconds after which another try makes sense. */
	readonly retryAfter?: number;
	/** The verbs that are allowed, for `method_not_allowed`. */
	readonly allow?: readonly string[];
	/** Members to add to the problem document, such as `generationId`. */
	readonly extra?: Readonly<Record<string, string | number>>;
	/** For the log only, never for a client. */
	readonly cause?: unknown;
};

/** An expected failure. Anything that is not one of these is a defect, and answered as `internal`. */
export class PocketError extends Error {
	readonly code: ErrorCode;
	readonly details: ErrorDetails;

	constructor(code: ErrorCode, details: ErrorDetails = {}) {
		super(details.sentence ?? ERROR_SENTENCES[code], details.cause === undefined ? undefined : { cause: details.cause });
		this.name = "PocketError";
		this.code = code;
		this.details = details;
	}
}

/** Shorthand for the common case of a code with a sentence of its own. */
export function fail(code: ErrorCode, sentence?: string): never {
	throw new PocketError(code, sentence === undefined ? {} : { sentence });
}
