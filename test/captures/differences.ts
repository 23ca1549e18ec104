// Where our answers differ from the old gateway's, and why. THE table: whatever is not here must be as it was recorded. RULES hold for
// every record they fit; DIFFERENCES are about named records. A row that is not needed fails the test.

import type { Exchange, FileName, Json } from "./recording.ts";
import { ANY_COUNT } from "./verify.ts";

type Change = (exchange: Exchange, all: readonly Exchange[]) => Exchange;
type Rule = { readonly why: string; readonly fits: (exchange: Exchange) => boolean; readonly change: Change };
type Difference = {
	readonly file: FileName;
	readonly of: readonly string[];
	readonly why: string;
	readonly change: Change;
};

export const RULES: readonly Rule[] = [
	{
		why: "README, defects, errors: problem+json in place of four shapes, never the value and never the cause",
		fits: ({ response }) => response.status >= 400,
		change: (exchange) => ({
			...exchange,
			response: {
				status: exchange.response.status,
				headers: { ...exchange.response.headers, "content-type": "application/problem+json" },
				body: {},
			},
		}),
	},
	{
		why: "The contract's default title is `New Chat`, as the client writes it; the old gateway wrote `New chat`",
		fits: ({ response }) => JSON.stringify(response).includes('"title":"New chat"'),
		change: (exchange) => JSON.parse(JSON.stringify(exchange).replaceAll('"title":"New chat"', '"title":"New Chat"')),
	},
	{
		why: "README, defects, context: model-management appends the prompt itself, so it is left out of the messages",
		fits: ({ upstreamRequest }) => upstreamRequest !== undefined,
		change: (exchange) => {
			const asked = exchange.upstreamRequest;
			if (asked === undefined) return exchange;
			return { ...exchange, upstreamRequest: { ...asked, body: { ...asked.body, messages: asked.body.messages.slice(0, -1) } } };
		},
	},
	{
		why: "One way of asking serves both calls: a plain one is streamed from the service as well, so that deadlines, caps and a stop hold for it",
		fits: ({ upstreamRequest }) => upstreamRequest?.path === "/api/v1/inference/chat",
		change: (exchange) => {
			const asked = exchange.upstreamRequest;
			if (asked === undefined) return exchange;
			const body = { ...asked.body, stream: true, max_tokens: asked.body.max_tokens ?? 1000 };
			return { ...exchange, upstreamRequest: { path: "/api/v1/inference/chat/stream", body } };
		},
	},
];

/** Another status and body; recorded header fields do not hold for it, except the named ones. */
const answers =
	(status: number, body?: Json, headers: Readonly<Record<string, string>> = {}): Change =>
	(exchange) => ({ ...exchange, response: { status, headers, ...(body === undefined ? { rawBody: "" } : { body }) } });

const refuses = (status: number, code: string): Change => answers(status, { code }, { "content-type": "application/problem+json" });

/** Some members of the body are others. */
const shows =
	(members: Readonly<Record<string, Json>>): Change =>
	(exchange) => {
		const body: { readonly [name: string]: Json } = { ...Object(exchange.response.body) };
		return { ...exchange, response: { ...exchange.response, body: { ...body, ...members } } };
	};

const sameAs =
	(name: string): Change =>
	(_exchange, all) => {
		const other = all.find((candidate) => candidate.name === name);
		if (other === undefined) throw new Error(`there is no record ${name}`);
		return other;
	};

/** Another stream, and what is stored after it beside the prompt. */
const streams =
	(frames: readonly { readonly [name: string]: Json }[], stored: string): Change =>
	(exchange) => ({
		...exchange,
		response: { ...exchange.response, rawBody: frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join("") },
		storedAfterwards: [...prompts(exchange), { role: "assistant", content: stored }],
	});

