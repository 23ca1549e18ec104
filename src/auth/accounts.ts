// Making accounts: by signing up, by an administrator, on the shell. Logins are the service's part.

import { THIS_MACHINE } from "../domain/caller.ts";
import { PocketError } from "../domain/errors.ts";
import { emailProblem, normalizeEmail, type User } from "../domain/user.ts";
import type { Actor, Audit } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { LoginStore, UserStore } from "../ports/store.ts";
import type { Passwords } from "./passwords.ts";

export type Person = {
	readonly email: string;
	readonly password: string;
	readonly name?: string | null;
	readonly avatarUrl?: string | null;
};

export type AccountMaker = ReturnType<typeof createAccountMaker>;

export type AccountMakerDependencies = {
	readonly store: UserStore & LoginStore;
	readonly passwords: Passwords;
	readonly audit: Audit;
	readonly clock: Clock;
};

export function createAccountMaker({ store, passwords, audit, clock }: AccountMakerDependencies) {
	/** A new account's record. Codes: `validation_failed`, `weak_password`, `busy`. */
	const prepareUser = async (person: Person, isAdmin: boolean): Promise<User> => {
		const email = normalizeEmail(person.email);
		const badEmail = emailProblem(email);
		if (badEmail !== undefined)
			throw new PocketError("validation_failed", { sentence: badEmail, fields: [{ path: "body.email", message: badEmail }] });
		await requireGoodPassword(person.password, "body.password");
		const now = clock.now();
		return {
			id: clock.newId(),
			email,
			fullName: person.name?.trim() || null,
			avatarUrl: person.avatarUrl ?? null,
			passwordHash: await passwords.hash(person.password),
			isAdmin,
			disabled: false,
			createdAt: now,
			updatedAt: now,
		};
	};

	/** Codes: `weak_password`. */
	const requireGoodPassword = async (password: string, path: string): Promise<void> => {
		const problem = await passwords.problem(password);
		if (problem === undefined) return;
		throw new PocketError("weak_password", { sentence: `The password ${problem}.`, fields: [{ path, message: problem }] });
	};

	return {
		prepareUser,
		requireGoodPassword,

		/**
		 * The old gateway made this account with this published password an administrator at every start, so it stands in old databases.
		 * Found by its hash, it is disabled and demoted, even as the last administrator. Tells whether it did.
		 */
		lockOutPublishedAccount: async (): Promise<boolean> => {
			const user = await store.findUserByEmail("demo@pocketllm.com");
			if (user === undefined || (user.disabled && !user.isAdmin)) return false;
			if (!(await passwords.verify("demo123", user.passwordHash))) return false;
			await store.lockOut(user.id, clock.now());
			await store.revokeLogins(user.id, clock.now());
			audit.record({ action: "user_disabled", userId: user.id, caller: THIS_MACHINE, detail: "its password is published" });
			return true;
		},

		/** An account made by an administrator. Codes: `email_taken`, `weak_password`, `validation_failed`, `busy`. */
		createUser: async (person: Person, actor: Actor): Promise<User> => {
			if ((await store.findUserByEmail(normalizeEmail(person.email))) !== undefined) throw new PocketError("email_taken");
			const user = await prepareUser(person, false);
			await store.createUser(user);
			audit.record({ action: "user_created", userId: user.id, ...actor });
			return user;
		},

		/** An administrator made on the shell: a new account, or the rights for one that is there. Codes: `email_taken` unless `promote`, `weak_password`, … */
		createAdmin: async (
			person: Omit<Person, "password"> & { readonly password: string | null },
			promote: boolean,
		): Promise<{ user: User; outcome: "created" | "promoted" | "unchanged" }> => {
			const known = await store.findUserByEmail(normalizeEmail(person.email));
			if (known !== undefined) {
				if (!promote)
					throw new PocketError("email_taken", {
						sentence: "There is an account with this address already; --promote makes it an administrator.",
					});
				if (known.isAdmin) return { user: known, outcome: "unchanged" };
				const promoted = await store.setAdmin(known.id, true, clock.now());
				audit.record({ action: "user_promoted", userId: known.id, caller: THIS_MACHINE });
				return { user: promoted, outcome: "promoted" };
			}
			if (person.password === null)
				throw new PocketError("user_not_found", { sentence: "There is no account with this address; leave --promote out to make one." });
			const user = await prepareUser({ ...person, password: person.password }, true);
			await store.createUser(user);
			audit.record({ action: "user_created", userId: user.id, caller: THIS_MACHINE, detail: "administrator" });
			return { user, outcome: "created" };
		},
	};
}
