// The commands of `pocketllm keys` by name, flag and example. No module of theirs is loaded here.

import type { Add } from "./adding.ts";

const WHO = "whose keys: an e-mail address or an id";

export const KEYS_EXAMPLES = [
	["pocketllm keys create ada@example.org --name backup", "shown once"],
	["pocketllm keys list ada@example.org", "what there is, and when it was used"],
] as const;

/** `--scope read --scope chat` means both. */
const together = (scopes: string, before?: string): string => (before === undefined ? scopes : `${before},${scopes}`);

export function addKeys(add: Add): void {
	add("create", "Make a personal key for a script, and print it once.", async () => (await import("./commands/keys/create.ts")).create, [
		["pocketllm keys create ada@example.org --name backup --scope read", "good for 90 days"],
		["pocketllm keys create ada@example.org --name bot --expires never", "may read and chat, without an end"],
	])
		.argument("<who>", WHO)
		.requiredOption("--name <name>", "what the key is for")
		.option("--scope <scopes>", "read, chat, or both with a comma between (default: both)", together)
		.option("--expires <duration>", "how long it is good, such as 30d, or never (default: 90d)");

	add("list", "List a person's keys, newest first.", async () => (await import("./commands/keys/list.ts")).list, [
		["pocketllm keys list ada@example.org", "a line each; never the keys themselves"],
	]).argument("<who>", WHO);

	add("revoke", "Refuse a key from now on.", async () => (await import("./commands/keys/revoke.ts")).revoke, [
		["pocketllm keys revoke ada@example.org pk_h7Gk2x", "by what the list shows"],
		["pocketllm keys revoke ada@example.org --all", "every one of them"],
	])
		.argument("<who>", WHO)
		.argument("[key]", "the beginning of the key, or its id")
		.option("--all", "all keys of this person");
}
