// `pocketllm users disable | enable | promote | demote WHO`. What takes something away asks first.

import { THIS_MACHINE } from "../../../src/domain/caller.ts";
import type { User } from "../../../src/domain/user.ts";
import { type Administration, administer } from "../../../src/wiring.ts";
import { type ConfirmOptions, confirm } from "../../confirm.ts";
import { personJson } from "../../people.ts";
import type { Shell } from "../../shell.ts";
import { plain } from "../../show.ts";

type Change = {
	readonly isSo: (user: User) => boolean;
	readonly act: (people: Administration["people"], user: User) => Promise<User>;
	readonly question?: (email: string) => string;
	readonly done: (email: string) => string;
	readonly wasSo: (email: string) => string;
};

const BY = { caller: THIS_MACHINE };

function command(change: Change) {
	return async (shell: Shell, options: ConfirmOptions, [who = ""]: readonly string[]): Promise<void> => {
		const { config } = await shell.settings();
		await administer(config, async ({ people }) => {
			const user = await people.find(who);
			const email = plain(user.email);
			const isSo = change.isSo(user);
			if (!isSo && change.question !== undefined) await confirm(change.question(email), options);
			const changed = isSo ? user : await change.act(people, user);
			shell.say(isSo ? change.wasSo(email) : change.done(email));
			if (shell.json) shell.give({ text: "", json: personJson(changed) });
		});
	};
}

export const disable = command({
	isSo: (user) => user.disabled,
	act: (people, user) => people.setDisabled(user, true, BY),
	question: (email) => `Disable ${email}? All logins end, and nobody can sign in with this account.`,
	done: (email) => `${email} is disabled: logins and keys are refused from now on, running answers end within five seconds.`,
	wasSo: (email) => `${email} was disabled already; nothing was changed.`,
});

export const enable = command({
	isSo: (user) => !user.disabled,
	act: (people, user) => people.setDisabled(user, false, BY),
	done: (email) => `${email} can sign in again.`,
	wasSo: (email) => `${email} was not disabled; nothing was changed.`,
});

export const promote = command({
	isSo: (user) => user.isAdmin,
	act: (people, user) => people.setAdmin(user, true, BY),
	done: (email) => `${email} is an administrator now.`,
	wasSo: (email) => `${email} was an administrator already; nothing was changed.`,
});

export const demote = command({
	isSo: (user) => !user.isAdmin,
	act: (people, user) => people.setAdmin(user, false, BY),
	question: (email) => `Take the administrator's rights from ${email}?`,
	done: (email) => `${email} is an ordinary user now.`,
	wasSo: (email) => `${email} was no administrator; nothing was changed.`,
});
