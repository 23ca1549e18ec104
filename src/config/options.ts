// THE table of settings: name, type, default, whether it is a secret, help. The environment names, the config file, the reference in
// the README and the output of `pocketllm config` all come from here. Nothing but src/config reads the environment.

import { mongodbCollection, mongodbDatabase, mongodbUri } from "./mongodb.ts";
import { modelManagement, upstreams } from "./upstreams.ts";
import * as value from "./values.ts";
import { SettingProblem, type ValueType } from "./values.ts";

export type Option<T> = {
	/** The name in the environment and in the config file. */
	readonly name: string;
	readonly type: ValueType<T>;
	/** As it would be typed; `null`: unset. */
	readonly standard: string | null;
	/** Never printed; may also be given as `NAME_FILE`. */
	readonly secret: boolean;
	/** `store`: needs a build with that driver. */
	readonly group: "Listening" | "People" | "Models" | "Limits" | "Answers" | "Storage" | "Log";
	readonly help: string;
	/** Set when this build cannot honour the setting: the sentence that refuses it. */
	readonly unsupported?: string;
};

type Row<T> = Omit<Option<T>, "secret"> & { readonly secret?: boolean };

/** A setting that always has a value. */
function option<T>(row: Row<T> & { readonly standard: string }): Option<T> & { readonly standard: string } {
	return { secret: false, ...row };
}

/** A setting that may be unset. */
function optional<T>(row: Omit<Row<T>, "standard">): Option<T> & { readonly standard: null } {
	return { secret: false, ...row, standard: null };
}

const PLACEHOLDERS = [
	"secret",
	"changeme",
	"change-me",
	"change_me",
	"your-secret",
	"your_secret",
	"your-super-secret",
	"jwt-secret",
	"jwt_secret",
	"placeholder",
	"supersecret",
	"super-secret",
	"example",
];
const MEND = "make one with: openssl rand -base64 48";

/** An HS256 key: at least 32 bytes (RFC 7518 section 3.2), and none of those that stand in examples. */
const signingKey: ValueType<string> = {
	form: "text of at least 32 bytes",
	parse: (key) => {
		const lower = key.toLowerCase();
		const isShort = Buffer.byteLength(key) < 32;
		if (PLACEHOLDERS.some((word) => lower.startsWith(word)) || (!isShort && new Set(key).size < 8)) {
			throw new SettingProblem(`is a placeholder that anybody can guess, where a key of at least 32 random bytes belongs; ${MEND}`);
		}
		if (isShort) throw new SettingProblem(`must have at least 32 bytes; ${MEND}`);
		return key;
	},
};

/** Keys that verify beside the one that signs; in a file also one a line. One with a comma in it cannot stand here. */
const signingKeys: ValueType<readonly string[]> = {
	form: "list of texts of at least 32 bytes",
	parse: (text) => {
		const keys = value.list.parse(text.replaceAll(/\r?\n/g, ","));
		if (keys.some((key) => Buffer.byteLength(key) < 32)) {
			throw new SettingProblem("must list keys of at least 32 bytes each, separated by commas; remove what is no key");
		}
		return keys;
	},
};

