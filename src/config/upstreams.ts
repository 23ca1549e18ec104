// The settings UPSTREAMS and MODEL_MANAGEMENT_URL: which model servers there are, as the operator names them.

import { PocketError } from "../domain/errors.ts";
import type { UpstreamKind } from "../ports/upstream.ts";
import { list, SettingProblem, type ValueType } from "./values.ts";

export type UpstreamSetting = {
	readonly kind: Exclude<UpstreamKind, "demo">;
	/** http or https, without credentials, query and trailing slash. An OpenAI base includes its `/v1`. */
	readonly baseUrl: string;
	/** Sent as a bearer token when there is one. Secret. */
	readonly key?: string;
	readonly slots?: number;
	readonly model?: string;
};

const KINDS = ["openai", "ollama", "model-management"] as const;
const EXPECTED =
	"must list model servers such as ollama+http://localhost:11434, openai+http://gpu:8080/v1, openai+https://:KEY@host/v1, model-management+http://host:8000/api/v1 (options: ?slots=2&model=NAME; a comma, @ or blank inside a part is percent-encoded)";

/** One entry of UPSTREAMS. Throws a SettingProblem. */
export function parseUpstream(entry: string): UpstreamSetting {
	const plus = entry.indexOf("+");
	const kind = KINDS.find((name) => name === entry.slice(0, plus).toLowerCase());
	if (kind === undefined) throw new SettingProblem(EXPECTED);
	return readUrl(kind, entry.slice(plus + 1));
}

function readUrl(kind: UpstreamSetting["kind"], value: string): UpstreamSetting {
	const url = URL.canParse(value) ? new URL(value) : undefined;
	if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
		throw new SettingProblem(EXPECTED);
	}
	const slots = url.searchParams.get("slots");
	if (slots !== null && !/^[1-9]\d{0,3}$/.test(slots)) throw new SettingProblem("takes ?slots= as a whole number from 1 to 9999");
	for (const name of url.searchParams.keys()) {
		if (name !== "slots" && name !== "model")
			throw new SettingProblem("knows only the options ?slots= and ?model= behind a model server's URL");
	}
	const key = decodePart(url.password !== "" ? url.password : url.username);
	const model = url.searchParams.get("model");
	return {
		kind,
		baseUrl: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, "")}`,
		...(key === "" ? {} : { key }),
		...(slots === null ? {} : { slots: Number(slots) }),
		...(model === null || model === "" ? {} : { model }),
	};
}

function decodePart(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		throw new SettingProblem("has a key that is not percent-encoded correctly");
	}
}

export const upstreams: ValueType<readonly UpstreamSetting[]> = {
	form: "list of model servers",
	parse: (value) => list.parse(value).map(parseUpstream),
};

export const modelManagement: ValueType<UpstreamSetting> = {
	form: "URL",
	parse: (value) => readUrl("model-management", value),
};

const KIND_NAMES: Readonly<Record<UpstreamSetting["kind"], string>> = {
	openai: "an OpenAI-compatible server",
	ollama: "Ollama",
	"model-management": "a model-management service",
};

/**
 * Why a look at a model server failed when the reason is in its entry: something answers there, but not what the entry says, or not
 * with this key. `undefined` for a server that is away or in trouble. The words follow the entry's name; they hold no URL and no key.
 */
export function entryProblem({ kind, baseUrl, key }: UpstreamSetting, error: unknown): string | undefined {
	if (!(error instanceof PocketError)) return undefined;
	if (error.code === "upstream_auth")
		return key === undefined ? "wants a key: write it as ://:KEY@ into its entry" : "does not accept its key";
	const status = typeof error.cause === "string" ? /^HTTP (\d{3})\b/.exec(error.cause)?.[1] : undefined;
	const isStranger = error.code === "upstream_protocol" || (error.code === "upstream_error" && status?.startsWith("4") === true);
	if (!isStranger) return undefined;
	const hint = kind === "openai" && !baseUrl.endsWith("/v1") ? "an OpenAI base URL ends in /v1; or " : "";
	return `answers, but not as ${KIND_NAMES[kind]} does${status === undefined ? "" : ` (HTTP ${status})`}: ${hint}is it another kind of server?`;
}

/** The entry as text again, with its key hidden: for `config` and for messages. */
export function describeUpstream(setting: UpstreamSetting): string {
	const [scheme = "", rest = ""] = setting.baseUrl.split("://");
	const query = new URLSearchParams({
		...(setting.slots === undefined ? {} : { slots: String(setting.slots) }),
		...(setting.model === undefined ? {} : { model: setting.model }),
	}).toString();
	return `${setting.kind}+${scheme}://${setting.key === undefined ? "" : ":********@"}${rest}${query === "" ? "" : `?${query}`}`;
}
