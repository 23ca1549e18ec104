// Model servers by name: settings in, adapters out.

import type { Upstream } from "../ports/upstream.ts";
import { createOpenAiUpstream } from "./openai.ts";
import type { UpstreamSetting } from "./target.ts";

export type { UpstreamSetting } from "./target.ts";

/** One adapter for each setting, in their order. Names are the kind, then the kind with a number: `openai`, `openai-2`. */
export function createUpstreams(settings: readonly UpstreamSetting[]): readonly Upstream[] {
	const counts = new Map<string, number>();
	return settings.map((setting) => {
		const count = (counts.get(setting.kind) ?? 0) + 1;
		counts.set(setting.kind, count);
		return createOpenAiUpstream(setting, count === 1 ? setting.kind : `${setting.kind}-${count}`);
	});
}