export const OPTIONS = {
	host: option({
		name: "HOST",
		type: value.host,
		standard: "127.0.0.1",
		group: "Listening",
		help: "The address to listen on; `0.0.0.0` for every network of this machine.",
	}),
	port: option({
		name: "PORT",
		type: value.integer(0, 65_535),
		standard: "9000",
		group: "Listening",
		help: "The port; `0` takes a free one.",
	}),
	publicUrl: optional({
		name: "PUBLIC_URL",
		type: value.httpUrl,
		group: "Listening",
		help: "How people reach the server, for links that it prints.",
	}),
	allowedOrigins: option({
		name: "ALLOWED_ORIGINS",
		type: value.origins,
		standard: "",
		group: "Listening",
		help: "Web pages of these origins may call the API; empty: only pages of the same origin.",
	}),
	trustedProxies: option({
		name: "TRUSTED_PROXIES",
		type: value.networks,
		standard: "",
		group: "Listening",
		help: "Reverse proxies whose `X-Forwarded-For` counts, as addresses and networks.",
	}),

	signupMode: option({
		name: "SIGNUP_MODE",
		type: value.oneOf("open", "invite", "closed"),
		standard: "open",
		group: "People",
		help: "Who may make an account: anybody, whoever has an invitation, or nobody.",
	}),
	jwtSecret: optional({
		name: "JWT_SECRET",
		type: signingKey,
		secret: true,
		group: "People",
		help: "The key that signs access tokens. Unset: a key file in the data folder, made at the first start.",
	}),
	jwtPreviousSecrets: option({
		name: "JWT_PREVIOUS_SECRETS",
		type: signingKeys,
		standard: "",
		secret: true,
		group: "People",
		help: "Former keys, comma-separated, that still verify. These two are looked at again while the server runs when they come from a file.",
	}),
	accessTokenTtl: option({
		name: "ACCESS_TOKEN_TTL",
		type: value.durationFrom(1000),
		standard: "1h",
		group: "People",
		help: "How long an access token is good.",
	}),
	refreshTokenTtl: option({
		name: "REFRESH_TOKEN_TTL",
		type: value.durationFrom(1000),
		standard: "30d",
		group: "People",
		help: "How long a login lasts in all.",
	}),
	refreshIdleTtl: option({
		name: "REFRESH_IDLE_TTL",
		type: value.durationFrom(1000),
		standard: "7d",
		group: "People",
		help: "A login that is not used for this long ends.",
	}),
	refreshGrace: option({
		name: "REFRESH_GRACE",
		type: value.duration,
		standard: "10s",
		group: "People",
		help: "For this long a refresh token that was just spent gives the same successor again.",
	}),
	passwordMinLength: option({
		name: "PASSWORD_MIN_LENGTH",
		type: value.integer(6, 128),
		standard: "8",
		group: "People",
		help: "Characters that a new password must have.",
	}),
	headerLoginName: optional({
		name: "HEADER_LOGIN_NAME",
		type: value.fieldName,
		group: "People",
		help: "The header field in which a reverse proxy says who has signed in there, by e-mail address, such as `Remote-Email`. Needs HEADER_LOGIN_PROXIES.",
	}),
	headerLoginProxies: option({
		name: "HEADER_LOGIN_PROXIES",
		type: value.proxies,
		standard: "",
		group: "People",
		help: "The proxies whose word that is, as addresses and networks of their sockets. They must overwrite the field.",
	}),
	headerLoginSignup: option({
		name: "HEADER_LOGIN_SIGNUP",
		type: value.flag,
		standard: "no",
		group: "People",
		help: "Whether somebody whom the proxy names gets an account at first sight, whatever SIGNUP_MODE says.",
	}),
	passwordHash: option({
		name: "PASSWORD_HASH",
		type: value.oneOf("argon2id", "bcrypt"),
		standard: "argon2id",
		group: "People",
		help: "How passwords are hashed, at the next sign-in also those that are there; `bcrypt` as the FastAPI gateway does, so that it can be put back.",
	}),
	passwordHashMemory: option({
		name: "PASSWORD_HASH_MEMORY",
		type: value.bytesFrom(7 * 1024 * 1024, 4 * 1024 ** 3),
		standard: "64MiB",
		group: "People",
		help: "Memory of one argon2id hash. `bun run bench hashing` in a checkout shows what this machine takes.",
	}),
	passwordHashPasses: option({
		name: "PASSWORD_HASH_PASSES",
		type: value.integer(1, 100),
		standard: "2",
		group: "People",
		help: "Passes of one argon2id hash over its memory.",
	}),
	passwordHashesAtOnce: option({
		name: "PASSWORD_HASHES_AT_ONCE",
		type: value.integer(1, 64),
		standard: "2",
		group: "People",
		help: "Hashes at the same time; others wait, and beyond a hundred are refused.",
	}),
	resetLinksInLog: option({
		name: "RESET_LINKS_IN_LOG",
		type: value.flag,
		standard: "no",
		group: "People",
		help: "Whether a forgotten password's reset link is written to the log, for the operator to pass on.",
	}),
	auditRetention: option({
		name: "AUDIT_RETENTION",
		type: value.durationFrom(86_400_000),
		standard: "90d",
		group: "People",
		help: "For how long the audit trail keeps who signed in, failed to, and changed what.",
	}),

	upstreams: option({
		name: "UPSTREAMS",
		type: upstreams,
		standard: "",
		secret: true,
		group: "Models",
		help: "Model servers, comma-separated: `ollama+http://localhost:11434`, `openai+http://gpu:8080/v1`, `openai+https://:KEY@host/v1`, `model-management+http://…`; options `?slots=2&model=NAME`. With none configured the usual local ports are tried.",
	}),
	modelManagementUrl: optional({
		name: "MODEL_MANAGEMENT_URL",
		type: modelManagement,
		secret: true,
		group: "Models",
		help: "A model-management service, e.g. `http://host:8000/api/v1`.",
	}),
	defaultModel: optional({
		name: "DEFAULT_MODEL",
		type: value.text,
		group: "Models",
		help: "The model for a request that names none; unset: the first that the first model server offers.",
	}),
	upstreamConcurrency: option({
		name: "UPSTREAM_CONCURRENCY",
		type: value.integer(1, 9999),
		standard: "4",
		group: "Models",
		help: "Answers at once from a model server that does not tell its own number.",
	}),
	systemPrompt: optional({
		name: "SYSTEM_PROMPT",
		type: value.text,
		group: "Models",
		help: "What the model is told first, unless the session says otherwise.",
	}),
	contextMessages: option({
		name: "CONTEXT_MESSAGES",
		type: value.integer(1, 1000),
		standard: "50",
		group: "Models",
		help: "The newest messages that the model is shown.",
	}),

	rateLimitGlobal: option({
		name: "RATE_LIMIT_GLOBAL",
		type: value.rate,
		standard: "100/minute",
		group: "Limits",
		help: "All requests, per account when signed in, else per address: `100/minute`, `5 per second`, several joined by `;`, or `off`.",
	}),
	rateLimitLogin: option({
		name: "RATE_LIMIT_LOGIN",
		type: value.rate,
		standard: "10/minute",
		group: "Limits",
		help: "Wrong passwords before further tries wait, per address and per account; each wait in a row is twice as long.",
	}),
	rateLimitSignup: option({
		name: "RATE_LIMIT_SIGNUP",
		type: value.rate,
		standard: "10/hour",
		group: "Limits",
		help: "New accounts, per address.",
	}),
	rateLimitChat: option({
		name: "RATE_LIMIT_CHAT",
		type: value.rate,
		standard: "60/minute",
		group: "Limits",
		help: "Prompts, per account.",
	}),
	maxStreamsPerUser: option({
		name: "MAX_STREAMS_PER_USER",
		type: value.integer(1, 1000),
		standard: "2",
		group: "Limits",
		help: "Answers that are made for one person at once.",
	}),
	queueLimit: option({
		name: "QUEUE_LIMIT",
		type: value.integer(1, 100_000),
		standard: "500",
		group: "Limits",
		help: "Prompts that may wait for a model server, in all.",
	}),
	maxAnswerBytes: option({ name: "MAX_ANSWER_BYTES", type: value.bytes, standard: "1MiB", group: "Limits", help: "The longest answer." }),

	firstTokenTimeout: option({
		name: "FIRST_TOKEN_TIMEOUT",
		type: value.durationFrom(100),
		standard: "120s",
		group: "Answers",
		help: "From asking the model server to its first token.",
	}),
	streamIdleTimeout: option({
		name: "STREAM_IDLE_TIMEOUT",
		type: value.durationFrom(100),
		standard: "60s",
		group: "Answers",
		help: "Between two tokens.",
	}),
	generationTimeout: option({
		name: "GENERATION_TIMEOUT",
		type: value.durationFrom(100),
		standard: "30m",
		group: "Answers",
		help: "For one answer in all.",
	}),
	generationOrphanTimeout: option({
		name: "GENERATION_ORPHAN_TIMEOUT",
		type: value.duration,
		standard: "10m",
		group: "Answers",
		help: "An answer that nobody follows for this long is stopped.",
	}),
	generationYieldTimeout: option({
		name: "GENERATION_YIELD_TIMEOUT",
		type: value.duration,
		standard: "30s",
		group: "Answers",
		help: "The same while somebody else waits for its place.",
	}),
	heartbeatInterval: option({
		name: "HEARTBEAT_INTERVAL",
		type: value.durationFrom(100),
		standard: "10s",
		group: "Answers",
		help: "A quiet stream says that it lives this often.",
	}),
	shutdownGrace: option({
		name: "SHUTDOWN_GRACE",
		type: value.duration,
		standard: "10s",
		group: "Answers",
		help: "Running answers may end within this time when the server stops.",
	}),

	dataDir: optional({
		name: "POCKETLLM_DATA_DIR",
		type: value.path,
		group: "Storage",
		help: "The folder of the database, the config file `pocketllm.env`, the key and backups. Default: `$STATE_DIRECTORY`, else `$XDG_DATA_HOME/pocketllm`, else `~/.local/share/pocketllm`.",
	}),
	mongodbUri: optional({
		name: "MONGODB_URI",
		type: mongodbUri,
		secret: true,
		group: "Storage",
		help: "People and history in MongoDB in place of the SQLite file: `mongodb://user:password@host:27017/pocketllm`. Needs `JWT_SECRET`.",
	}),
	mongodbDb: option({
		name: "MONGODB_DB",
		type: mongodbDatabase,
		standard: "pocketllm",
		group: "Storage",
		help: "The MongoDB database; one in the URI's path wins.",
	}),
	mongodbUsersCollection: option({
		name: "MONGODB_USERS_COLLECTION",
		type: mongodbCollection,
		standard: "users",
		group: "Storage",
		help: "The collection of people.",
	}),
	mongodbSessionsCollection: option({
		name: "MONGODB_SESSIONS_COLLECTION",
		type: mongodbCollection,
		standard: "sessions",
		group: "Storage",
		help: "The collection of sessions.",
	}),
	mongodbMessagesCollection: option({
		name: "MONGODB_MESSAGES_COLLECTION",
		type: mongodbCollection,
		standard: "messages",
		group: "Storage",
		help: "The collection of messages.",
	}),
	redisUrl: optional({
		name: "REDIS_URL",
		type: value.redisUrl,
		secret: true,
		group: "Storage",
		help: "Limits in Redis in place of this process: `redis://:PASSWORD@host:6379/0`, or `rediss://` for TLS.",
	}),
	redisPrefix: option({
		name: "REDIS_PREFIX",
		type: value.keyPrefix,
		standard: "pocketllm",
		group: "Storage",
		help: "What names in Redis begin with; installations that share one Redis need different ones, or different databases.",
	}),

	logLevel: option({
		name: "LOG_LEVEL",
		type: value.oneOf("debug", "info", "warn", "warning", "error", "critical"),
		standard: "info",
		group: "Log",
		help: "How much is logged.",
	}),
	debug: option({
		name: "DEBUG",
		type: value.flag,
		standard: "no",
		group: "Log",
		help: "Short for LOG_LEVEL=debug. Never shows the cause of an error to a client.",
	}),
} as const;

