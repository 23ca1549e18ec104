// Invitations as administrators make, see and revoke them, in a shell or over HTTP. How one is used is the accounts feature's part.

import { PocketError } from "../domain/errors.ts";
import { parseId } from "../domain/id.ts";
import type { Invitation } from "../domain/invitation.ts";
import type { Actor, Audit } from "../ports/audit.ts";
import type { Clock } from "../ports/clock.ts";
import type { InvitationStore, Page, Range } from "../ports/store.ts";

export type InvitationDependencies = {
	readonly store: InvitationStore;
	readonly clock: Clock;
	readonly audit: Audit;
	/** Handed over from the accounts feature. */
	readonly newSecret: () => { readonly secret: string; readonly hash: string };
	/** The address in links, without a slash at its end. */
	readonly publicUrl: () => string;
	/** Whether anybody can sign up at all. */
	readonly signupIsClosed: boolean;
};

export type MadeInvitation = Invitation & {
	/** With the token, which is nowhere else from now on. */
	readonly link: string;
};

export type Invitations = ReturnType<typeof createInvitations>;

export const DAY_MS = 24 * 60 * 60 * 1000;
/** When nothing is said. */
export const INVITATION_DAYS = 7;
/** A link that nobody remembers must not stay good for ever. */
export const INVITATION_MAX_DAYS = 90;

export function createInvitations({ store, clock, audit, newSecret, publicUrl, signupIsClosed }: InvitationDependencies) {
	return {
		/** Good once. Codes: `signup_closed`. */
		make: async (wanted: { readonly note: string | null; readonly lifetimeMs: number }, actor: Actor): Promise<MadeInvitation> => {
			if (signupIsClosed) {
				throw new PocketError("signup_closed", {
					sentence: "With SIGNUP_MODE=closed nobody can use an invitation. Set it to invite, or make the account itself.",
				});
			}
			const { secret, hash } = newSecret();
			const now = clock.now();
			const note = wanted.note?.trim() || null;
			const invitation = { id: clock.newId(), note, createdBy: actor.byId ?? null, createdAt: now, expiresAt: now + wanted.lifetimeMs };
			await store.createInvitation(invitation, hash);
			audit.record({ action: "invite_made", ...actor, detail: invitation.id });
			return { ...invitation, link: `${publicUrl()}/invite#${secret}` };
		},

		/** Those that can still be used, newest first. */
		list: (range: Range): Promise<Page<Invitation>> => store.findInvitations(clock.now(), range),

		/** Codes: `invalid_id`, `invitation_not_found`. */
		revoke: async (text: string, actor: Actor): Promise<void> => {
			const id = parseId(text);
			if (id === undefined) throw new PocketError("invalid_id");
			await store.deleteInvitation(id);
			audit.record({ action: "invite_ended", ...actor, detail: id });
		},
	};
}
