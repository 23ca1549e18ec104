// When no model server is configured: a look at the usual local ports. Loopback only, and by what answers, not by the port alone:
// 8000 and 8080 are shared by many programs.

import { getObject } from "./inspection.ts";
import { asArray, asObject, asText, type JsonObject } from "./json.ts";
import { createTarget, type ServerSetting } from "./target.ts";

/** A model server that was found, with the name its makers gave it. */
export type LocalUpstream = ServerSetting & { readonly kind: "openai" | "ollama"; readonly label: LocalLabel };

export type LocalLabel = "Ollama" | "llama.cpp" | "LM Studio" | "vLLM";

export type LocalPort = { readonly port: number; readonly label: LocalLabel };

/** Where these servers listen when nobody tells them otherwise. */
const USUAL_PORTS: readonly LocalPort[] = [
	{ port: 11434, label: "Ollama" },
	{ port: 8080, label: "llama.cpp" },
	{ port: 1234, label: "LM Studio" },
	{ port: 8000, label: "vLLM" },
];

const PROBE_DEADLINE_MS = 900;

/** Looks at all ports at once; takes less than a second in all. In the order of the ports. */
export async function probeLocal(options: { readonly ports?: readonly LocalPort[] } = {}): Promise<readonly LocalUpstream[]> {
	const found = await Promise.all((options.ports ?? USUAL_PORTS).map(probePort));
	return found.filter((upstream) => upstream !== undefined);
}

async function probePort({ port, label }: LocalPort): Promise<LocalUpstream | undefined> {
	const origin = `http://127.0.0.1:${port}`;
	const target = createTarget({ baseUrl: origin });
	const ask = (path: string) => getObject(target, path, PROBE_DEADLINE_MS).catch(() => undefined);
	const [version, tags, list] = await Promise.all([ask("/api/version"), ask("/api/tags"), ask("/v1/models")]);
	// Many programs tell a version; the tags make it Ollama. It speaks OpenAI's way too, but its own tells more.
	if (asText(version?.version) !== undefined && Array.isArray(tags?.models)) return { kind: "ollama", baseUrl: origin, label: "Ollama" };
	if (list?.object !== "list" || !Array.isArray(list.data)) return undefined;
	return { kind: "openai", baseUrl: `${origin}/v1`, label: labelOf(list, label) };
}

/** Most servers sign their models with their own name. */
function labelOf(list: JsonObject, usual: LocalLabel): LocalLabel {
	const owner = asText(asObject(asArray(list.data)[0])?.owned_by)?.toLowerCase();
	if (owner === "llamacpp") return "llama.cpp";
	if (owner === "vllm") return "vLLM";
	if (owner === "organization_owner" || owner === "organization-owner") return "LM Studio";
	return usual === "Ollama" ? "llama.cpp" : usual;
}