export type OptionKey = keyof typeof OPTIONS;

type Value<O> = O extends { readonly type: ValueType<infer T>; readonly standard: infer S } ? (S extends null ? T | undefined : T) : never;

/** Every setting in force. `dataDir` is always resolved. */
export type Config = { readonly [K in Exclude<OptionKey, "dataDir">]: Value<(typeof OPTIONS)[K]> } & { readonly dataDir: string };

/** What is wrong with settings that are each right by itself: whole sentences. */
export function problemsBetween(config: Partial<Config>): readonly string[] {
	const hasName = config.headerLoginName !== undefined;
	const hasProxies = (config.headerLoginProxies ?? []).length > 0;
	if (hasName && !hasProxies) {
		return [
			"HEADER_LOGIN_NAME needs HEADER_LOGIN_PROXIES: without the proxies' addresses anybody could send that field. Set both, or none.",
		];
	}
	if (hasProxies && !hasName) return ["HEADER_LOGIN_PROXIES needs HEADER_LOGIN_NAME, the field that those proxies set. Set both, or none."];
	if (config.headerLoginSignup === true && !hasName) {
		return ["HEADER_LOGIN_SIGNUP needs HEADER_LOGIN_NAME and HEADER_LOGIN_PROXIES. Set all three, or none."];
	}
	return [];
}
