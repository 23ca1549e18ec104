// The commands of `pocketllm users` by name, flag and example. No module of theirs is loaded here.

import type { Command } from "commander";
import { type Add, withPassword } from "./adding.ts";

const WHO = "an e-mail address or an id";

export const USERS_EXAMPLES = [
	["pocketllm users list", "who has an account"],
	["pocketllm users invite", "a link that makes one account"],
	["pocketllm users reset-password ada@example.org", "a link for a new password"],
	["pocketllm users disable ada@example.org", "nobody signs in with it any more"],
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

	addInvitations(add);

	withPassword(
		withWho(
			add(
				"reset-password",
				"Print a link for a new password, or set one.",
				async () => (await import("./commands/users/reset-password.ts")).resetPassword,
				[
					["pocketllm users reset-password ada@example.org", "a link to pass on, good once"],
					["pocketllm users reset-password ada@example.org --generate-password", "sets and prints one; every login ends"],
				],
			),
		).option("--expires <duration>", "how long the link is good, up to 7d (default: 1d)"),
	);

	addChanges(add);

	withWho(
		add("logins", "Show where somebody is signed in.", async () => (await import("./commands/users/logins.ts")).logins, [
			["pocketllm users logins ada@example.org", "devices, addresses, last use"],
		]),
	);

	withYes(
		withWho(
			add("logout", "Sign somebody out, everywhere or in one place.", async () => (await import("./commands/users/logout.ts")).logout, [
				["pocketllm users logout ada@example.org", "everywhere; asks first"],
				["pocketllm users logout ada@example.org --login 6b041e0141cb1347a28169c9", "one login, by its id"],
			]),
		).option("--login <id>", "only this login"),
	);

	withWho(
		add(
			"export",
			"Write everything that is stored about somebody to a new file.",
			async () => (await import("./commands/users/export.ts")).exportPerson,
			[["pocketllm users export ada@example.org ada.json", "one JSON document"]],
		),
	).argument("<file>", "the file to make");

	withYes(
		withWho(
			add(
				"delete",
				"Delete an account with everything that belongs to it.",
				async () => (await import("./commands/users/delete.ts")).deletePerson,
				[
					["pocketllm users delete ada@example.org", "asks first"],
					["pocketllm users delete ada@example.org --export ada.json --yes", "a copy first, no question"],
				],
			),
		).option("--export <file>", "write everything to this new file first"),
	);
}

function addInvitations(add: Add): void {
	add("invite", "Print a link with which one person makes an account.", async () => (await import("./commands/users/invite.ts")).invite, [
		["pocketllm users invite --note 'for Grace'", "good for 7 days"],
		["pocketllm users invite --expires 1d", "good for one"],
	])
		.option("--note <text>", "whom it is for, for the list of invitations")
		.option("--expires <duration>", "how long it is good, up to 90d (default: 7d)");

	add(
		"invitations",
		"List the invitations that can still be used.",
		async () => (await import("./commands/users/invitations.ts")).invitations,
		[["pocketllm users invitations", "never the links themselves"]],
	);

	add(
		"revoke-invitation",
		"Refuse an invitation from now on.",
		async () => (await import("./commands/users/revoke-invitation.ts")).revokeInvitation,
		[["pocketllm users revoke-invitation 6b041e0841cb1347a28169d7", "by what the list shows"]],
	).argument("<id>", "the invitation's id");
}

function addChanges(add: Add): void {
	const load = () => import("./commands/users/change.ts");
	withYes(
		withWho(
			add("disable", "Refuse logins, tokens and keys of an account.", async () => (await load()).disable, [
				["pocketllm users disable ada@example.org", "asks first; nothing is deleted"],
			]),
		),
	);
	withWho(
		add("enable", "Let an account sign in again.", async () => (await load()).enable, [
			["pocketllm users enable ada@example.org", "with a new login"],
		]),
	);
	withWho(
		add("promote", "Make somebody an administrator.", async () => (await load()).promote, [
			["pocketllm users promote ada@example.org", "at once"],
		]),
	);
	withYes(
		withWho(
			add("demote", "Take an administrator's rights, never the last one's.", async () => (await load()).demote, [
				["pocketllm users demote ada@example.org", "at once; asks first"],
			]),
		),
	);
}

function withWho(command: Command): Command {
	return command.argument("<who>", WHO);
}

function withYes(command: Command): Command {
	return command.option("--yes", "do not ask for confirmation");
}
