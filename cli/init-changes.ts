// What `init` would change in the config file, and how that is shown: no key, no password.

import type { LoadedConfig } from "../src/config/load.ts";
import { OPTIONS } from "../src/config/options.ts";
import { describeUpstream, parseUpstream } from "../src/config/upstreams.ts";
import type { EnvChanges } from "./env-file.ts";
import type { InitOptions, SettingAnswers } from "./init-questions.ts";
import { entriesOf } from "./show.ts";

export function changesOf(parts: {
	readonly before: ReadonlyMap<string, string>;
	readonly base: LoadedConfig;
	readonly answers: SettingAnswers;
	readonly options: InitOptions;
}): EnvChanges {
	const { before, base, answers, options } = parts;
	const changes = new Map<string, string | null>();
	for (const [key, answer, flag] of [
		["signupMode", answers.signup, options.signup],
		["host", answers.host, options.host],
		["port", answers.port, options.port],
	] as const) {
		const { name } = OPTIONS[key];
		// What the environment says, and nobody said otherwise, stays the environment's.
		const isOfEnvironment = base.origins[key] === "environment" && flag === undefined && String(base.config[key]) === answer;
		if (!isOfEnvironment && before.get(name) !== answer) changes.set(name, answer);
	}
	if (answers.upstreams === undefined) return changes;
	const { name } = OPTIONS.upstreams;
	const isSame = entriesOf(before.get(name) ?? "").join() === answers.upstreams.join();
	if (!isSame) changes.set(name, answers.upstreams.length === 0 ? null : answers.upstreams.join(", "));
	if (before.has(`${name}_FILE`)) changes.set(`${name}_FILE`, null);
	return changes;
}

export type ShownChange = { readonly name: string; readonly from: string | null; readonly to: string | null; readonly line: string };

export function describeChanges(before: ReadonlyMap<string, string>, changes: EnvChanges): readonly ShownChange[] {
	return [...changes].map(([name, value]) => {
		const from = shown(name, before.get(name) ?? null);
		const to = shown(name, value);
		const line = to === null ? `- ${name}` : from === null ? `+ ${name}=${to}` : `~ ${name}=${to}   (was ${from})`;
		return { name, from, to, line };
	});
}

/** A comment for each setting that the file gets anew. */
export function commentsFor(changes: EnvChanges): ReadonlyMap<string, string> {
	return new Map(
		Object.values(OPTIONS)
			.filter(({ name }) => changes.has(name))
			.map(({ name, help }) => [name, help]),
	);
}

function shown(name: string, value: string | null): string | null {
	if (value === null || name !== OPTIONS.upstreams.name) return value;
	return entriesOf(value)
		.map((entry) => describeUpstream(parseUpstream(entry)))
		.join(", ");
}
