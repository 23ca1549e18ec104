// Puts together what administrators do with people, for both doors: the app over HTTP, and the commands of `pocketllm users`.

import { createInvitations } from "./admin/invitations.ts";
import { createPeople } from "./admin/people.ts";
import { createAccountMaker } from "./auth/accounts.ts";
import { createLogins } from "./auth/logins.ts";
import type { Passwords } from "./auth/passwords.ts";
import { hashSecret, newSecret } from "./auth/secrets.ts";
import type { AuthPolicy } from "./auth/service.ts";
import type { Id } from "./domain/id.ts";
import type { Audit } from "./ports/audit.ts";
import type { Clock } from "./ports/clock.ts";
import type { Store } from "./ports/store.ts";
import { createExporter } from "./users/export.ts";

export type AdministrationDependencies = {
	readonly store: Store;
	readonly clock: Clock;
	readonly audit: Audit;
	readonly passwords: Passwords;
	readonly policy: Pick<AuthPolicy, "refreshIdleTtl" | "signupMode" | "publicUrl">;
	/** Ends what this process generates for a person; another process notices by itself that the person is gone. */
	readonly stopGenerations: (userId: Id) => Promise<void>;
};

export type Administration = ReturnType<typeof composeAdministration>;

export function composeAdministration({ store, clock, audit, passwords, policy, stopGenerations }: AdministrationDependencies) {
	const { publicUrl } = policy;
	const accounts = createAccountMaker({ store, passwords, audit, clock });
	const logins = createLogins({ store, clock, idleMs: policy.refreshIdleTtl });
	const newHashedSecret = () => {
		const secret = newSecret();
		return { secret, hash: hashSecret(secret) };
	};
	return {
		logins,
		people: createPeople({
			store,
			clock,
			audit,
			hashNew: async (password) => {
				await accounts.requireGoodPassword(password, "body.password");
				return passwords.hash(password);
			},
			newSecret: newHashedSecret,
			findLogins: logins.find,
			endLogin: logins.end,
			endLogins: logins.endAll,
			stopGenerations,
			publicUrl,
		}),
		invitations: createInvitations({
			store,
			clock,
			audit,
			newSecret: newHashedSecret,
			publicUrl,
			signupIsClosed: policy.signupMode === "closed",
		}),
		exporter: createExporter({ store, clock, findLogins: logins.find }),
	};
}
