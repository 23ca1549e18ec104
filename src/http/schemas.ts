// The shapes of what we answer, as JSON Schema 2020-12, for the API reference. What json.ts, problem.ts and the routes send must fit them;
// test/reference holds real answers against them. Routes name a schema by its type alone, so a start of the server does not load this.

import { KEY_SCOPES } from "../domain/api-key.ts";
import { AUDIT_ACTIONS } from "../domain/audit.ts";
import type { GenerationState } from "../domain/generation.ts";
import { MESSAGE_STATUSES, ROLES } from "../domain/message.ts";
import { PREVIEW_LENGTH, TITLE_LENGTH } from "../domain/session.ts";
import { UPSTREAM_KINDS } from "../ports/upstream.ts";

export type Schema = { readonly [keyword: string]: unknown };
type Members = Readonly<Record<string, Schema>>;

const GENERATION_STATES: readonly GenerationState[] = ["queued", "sending", "streaming", "complete", "stopped", "interrupted", "failed"];

const text: Schema = { type: "string" };
const count: Schema = { type: "integer", minimum: 0 };
const flag: Schema = { type: "boolean" };
const id: Schema = { type: "string", pattern: "^[0-9a-f]{24}$" };
/** Always UTC with `Z` and milliseconds. */
const moment: Schema = { type: "string", format: "date-time" };
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const list = (name: string): Schema => ({ type: "array", items: ref(name) });
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });
const about = (schema: Schema, description: string): Schema => ({ ...schema, description });

/** All of `members` are always there, those of `optional` sometimes. */
function object(members: Members, optional: Members = {}): Schema {
	return { type: "object", required: Object.keys(members), properties: { ...members, ...optional } };
}

const user: Members = {
	id,
	email: about(text, "In lower case."),
	name: about(text, "What the person is called; the e-mail address when no name was given."),
	full_name: about(text, "The same as `name`."),
	avatar_url: orNull(text),
	avatar: about(orNull(text), "The same as `avatar_url`."),
	is_admin: flag,
	createdAt: moment,
	updatedAt: moment,
};

const apiKey: Members = {
	id,
	name: text,
	prefix: about(text, "The beginning of the key, to know it again by."),
	scopes: { type: "array", items: { enum: [...KEY_SCOPES] } },
	createdAt: moment,
	expiresAt: about(orNull(moment), "`null`: it does not end."),
	lastUsedAt: about(orNull(moment), "To the minute; `null`: never used."),
};

const invitation: Members = {
	id,
	note: about(orNull(text), "Whom it is for."),
	createdBy: about(orNull(id), "The administrator who made it; `null`: made in a shell."),
	createdAt: moment,
	expiresAt: moment,
};

const login: Members = {
	id,
	name: about(text, "A short name of the device, such as `Firefox on Linux`."),
	device: about(orNull(text), "What the client calls itself."),
	address: about(orNull(text), "From where it was last used."),
	createdAt: moment,
	lastUsedAt: about(moment, "Right to the minute."),
	expiresAt: moment,
};

const session: Members = {
	id,
	userId: id,
	title: text,
	createdAt: moment,
	updatedAt: moment,
	lastMessageAt: orNull(moment),
	lastMessage: about(orNull({ type: "string", maxLength: PREVIEW_LENGTH }), "The beginning of the last message."),
	metadata: about({ type: "object" }, "Whatever the client put there."),
	messageCount: count,
	model: about(orNull(text), "The model of this session; `null`: the server's default."),
	systemPrompt: orNull(text),
};

const message: Members = {
	id,
	sessionId: id,
	session_id: id,
	user_id: id,
	role: { enum: [...ROLES] },
	content: text,
	timestamp: moment,
	created_at: moment,
	status: { enum: [...MESSAGE_STATUSES] },
};

const messageExtras: Members = {
	errorCode: about(text, "Why the answer failed or was cut off."),
	reasoning: about(text, "Thinking text of a reasoning model, apart from the answer."),
	model: text,
	generationId: id,
	messageId: about(text, "The client's own id of the turn."),
	versionOf: about(id, "The first of the versions that this one is one of; not there on that first one."),
	finishReason: about(text, "`stop`, `length`, or what the model server said."),
	usage: ref("Usage"),
	timings: ref("Timings"),
};

const page = { total: count, skip: count, limit: count };

const event = (type: string, members: Members = {}, optional: Members = {}): Schema =>
	object({ type: { const: type }, ...members }, optional);

