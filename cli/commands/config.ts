// `pocketllm config`: the settings in force, where each came from, and no secret.

import { exposedSecrets } from "../../src/config/exposed.ts";
import { type LoadedConfig, OPTION_KEYS, type Origin } from "../../src/config/load.ts";
import { OPTIONS, type OptionKey } from "../../src/config/options.ts";
import { describeUpstream } from "../../src/config/upstreams.ts";
import type { Shell } from "../shell.ts";
import { showDuration, showRates, showSize } from "../show.ts";

const HIDDEN = "********";

export async function config(shell: Shell): Promise<void> {
	const loaded = await shell.settings();
	const settings = OPTION_KEYS.map((key) => ({ name: OPTIONS[key].name, value: showSetting(loaded, key), origin: originOf(loaded, key) }));
	const nameWidth = Math.max(...settings.map(({ name }) => name.length));
	const originWidth = Math.max(...settings.map(({ origin }) => origin.length));
	const rows = settings.map(({ name, value, origin }) =>
		`${name.padEnd(nameWidth)}  ${origin.padEnd(originWidth)}  ${value ?? ""}`.trimEnd(),
	);
	shell.give({ text: rows.join("\n"), json: { configFile: loaded.configFile, settings } });
	shell.say(`Config file: ${loaded.configFile}`);
	for (const sentence of exposedSecrets(loaded)) shell.say(sentence);
}

/** The data folder always has a value: without a setting, the one that the table's help describes. */
function originOf({ origins }: LoadedConfig, key: OptionKey): Origin {
	return key === "dataDir" && origins[key] === "unset" ? "default" : origins[key];
}

/** A setting as it would be typed, with what is secret in it hidden; `null` when it is unset. */
export function showSetting({ config: values }: Pick<LoadedConfig, "config">, key: OptionKey): string | null {
	switch (key) {
		case "upstreams":
			return values.upstreams.map(describeUpstream).join(", ");
		case "modelManagementUrl":
			return values.modelManagementUrl === undefined ? null : describeUpstream(values.modelManagementUrl).replace(/^[a-z-]+\+/, "");
		case "rateLimitGlobal":
		case "rateLimitLogin":
		case "rateLimitSignup":
		case "rateLimitChat":
			return showRates(values[key]);
	}
	const value: unknown = values[key];
	if (value === undefined) return null;
	const { secret, type } = OPTIONS[key];
	if (secret) return Array.isArray(value) && value.length === 0 ? "" : HIDDEN;
	switch (typeof value) {
		case "boolean":
			return value ? "yes" : "no";
		case "number":
			return type.form === "duration" ? showDuration(value) : type.form === "size" ? showSize(value) : String(value);
		case "string":
			return value.replace(/\/\/[^/@\s]*@/g, `//${HIDDEN}@`);
	}
	return Array.isArray(value) ? value.join(", ") : String(value);
}