const prompts = ({ storedAfterwards = [] }: Exchange) => storedAfterwards.filter(({ role }) => role !== "assistant");
const tokens = (...texts: readonly string[]) => texts.map((content) => ({ type: "token", content }));
const error = (code: string) => ({ type: "error", code });
const end = { type: "end", messageId: "msg_1700000000000_abc123def" };

/** The stream and the upstream's request are as recorded; what is stored is not. */
const stores =
	(answer: string): Change =>
	(exchange) => ({ ...exchange, storedAfterwards: [...prompts(exchange), { role: "assistant", content: answer }] });

const both =
	(...changes: readonly Change[]): Change =>
	(exchange, all) =>
		changes.reduce((changed, change) => change(changed, all), exchange);

const ALICE = { id: "<objectid:alice>", email: "alice@example.com", full_name: "Alice Example", is_admin: false };
const ROOT = { status: "ok", service: "pocketLLM Backend", version: "0.1.0" };
const COUNTS = { new_users_24h: 11, new_sessions_24h: ANY_COUNT, new_messages_24h: ANY_COUNT };
const MESSAGE_COUNTS = { user_messages: ANY_COUNT, assistant_messages: ANY_COUNT, avg_per_session: ANY_COUNT };
const WEB = { "access-control-allow-origin": "http://<host:port>", "access-control-allow-credentials": "true" };

function counts(admins: number): Change {
	const overview = { total_users: 11, total_sessions: ANY_COUNT, total_messages: ANY_COUNT, admin_count: admins, active_users: 2 };
	return shows({ overview, recent_activity: COUNTS, messages: MESSAGE_COUNTS });
}

