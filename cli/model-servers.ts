// The question of `init` about model servers: which are there, which models they offer, and which of them to keep. An entry is text as it
// stands in UPSTREAMS; it may hold a key, and is only ever shown through `describeUpstream`.

import { describeUpstream, entryProblem, parseUpstream, type UpstreamSetting } from "../src/config/upstreams.ts";
import { SettingProblem } from "../src/config/values.ts";
import { PocketError } from "../src/domain/errors.ts";
import { inspectUpstream, probeLocalUpstreams } from "../src/wiring.ts";
import { askChoice, askChoices, askSecret, askText, askYesNo } from "./prompts.ts";
import { entryOf, plain } from "./show.ts";

const FLAGS = "--upstream or --no-upstream";

/** What a look at a model server shows, in a few words: its models, or why there is no answer. Never rejects. */
async function look(setting: UpstreamSetting): Promise<{ readonly answers: boolean; readonly words: string }> {
	try {
		const { models } = await inspectUpstream(setting);
		if (models.length === 0) return { answers: true, words: "answers, but offers no model yet" };
		const names = models.slice(0, 3).map(({ id }) => plain(id).slice(0, 40));
		const more = models.length > names.length ? ` and ${models.length - names.length} more` : "";
		return { answers: true, words: `${models.length === 1 ? "1 model" : `${models.length} models`}: ${names.join(", ")}${more}` };
	} catch (error) {
		const problem = entryProblem(setting, error);
		return { answers: false, words: problem ?? (error instanceof PocketError ? error.message : "It cannot be reached.") };
	}
}

/** What is found on the usual local ports, as entries. */
export async function findLocal(): Promise<readonly string[]> {
	return (await probeLocalUpstreams()).map(({ setting }) => entryOf(setting));
}

/** Looks at each and says what it offers. */
export async function describeEntries(entries: readonly string[]): Promise<readonly string[]> {
	return Promise.all(
		entries.map(async (entry) => {
			const setting = parseUpstream(entry);
			return `${describeUpstream(setting)} — ${(await look(setting)).words}`;
		}),
	);
}

/** Asks which of the present and the found ones to keep, and for more. */
export async function askModelServers(present: readonly string[], say: (line: string) => void): Promise<readonly string[]> {
	say("Looking for model servers on the usual local ports…");
	const address = (entry: string) => parseUpstream(entry).baseUrl;
	const found = (await findLocal()).filter((entry) => !present.some((known) => address(known) === address(entry)));
	const candidates = [...present, ...found];
	const entries = candidates.length === 0 ? [] : [...(await askWhich(candidates, present.length > 0 ? present : found))];
	if (candidates.length === 0) say("None was found. The server looks again each time it starts.");
	while (
		await askYesNo({
			message: entries.length === 0 ? "Name a model server by its URL?" : "Name another model server by its URL?",
			what: "the model servers",
			flag: FLAGS,
			initial: false,
		})
	) {
		const entry = await askEntry();
		const setting = parseUpstream(entry);
		const { answers, words } = await look(setting);
		say(`${describeUpstream(setting)} — ${words}`);
		const keep = answers || (await askYesNo({ message: "Keep it anyway?", what: "the model servers", flag: FLAGS, initial: false }));
		if (keep && !entries.includes(entry)) entries.push(entry);
	}
	return entries;
}

async function askWhich(candidates: readonly string[], initial: readonly string[]): Promise<readonly string[]> {
	const choices = await Promise.all(
		candidates.map(async (entry) => {
			const setting = parseUpstream(entry);
			return { value: entry, label: describeUpstream(setting), hint: (await look(setting)).words };
		}),
	);
	return askChoices({
		message: "Which model servers? (space marks, Enter goes on)",
		what: "the model servers",
		flag: FLAGS,
		choices,
		initial,
	});
}

async function askEntry(): Promise<string> {
	const kind = await askChoice({
		message: "What kind of server is it?",
		what: "the model servers",
		flag: FLAGS,
		choices: [
			{ value: "openai", label: "OpenAI-compatible", hint: "llama.cpp, vLLM, LM Studio, …; its URL ends in /v1" },
			{ value: "ollama", label: "Ollama" },
			{ value: "model-management", label: "Model-management service" },
		],
		initial: "openai",
	});
	const url = await askText({
		message: "Its URL",
		what: "the model servers",
		flag: FLAGS,
		placeholder: kind === "ollama" ? "http://localhost:11434" : kind === "openai" ? "http://localhost:8080/v1" : "http://host:8000/api/v1",
		validate: (text) => problemOf(entryFor(kind, text)),
	});
	const setting = parseUpstream(entryFor(kind, url));
	const key =
		setting.kind === "openai" && setting.key === undefined
			? await askSecret({ message: "Its API key (Enter: none)", what: "the key", flag: "UPSTREAMS in the config file" })
			: "";
	return entryOf(key === "" ? setting : { ...setting, key });
}

/** What was typed as an entry: with the kind before it, as in the documentation, or without. A kind that was typed counts. */
function entryFor(kind: UpstreamSetting["kind"], typed: string): string {
	return /^[a-z-]+\+https?:/i.test(typed.trim()) ? typed.trim() : `${kind}+${typed.trim()}`;
}

function problemOf(entry: string): string | undefined {
	try {
		parseUpstream(entry);
		return undefined;
	} catch (error) {
		if (!(error instanceof SettingProblem)) throw error;
		return "That is no URL of a model server: it begins with http:// or https://.";
	}
}
