// Model servers by kind: settings in, adapters out.

import type { Upstream } from "../ports/upstream.ts";
import { createDemoUpstream } from "./demo.ts";
import { createModelManagementUpstream } from "./model-management.ts";
import { createOllamaUpstream } from "./ollama.ts";
import { createOpenAiUpstream } from "./openai.ts";
import type { UpstreamSetting } from "./target.ts";

export { type LocalPort, probeLocal } from "./probe.ts";
export type { ServerSetting, UpstreamSetting } from "./target.ts";

/**
 * One adapter for each setting, in their order. Names are the kind, then the kind with a number: `openai`, `openai-2`.
 * Throws a PocketError `invalid_settings` for an address or a key that cannot be used.
 */
export function createUpstreams(settings: readonly UpstreamSetting[]): readonly Upstream[] {
	const counts = new Map<string, number>();
	return settings.map((setting) => {
		const count = (counts.get(setting.kind) ?? 0) + 1;
		counts.set(setting.kind, count);
		return createUpstream(setting, count === 1 ? setting.kind : `${setting.kind}-${count}`);
	});
}

function createUpstream(setting: UpstreamSetting, name: string): Upstream {
	switch (setting.kind) {
		case "openai":
			return createOpenAiUpstream(setting, name);
		case "ollama":
			return createOllamaUpstream(setting, name);
		case "model-management":
			return createModelManagementUpstream(setting, name);
		case "demo":
			return createDemoUpstream(name);
	}
}
