// A person's own password: changed by whoever knows it, or set anew with a one-time link.

import type { Caller } from "../domain/caller.ts";
import { PocketError } from "../domain/errors.ts";
import { normalizeEmail, type User } from "../domain/user.ts";
import type { Audit } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { LoginStore, UserStore } from "../ports/store.ts";
import { createAccountMaker } from "./accounts.ts";
import type { Passwords } from "./passwords.ts";
import { hashSecret, newSecret } from "./secrets.ts";
import type { Authenticated, AuthPolicy } from "./service.ts";

export type OwnPassword = ReturnType<typeof createOwnPassword>;

export type OwnPasswordDependencies = {
	readonly store: UserStore & LoginStore;
	readonly passwords: Passwords;
	readonly audit: Audit;
	readonly clock: Clock;
	readonly log: Log;
	readonly policy: Pick<AuthPolicy, "resetLinksInLog" | "publicUrl">;
};

const RESET_LIFETIME_MS = 60 * 60 * 1000;

export function createOwnPassword({ store, passwords, audit, clock, log, policy }: OwnPasswordDependencies) {
	const { requireGoodPassword } = createAccountMaker({ store, passwords, audit, clock });

	/** Codes: `wrong_password`, `busy`. */
	const require = async (user: User, password: string, caller: Caller): Promise<void> => {
		if (await passwords.verify(password, user.passwordHash)) return;
		audit.record({ action: "login_failed", userId: user.id, byId: user.id, caller, detail: "wrong current password" });
		throw new PocketError("wrong_password");
	};

	const logResetLink = async (email: string, caller: Caller): Promise<void> => {
		const user = await store.findUserByEmail(email);
		if (user === undefined || user.disabled) return;
		const token = newSecret();
		await store.createResetToken(hashSecret(token), user.id, clock.now() + RESET_LIFETIME_MS);
		audit.record({ action: "reset_link_made", userId: user.id, caller, detail: "asked for, and written to the log" });
		log.warn(
			{ user: user.id, resetLink: `${policy.publicUrl()}/reset#${token}` },
			"a password reset was asked for; pass this link on to its owner (good for one hour)",
		);
	};

	return {
		require,

		/**
		 * Prepares a reset link, when the operator wants them in the log. In the background: the time that storing one takes must not tell the
		 * caller that there is such an account.
		 */
		requestReset: (email: string, caller: Caller): void => {
			if (!policy.resetLinksInLog) return;
			logResetLink(normalizeEmail(email), caller).catch((error: unknown) => log.error({ err: error }, "a reset link could not be made"));
		},

		/** Sets a new password with a reset token, once, and ends every login of that person. Codes: `invalid_reset_token`, `weak_password`. */
		confirmReset: async (token: string, newPassword: string, caller: Caller): Promise<void> => {
			await requireGoodPassword(newPassword, "body.newPassword");
			const userId = await store.resetPassword(hashSecret(token), await passwords.hash(newPassword), clock.now());
			audit.record({ action: "password_reset", userId, caller, detail: "with a link" });
		},

		/** Codes: `wrong_password`, `weak_password`, `busy`. Every other login of this person ends. */
		change: async ({ user, loginId }: Authenticated, currentPassword: string, newPassword: string, caller: Caller): Promise<void> => {
			await require(user, currentPassword, caller);
			await requireGoodPassword(newPassword, "body.newPassword");
			const passwordHash = await passwords.hash(newPassword);
			await store.changePassword({ userId: user.id, verifiedHash: user.passwordHash, passwordHash, keptLogin: loginId, now: clock.now() });
			audit.record({ action: "password_changed", userId: user.id, byId: user.id, caller });
		},
	};
}
