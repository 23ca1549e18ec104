// The store's suite: invitations.

import { describe, expect, test } from "bun:test";
import type { Current } from "../store.ts";
import { anInvitation, aUser, DAY, expectCode, HOUR, NOON, newId, tally } from "./samples.ts";

const ALL = { skip: 0, limit: 10 };

export function invitationContract(current: Current): void {
	describe("invitations", () => {
		test("one makes one account, and is gone then", async () => {
			const { store } = current;
			const invitation = anInvitation();
			await store.createInvitation(invitation, "token");
			expect(await store.findInvitation("token", NOON)).toEqual(invitation);
			const guest = aUser();
			await store.createInvitedUser(guest, "token", NOON);
			expect(await store.findUserByEmail(guest.email)).toEqual(guest);
			expect(await store.findInvitation("token", NOON)).toBeUndefined();
			expect(await store.findInvitations(NOON, ALL)).toEqual({ items: [], total: 0 });
			await expectCode(store.createInvitedUser(aUser(), "token", NOON), "invalid_invitation");
		});

		test("20 guests at the same time, from two openings of the data: one gets in", async () => {
			const { store } = current;
			const other = await current.another();
			await store.createInvitation(anInvitation(), "token");
			const guests = Array.from({ length: 20 }, (_, turn) => (turn % 2 === 0 ? store : other).createInvitedUser(aUser(), "token", NOON));
			const { done, codes } = await tally(guests);
			await other.close();
			expect([done, new Set(codes)]).toEqual([1, new Set(["invalid_invitation"])]);
			expect((await store.findUsers(ALL)).total).toBe(1);
		});

		test("an address that is taken leaves the invitation for another try", async () => {
			const { store } = current;
			const anna = aUser();
			await store.createUser(anna);
			await store.createInvitation(anInvitation(), "token");
			await expectCode(store.createInvitedUser(aUser({ email: anna.email }), "token", NOON), "email_taken");
			await store.createInvitedUser(aUser(), "token", NOON);
		});

		test("an unknown, an ended and a revoked one are refused", async () => {
			const { store } = current;
			const [ended, revoked] = [anInvitation({ expiresAt: NOON + HOUR }), anInvitation()];
			await store.createInvitation(ended, "ended");
			await store.createInvitation(revoked, "revoked");
			await store.deleteInvitation(revoked.id);
			for (const token of ["never", "ended", "revoked"]) {
				expect(await store.findInvitation(token, NOON + HOUR)).toBeUndefined();
				await expectCode(store.createInvitedUser(aUser(), token, NOON + HOUR), "invalid_invitation");
			}
			await expectCode(store.deleteInvitation(revoked.id), "invitation_not_found");
			await expectCode(store.deleteInvitation(newId()), "invitation_not_found");
			await store.createInvitedUser(aUser(), "ended", NOON + HOUR - 1);
		});

		test("one is good only while who made it is an administrator who can act", async () => {
			const { store } = current;
			const [maker, other] = [aUser({ isAdmin: true }), aUser({ isAdmin: true })];
			await store.createUser(maker);
			await store.createUser(other);
			const invitation = anInvitation({ createdBy: maker.id });
			await store.createInvitation(invitation, "token");
			const isGood = async () => (await store.findInvitation("token", NOON)) !== undefined;
			expect(await isGood()).toBe(true);
			await store.setDisabled(maker.id, true, NOON);
			expect(await isGood()).toBe(false);
			await expectCode(store.createInvitedUser(aUser(), "token", NOON), "invalid_invitation");
			await store.setDisabled(maker.id, false, NOON);
			expect(await isGood()).toBe(true);
			await store.setAdmin(maker.id, false, NOON);
			expect(await isGood()).toBe(false);
			await store.setAdmin(maker.id, true, NOON);
			await store.deleteUser(maker.id);
			expect(await isGood()).toBe(false);
			await expectCode(store.deleteInvitation(invitation.id), "invitation_not_found");
		});

		test("those that have not ended are listed newest first; purging removes the others", async () => {
			const { store } = current;
			const ended = anInvitation({ expiresAt: NOON - 1 });
			const open = [anInvitation({ note: null }), anInvitation({ createdBy: newId() }), anInvitation()];
			await store.createInvitation(ended, "ended");
			for (const invitation of open) await store.createInvitation(invitation, invitation.id);
			const newestFirst = open.toReversed();
			expect(await store.findInvitations(NOON, ALL)).toEqual({ items: newestFirst, total: 3 });
			expect(await store.findInvitations(NOON, { skip: 1, limit: 1 })).toEqual({ items: newestFirst.slice(1, 2), total: 3 });
			await store.purgeLogins(NOON);
			await expectCode(store.deleteInvitation(ended.id), "invitation_not_found");
			expect((await store.findInvitations(NOON, ALL)).total).toBe(3);
			expect((await store.findInvitations(NOON + DAY, ALL)).total).toBe(0);
		});

		test("a guest who is deleted leaves no invitation behind", async () => {
			const { store } = current;
			await store.createInvitation(anInvitation(), "token");
			const guest = aUser();
			await store.createInvitedUser(guest, "token", NOON);
			await store.deleteUser(guest.id);
			await expectCode(store.createInvitedUser(aUser(), "token", NOON), "invalid_invitation");
		});
	});
}