export const SCHEMAS = {
	Problem: about(
		object(
			{
				type: about(text, "`about:blank`: the status says what kind of problem it is."),
				title: about(text, "The reason phrase of the status."),
				status: { type: "integer", minimum: 400, maximum: 599 },
				detail: about(text, "A sentence for a person."),
				message: about(text, "The same sentence."),
				code: { type: "string", pattern: "^[a-z_]+$", description: "For programs: it stays the same when the sentence is worded anew." },
				requestId: about(text, "Stands in the server's log as well."),
			},
			{
				errors: { type: "array", items: object({ path: text, message: text }), description: "What is wrong with which member (422)." },
				generationId: about(id, "The answer that is being written (`generation_in_progress`)."),
			},
		),
		"RFC 9457. Every error looks like this.",
	),
	User: object(user),
	Me: object({ user: ref("User") }),
	UserPage: object({ items: list("User"), total: count }),
	Grant: object(
		{ token: about(text, "The access token, for `Authorization: Bearer`."), expiresIn: about(count, "Seconds."), user: ref("User") },
		{ refreshToken: about(text, "Good once; not there when an access token was renewed by itself.") },
	),
	AuditPage: object({
		entries: {
			type: "array",
			items: object({
				id,
				at: moment,
				action: { enum: [...AUDIT_ACTIONS] },
				userId: about(orNull(id), "Whom it concerns."),
				email: about(orNull(text), "Theirs, while there is such an account."),
				byId: about(orNull(id), "Who did it."),
				byEmail: orNull(text),
				address: about(orNull(text), "`null`: in a shell on the server, or the server itself."),
				device: about(orNull(text), "What the client calls itself."),
				detail: orNull(text),
			}),
		},
		next: about(orNull(id), "For `before`, to see older ones; `null` on the last page."),
	}),
	ApiKeyList: object({ keys: list("ApiKey") }),
	ApiKey: object(apiKey),
	NewApiKey: object({ ...apiKey, key: about(text, "The key itself. It is not stored, so it cannot be shown again.") }),
	RevokedKeys: object({ revoked: count }),
	Notice: object({ detail: text }),
	Login: object({ ...login, current: about(flag, "Whether it is the one that asks.") }),
	LoginPage: object({ sessions: list("Login"), ...page }),
	Session: object(session),
	SessionArray: list("Session"),
	SessionPage: object({ data: list("Session"), total: count, page: count, limit: count, hasMore: flag }),
	Title: object({
		title: about(text, `At most ${TITLE_LENGTH} characters; a session without a prompt keeps the title that it has, of whatever length.`),
	}),
	Message: object(message, messageExtras),
	MessageArray: list("Message"),
	MessageVersions: object({
		versions: {
			type: "array",
			items: object({ ...message, inForce: about(flag, "Whether the conversation shows this one.") }, messageExtras),
		},
	}),
	MessageList: object({ sessionId: id, messages: list("Message"), total: about(count, "Of the whole session.") }),
	Usage: object({}, { promptTokens: count, completionTokens: count }),
	Timings: object({}, { queuedMs: { type: "number" }, firstTokenMs: { type: "number" }, totalMs: { type: "number" } }),
	Completion: object({
		messageId: id,
		sessionId: id,
		content: text,
		role: { const: "assistant" },
		timestamp: moment,
		usage: orNull(ref("Usage")),
	}),
	/** OpenAPI 3.1 has no word for the items of a stream; as tools of the field have it, the schema of an event stream is that of one event. */
	EventStream: about(
		object(
			{ data: { type: "string", contentMediaType: "application/json", contentSchema: ref("GenerationEvent") } },
			{
				id: about(text, "The `seq` of a `token` or `reasoning` event; on `/chat/generations/{id}/events` only."),
				event: { const: "message" },
			},
		),
		"One event of the stream: a line `data: <json>` and a blank line.",
	),
	GenerationEvent: {
		oneOf: [
			event("start", { messageId: id, userMessageId: id, generationId: id, model: orNull(text) }),
			event("queued", { position: count }, { etaMs: count }),
			event("token", { content: text, seq: count }),
			event("reasoning", { content: text, seq: count }),
			event("ping"),
			event("end", { messageId: text, assistantMessageId: id, finishReason: text, usage: orNull(ref("Usage")) }),
			event("error", { error: about(text, "Fit to be shown."), code: text, retryable: flag }, { retryAfter: about(count, "Seconds.") }),
		],
		description: "In this order: `start`, `queued`, `token` and `reasoning`, then exactly one of `end` and `error`; `ping` at any time.",
	},
	RunningGeneration: object({ generationId: id, status: { enum: [...GENERATION_STATES] }, messageId: id, seq: count }),
	Stopping: object({ status: { const: "stopping" } }),
	Model: object({ id: text, name: text, upstream: about(text, "The name of the model server.") }, { contextLength: count, loaded: flag }),
	ModelList: object({ data: list("Model"), upstreams: list("Upstream") }),
	Upstream: object({
		name: text,
		kind: { enum: [...UPSTREAM_KINDS] },
		status: { enum: ["up", "down", "unknown"] },
		slots: about(count, "Answers it makes at once."),
		busy: about(count, "Answers it makes now."),
	}),
	Metrics: object({
		overview: object({
			total_users: count,
			total_sessions: count,
			total_messages: count,
			admin_count: count,
			active_users: about(count, "With a session updated in the last 7 days."),
		}),
		recent_activity: object({ new_users_24h: count, new_sessions_24h: count, new_messages_24h: count }),
		messages: object({ user_messages: count, assistant_messages: count, avg_per_session: { type: "number", minimum: 0 } }),
	}),
	AdminUser: object({ ...user, disabled: flag, created_at: moment, updated_at: moment }),
	AdminUserPage: object({ users: list("AdminUser"), ...page }),
	AdminUserChange: object({ user: ref("AdminUser"), is_admin: flag }),
	AdminLoginPage: object({ logins: list("AdminLogin"), ...page }),
	AdminLogin: object(login),
	ResetLink: object({ link: about(text, "Not stored, so it cannot be shown again."), expiresAt: moment }),
	GeneratedPassword: object({ password: text }),
	Invitation: object(invitation),
	NewInvitation: object({ ...invitation, link: about(text, "Not stored, so it cannot be shown again.") }),
	InvitationPage: object({ invitations: list("Invitation"), ...page }),
	PersonalData: object({
		format: { const: "pocketllm-export" },
		version: { const: 1 },
		exportedAt: moment,
		account: ref("AdminUser"),
		logins: list("AdminLogin"),
		keys: list("ApiKey"),
		audit: {
			type: "array",
			items: object({
				at: moment,
				action: text,
				by: about({ enum: ["self", "administrator", null] }, "`null`: nobody was signed in, or somebody at a shell."),
				address: orNull(text),
				device: orNull(text),
				detail: orNull(text),
			}),
		},
		sessions: {
			type: "array",
			items: object({
				...session,
				messages: about(list("Message"), "Those of the conversation, oldest first."),
				versions: about(list("Message"), "Those that were replaced."),
			}),
		},
	}),
	AdminSession: object({
		...session,
		user_id: id,
		created_at: moment,
		updated_at: moment,
		last_message_at: orNull(moment),
		last_message: orNull(text),
		message_count: count,
	}),
	AdminSessionPage: object({ sessions: list("AdminSession"), ...page }),
	AdminMessagePage: object({ messages: list("Message"), ...page }),
	AdminGenerationList: object({ generations: list("AdminGeneration") }),
	AdminGeneration: object({
		generationId: id,
		sessionId: id,
		userId: id,
		email: text,
		status: { enum: [...GENERATION_STATES] },
		model: orNull(text),
		upstream: orNull(text),
		position: about(orNull(count), "The place in the queue, while it waits."),
		seq: count,
		createdAt: moment,
	}),
	About: object({ status: { const: "ok" }, service: text, version: text }),
	Liveness: object({ status: { const: "ok" } }),
	Readiness: object(
		{
			status: { enum: ["ready", "unavailable"] },
			store: object({ kind: text, status: { enum: ["ok", "unavailable"] } }),
			limiter: object({ status: { enum: ["ok", "degraded"] } }),
			upstreams: { type: "array", items: object({ name: text, status: { enum: ["up", "down", "unknown"] } }) },
		},
		{ draining: flag, replicas: object({ status: { enum: ["ok", "degraded"] } }) },
	),
	OpenApiDocument: object({
		openapi: text,
		info: { type: "object" },
		servers: { type: "array" },
		tags: { type: "array" },
		paths: { type: "object" },
		components: { type: "object" },
	}),
} as const satisfies Readonly<Record<string, Schema>>;

export type SchemaName = keyof typeof SCHEMAS;