export const DIFFERENCES: readonly Difference[] = [
	{
		file: "auth",
		of: ["signup, reserved TLD .test", "signup, address on .local"],
		why: "A home server has people at anna@box.local (src/domain/user.ts); nothing is ever mailed",
		change: answers(200, { token: "<jwt>", expiresIn: 3600, user: { id: "<objectid>", is_admin: false } }),
	},
	{
		file: "auth",
		of: ["signup, not JSON"],
		why: "A body that is no JSON is 400 `bad_json`; 422 is for JSON that says something else",
		change: refuses(400, "bad_json"),
	},
	{
		file: "auth",
		of: ["signup, text/plain", "signup, form-encoded"],
		why: "The contract takes JSON only; another content type is 415 (RFC 9110, section 15.5.16)",
		change: refuses(415, "unsupported_media_type"),
	},
	{
		file: "auth",
		of: ["login of a user without name"],
		why: "Its defect: the name falls back to the address everywhere, also at login",
		change: shows({ user: { id: "<objectid:noname>", email: "noname@example.com", full_name: "noname@example.com" } }),
	},
	{
		file: "auth",
		of: ["login with the first 72 bytes of it"],
		why: "The contract hashes the whole password; only bcrypt hashes of old data are verified by 72 bytes",
		change: refuses(401, "invalid_credentials"),
	},
	{
		file: "auth",
		of: ["login, short password"],
		why: "Its defect: 401 for any wrong password",
		change: refuses(401, "invalid_credentials"),
	},
	{
		file: "auth",
		of: ["me, sub is not an id", "me, user no longer exists", "refresh, user no longer exists"],
		why: "Their defect, and the contract: tokens of the old gateway are refused, 401",
		change: refuses(401, "invalid_token"),
	},
	{
		file: "auth",
		of: ["me after logout"],
		why: "Its defect: from the logout on this login's tokens are refused",
		change: refuses(401, "invalid_token"),
	},
	{ file: "auth", of: ["password reset"], why: "Its defect: the contract has the call; 202 always", change: answers(202, {}) },
	{
		file: "auth",
		of: ["password reset confirm"],
		why: "Its defect: the contract has the call; this token is none",
		change: refuses(403, "invalid_reset_token"),
	},
	{ file: "auth", of: ["change password"], why: "Its defect: the contract has the call", change: answers(204) },
	{ file: "auth", of: ["profile"], why: "Its defect: the contract has the call", change: answers(200, ALICE) },
	{
		file: "auth",
		of: ["update profile", "update profile (PUT)"],
		why: "Their defect: the contract has the calls",
		change: answers(200, { ...ALICE, full_name: "A", name: "A" }),
	},

	{
		file: "users",
		of: ["list users, no token", "user by id, no token", "create user with ready hash, no token", "create user, address taken"],
		why: "Their defect: people are listed, read and made by administrators only",
		change: refuses(401, "unauthenticated"),
	},
	{
		file: "users",
		of: ["list users, limit 0", "list users, limit 101", "create user, hash too short"],
		why: "The same defect; who may not call learns nothing of what a call needs",
		change: refuses(401, "unauthenticated"),
	},
	{
		file: "users",
		of: ["list users, no trailing slash"],
		why: "Both forms of an address answer, without a redirect that drops the token at some clients; and the list needs an administrator",
		change: refuses(401, "unauthenticated"),
	},

	{
		file: "sessions",
		of: ["create session, trailing slash"],
		why: "Its defect: both forms are the same, and need no user_id",
		change: sameAs("create session, trailing slash, with user_id"),
	},
	{
		file: "sessions",
		of: ["list, sort_by=title asc"],
		why: "With one spelling of the default title these are equal, and the older comes first",
		change: shows({ data: ["session2", "session1", "session4", "session5"].map((name) => ({ id: `<objectid:${name}>` })) }),
	},
	{
		file: "sessions",
		of: ["list, sortBy=title sortOrder=asc"],
		why: "Its defect: both spellings are honoured",
		change: shows({ data: ["session2", "session1", "session4", "session5"].map((name) => ({ id: `<objectid:${name}>` })) }),
	},
	{ file: "sessions", of: ["list, trailing slash"], why: "Both forms of an address are the same", change: sameAs("list") },
	{ file: "sessions", of: ["list of a user"], why: "The contract gives this call to administrators", change: refuses(403, "forbidden") },
	{
		file: "sessions",
		of: ["patch metadata null"],
		why: "The contract shows null metadata as the default",
		change: shows({ metadata: {} }),
	},
	{ file: "sessions", of: ["patch title null"], why: "Its defect: 422, and nothing is stored", change: refuses(422, "validation_failed") },
	{
		file: "sessions",
		of: ["list with a title null in it"],
		why: "Its defect: no title is null any more, and the list is whole",
		change: answers(200, { total: 9, page: 1, limit: 20, hasMore: false }),
	},
	{ file: "sessions", of: ["generate title"], why: "Its defect: the contract has the call", change: answers(200, { title: "New Chat" }) },

	{
		file: "messages",
		of: ["list (chat route), limit 2", "list (chat route), offset beyond the end"],
		why: "Their defect: total is exact",
		change: shows({ total: 6 }),
	},
	{
		file: "messages",
		of: ["the session afterwards"],
		why: "Its defect: a preview of at most 200 characters",
		change: shows({ lastMessage: "word ".repeat(40) }),
	},
	{ file: "messages", of: ["clear messages"], why: "Its defect: the contract has the call", change: answers(204) },
	{
		file: "messages",
		of: ["models"],
		why: "Its defect: the contract has the call",
		change: answers(200, {
			data: [{ id: "default", name: "default", upstream: "model-management" }],
			upstreams: [{ name: "model-management", kind: "model-management", status: "up" }],
		}),
	},

	{
		file: "chat",
		of: ["stream, no messageId"],
		why: "Its note: without an id of the client's `end` has the stored one",
		change: (exchange) => ({
			...exchange,
			response: {
				...exchange.response,
				rawBody: (exchange.response.rawBody ?? "").replace('"messageId": null', '"messageId": "<objectid>"'),
			},
		}),
	},
	{
		file: "chat",
		of: ["stream, same messageId again"],
		why: "Its defect: an id stands for one turn; with another prompt the contract has 409",
		change: (exchange, all) => {
			const { upstreamRequest: _none, ...rest } = refuses(409, "message_id_conflict")(exchange, all);
			return { ...rest, storedAfterwards: (exchange.storedAfterwards ?? []).slice(0, 4) };
		},
	},
	{
		file: "chat",
		of: ["stream, temperature and max_tokens"],
		why: "Its defect: they are used",
		change: (exchange) => {
			const asked = exchange.upstreamRequest;
			return asked === undefined
				? exchange
				: { ...exchange, upstreamRequest: { ...asked, body: { ...asked.body, temperature: 0.1, max_tokens: 5 } } };
		},
	},
	{
		file: "chat",
		of: ["stream, error in mid-stream"],
		why: "Its defect: a sentence of ours, and what had arrived is stored",
		change: streams([...tokens("Hel", "lo", " from"), error("upstream_error")], "Hello from"),
	},
	{
		file: "chat",
		of: ["stream, error at once", "stream, real chain, model missing"],
		why: "README, defects, stream: a sentence of ours in place of the upstream's; the answer that `start` named is stored with its status",
		change: streams([error("upstream_error")], ""),
	},
	{
		file: "chat",
		of: ["stream, upstream closes without a done frame"],
		why: "Its defect: an end without its mark is an error",
		change: streams([...tokens("Hel", "lo", " from"), error("upstream_reset")], "Hello from"),
	},
	{
		file: "chat",
		of: ["stream, upstream connection breaks"],
		why: "Its defect: a sentence of ours, and what had arrived is stored",
		change: streams([...tokens("Hel", "lo", " from"), error("upstream_reset")], "Hello from"),
	},
	{
		file: "chat",
		of: ["stream, upstream answers 503"],
		why: "Its defect: a sentence of ours, without the upstream's address",
		change: streams([error("upstream_busy")], ""),
	},
	{
		file: "chat",
		of: ['stream, "data: " inside the text'],
		why: "Its defect: the text is unchanged",
		change: streams(
			[...tokens("curl said: ", "data: 42", " and <b>html</b>\n\nnew paragraph", " é你😀"), end],
			"curl said: data: 42 and <b>html</b>\n\nnew paragraph é你😀",
		),
	},
	{
		file: "chat",
		of: ["stream, empty answer"],
		why: "`start` names the stored answer before the model is asked (guarantee G1), so an empty one is stored too",
		change: stores(""),
	},
	{
		file: "chat",
		of: ["message, temperature 9"],
		why: "The contract takes 0 to 2",
		change: both(refuses(422, "validation_failed"), asksNothing()),
	},
	{
		file: "chat",
		of: ["message", "message, temperature and max_tokens", "message, cache hit"],
		why: "The defect of the first: messageId is the stored id",
		change: shows({ messageId: "<objectid>" }),
	},
	{
		file: "chat",
		of: ["message, empty answer"],
		why: "Its defect: an empty answer is an answer",
		change: both(answers(200, { messageId: "<objectid>", content: "", role: "assistant", timestamp: "<iso8601>" }), stores("")),
	},
	{
		file: "chat",
		of: ["message, upstream answers 503"],
		why: "Its defect: 503 in our words; the answer that failed is stored with its status",
		change: both(refuses(503, "upstream_busy"), stores("")),
	},
	{
		file: "chat",
		of: ["stream, upstream down"],
		why: "Its defect: a sentence of ours",
		change: streams([error("upstream_unreachable")], ""),
	},
	{
		file: "chat",
		of: ["message, upstream down"],
		why: "Its defect: 502 that says the model server cannot be reached",
		change: both(refuses(502, "upstream_unreachable"), stores("")),
	},
	{
		file: "chat",
		of: ["stream, real chain, model server breaks in mid-stream"],
		why: "README, defects, stream: a sentence of ours, and what had arrived is stored",
		change: streams(
			[...tokens(" I", "'m", " sorry", " for", " I", "'m", " sorry", " for"), error("upstream_error")],
			" I'm sorry for I'm sorry for",
		),
	},
	{
		file: "chat",
		of: ["stream, real chain, model server stalls in mid-stream"],
		why: "Its defect: a frame with the member error is an error, whatever its value",
		change: streams(
			[...tokens(" Thank", " you", " for", " your", " Thank", " you", " for", " your"), error("upstream_error")],
			" Thank you for your Thank you for your",
		),
	},

	{ file: "admin", of: ["metrics"], why: "Its note: the counts of sessions and messages are those of that recording", change: counts(1) },
	{
		file: "admin",
		of: ["metrics as the new administrator (token from before)"],
		why: "As above: the counts of sessions and messages are those of that recording",
		change: counts(2),
	},
	{
		file: "admin",
		of: ["sessions", "messages"],
		why: "As above: the totals are those of that recording",
		change: shows({ total: ANY_COUNT }),
	},
	{
		file: "admin",
		of: ["toggle oneself, id in upper case"],
		why: "Its defect: ids are compared as ids",
		change: refuses(400, "own_admin_status"),
	},

	{ file: "health", of: ["root, HEAD"], why: "HEAD works wherever GET does (RFC 9110, section 9.1)", change: answers(200) },
	{ file: "health", of: ["healthz"], why: "New in the contract", change: answers(200, { status: "ok" }) },
	{ file: "health", of: ["readyz"], why: "New in the contract", change: answers(200, { status: "ready" }) },
	{
		file: "health",
		of: ["openapi", "docs"],
		why: "Outside the prefix the contract has three addresses; the reference stands below the prefix, and loads nothing from elsewhere",
		change: refuses(404, "not_found"),
	},
	{
		file: "health",
		of: ["preflight, allowed origin"],
		why: "An answer without content is 204; QUERY is no verb of ours, and OPTIONS needs no permission",
		change: answers(204, undefined, {
			...WEB,
			"access-control-max-age": "600",
			"access-control-allow-methods": "DELETE, GET, HEAD, PATCH, POST, PUT",
			"access-control-allow-headers": "authorization, content-type",
		}),
	},
	{
		file: "health",
		of: ["preflight, other origin"],
		why: "What refuses the page is that its origin is not named; the status means nothing to a browser",
		change: answers(204),
	},
	{
		file: "health",
		of: ["preflight, ALLOWED_ORIGINS unset"],
		why: "Its defect: no other origin is let in; without CORS an OPTIONS is a verb like others",
		change: refuses(405, "method_not_allowed"),
	},
	{ file: "health", of: ["GET, ALLOWED_ORIGINS unset"], why: "Its defect: no other origin is let in", change: answers(200, ROOT) },
	{
		file: "health",
		of: ["500 with DEBUG on (the default): login of a user document without password_hash", "500 with DEBUG off"],
		why: "The first one's defect: an account without a hash has no right password",
		change: refuses(401, "invalid_credentials"),
	},
	{
		file: "health",
		of: ["500 with DEBUG off, allowed origin"],
		why: "As above; and the fields of an allowed origin stand on every answer",
		change: answers(401, { code: "invalid_credentials" }, { ...WEB, "content-type": "application/problem+json" }),
	},
	{
		file: "health",
		of: ["limit 7/minute, GET /, request 8", "limit 7/minute, GET /, request 9"],
		why: "The contract never limits health",
		change: answers(200, ROOT),
	},
	{ file: "health", of: ["limit reached, allowed origin"], why: "The contract never limits health", change: answers(200, ROOT, WEB) },
];

/** Refused before the model is asked, and before anything is stored. */
function asksNothing(): Change {
	return ({ upstreamRequest: _none, ...exchange }) => ({ ...exchange, storedAfterwards: [] });
}
