// Which model servers a server works with: those of the settings, else those that are found on this machine. Part of the wiring.

import type { Config } from "./config/options.ts";
import { describeUpstream, entryProblem, type UpstreamSetting } from "./config/upstreams.ts";
import type { ModelService } from "./models/service.ts";
import type { Upstream } from "./ports/upstream.ts";
import { createUpstreams, probeLocal } from "./upstream/index.ts";

/** Gives them to `models`, and tells of each what it offers or why it does not answer. */
export async function findModelServers(config: Config, demo: boolean, models: ModelService, print: (line: string) => void): Promise<void> {
	const configured = [...config.upstreams, ...(config.modelManagementUrl === undefined ? [] : [config.modelManagementUrl])];
	const found = configured.length > 0 ? [] : await probeLocal();
	const settings = [...configured, ...found.map(({ label: _label, ...setting }) => setting), ...(demo ? [{ kind: "demo" as const }] : [])];
	const reasons = new Map<string, string>();
	models.use(
		createUpstreams(settings).map((upstream, index) =>
			explained(upstream, configured[index], (reason) => reasons.set(upstream.name, reason)),
		),
	);
	for (const { label, baseUrl } of found) print(`Found ${label} at ${baseUrl}`);
	if (demo) print("Demo: a built-in model answers, which says that it is one.");
	if (settings.length === 0) {
		print("No model server found. Start Ollama or llama.cpp on this machine, or set UPSTREAMS; until then chats answer no_upstream.");
		return;
	}
	await models.refreshAll();
	for (const { name, status, models: offered } of models.states()) {
		print(
			status === "up"
				? `Models of ${name}: ${offered.map((model) => model.id).join(", ") || "none"}`
				: `Model server ${name} ${reasons.get(name) ?? "does not answer yet; it is asked again when somebody chats."}`,
		);
	}
}

/** The same model server; a look that fails because of its entry says so. */
function explained(upstream: Upstream, setting: UpstreamSetting | undefined, say: (reason: string) => void): Upstream {
	if (setting === undefined) return upstream;
	return {
		...upstream,
		inspect: () =>
			upstream.inspect().catch((error: unknown) => {
				const reason = entryProblem(setting, error);
				if (reason !== undefined) say(`(${describeUpstream(setting)}) ${reason}`);
				throw error;
			}),
	};
}
