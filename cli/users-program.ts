// The commands of `pocketllm users` by name, flag and example. No module of theirs is loaded here.

import type { Command } from "commander";
import type { Add } from "./adding.ts";

const WHO = "an e-mail address or an id";

export const USERS_EXAMPLES = [
	["pocketllm users list", "who has an account"],
	["pocketllm users show ada@example.org", "one of them"],
] as const;

export function addUsers(add: Add): void {
	add("list", "List the people who have an account, newest first.", async () => (await import("./commands/users/list.ts")).list, [
		["pocketllm users list", "a line each"],
		["pocketllm users list --json", "for scripts"],
	]);

	withWho(
		add("show", "Show one account.", async () => (await import("./commands/users/show.ts")).show, [
			["pocketllm users show ada@example.org", "by its address"],
		]),
	);
}

function withWho(command: Command): Command {
	return command.argument("<who>", WHO);
}
