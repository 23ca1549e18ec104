// The store's suite: people and administrators.

import { describe, expect, test } from "bun:test";
import type { Current } from "../store.ts";
import { aUser, expectCode, HOUR, NOON, newId, tally } from "./samples.ts";

export function userContract(current: Current): void {
	describe("people", () => {
		test("a person comes back exactly as stored, by id and by address", async () => {
			const { store } = current;
			const plain = aUser({ fullName: null, avatarUrl: null });
			const full = aUser({ fullName: "Zoë 🦊\0", avatarUrl: "https://x/y.png", isAdmin: true, disabled: true, updatedAt: NOON + 1 });
			await store.createUser(plain);
			await store.createUser(full);
			expect(await store.findUserById(plain.id)).toEqual(plain);
			expect(await store.findUserById(full.id)).toEqual(full);
			expect(await store.findUserByEmail(full.email)).toEqual(full);
		});

		test("an unknown id or address finds nobody", async () => {
			expect(await current.store.findUserById(newId())).toBeUndefined();
			expect(await current.store.findUserByEmail("nobody@example.org")).toBeUndefined();
		});

		test("an address is taken once, also by 20 at the same time", async () => {
			const { store } = current;
			const email = "one@example.org";
			const { done, codes } = await tally(Array.from({ length: 20 }, () => store.createUser(aUser({ email }))));
			expect(done).toBe(1);
			expect(new Set(codes)).toEqual(new Set(["email_taken"]));
			await expectCode(store.createFirstAdmin(aUser({ email })), "email_taken");
			expect((await store.findUsers({ skip: 0, limit: 10 })).total).toBe(1);
		});

		test("lists people newest first, by the order of coming and not by the clock", async () => {
			const { store } = current;
			const users = [aUser({ createdAt: NOON }), aUser({ createdAt: NOON - HOUR }), aUser({ createdAt: NOON + HOUR })];
			for (const user of users) await store.createUser(user);
			const newestFirst = users.map((user) => user.id).reverse();
			const page = await store.findUsers({ skip: 0, limit: 2 });
			expect(page.items.map((user) => user.id)).toEqual(newestFirst.slice(0, 2));
			expect(page.total).toBe(3);
			const rest = await store.findUsers({ skip: 2, limit: 2 });
			expect(rest.items.map((user) => user.id)).toEqual(newestFirst.slice(2));
			expect((await store.findUsers({ skip: 9, limit: 2 })).items).toEqual([]);
		});

		test("a change sets what it names and leaves the rest", async () => {
			const { store } = current;
			const user = aUser({ avatarUrl: "https://x/y.png" });
			await store.createUser(user);
			const changed = await store.updateUser(user.id, { fullName: null }, NOON + HOUR);
			expect(changed).toEqual({ ...user, fullName: null, updatedAt: NOON + HOUR });
			expect(await store.findUserById(user.id)).toEqual(changed);
			const again = await store.updateUser(user.id, { avatarUrl: null }, NOON + 2 * HOUR);
			expect(again).toEqual({ ...changed, avatarUrl: null, updatedAt: NOON + 2 * HOUR });
		});

		test("a person who is not there cannot be changed", async () => {
			const { store } = current;
			await expectCode(store.updateUser(newId(), { fullName: "x" }, NOON), "user_not_found");
			await expectCode(store.setAdmin(newId(), true, NOON), "user_not_found");
			await expectCode(store.setAdmin(newId(), false, NOON), "user_not_found");
			for (const disabled of [true, false]) await expectCode(store.setDisabled(newId(), disabled, NOON), "user_not_found");
			await expectCode(store.setPassword(newId(), "hash", NOON), "user_not_found");
			await expectCode(store.deleteUser(newId()), "user_not_found");
			await expectCode(store.lockOut(newId(), NOON), "user_not_found");
		});

		test("two changes of different members at the same time are both kept", async () => {
			const { store } = current;
			const user = aUser();
			await store.createUser(user);
			await Promise.all([
				store.updateUser(user.id, { fullName: "New" }, NOON + 1),
				store.updateUser(user.id, { avatarUrl: "https://new" }, NOON + 1),
			]);
			expect(await store.findUserById(user.id)).toMatchObject({ fullName: "New", avatarUrl: "https://new" });
		});
	});

	describe("administrators", () => {
		test("the first administrator is made once", async () => {
			const { store } = current;
			const first = aUser({ isAdmin: true });
			await store.createFirstAdmin(first);
			expect(await store.findUserById(first.id)).toEqual(first);
			await expectCode(store.createFirstAdmin(aUser({ isAdmin: true })), "setup_done");
			expect(await store.countAdmins()).toBe(1);
		});

		test("50 first claims at the same time, from two openings of the data, make one administrator", async () => {
			const { store } = current;
			const other = await current.another();
			const claims = Array.from({ length: 50 }, (_, turn) => (turn % 2 === 0 ? store : other).createFirstAdmin(aUser({ isAdmin: true })));
			const { done, codes } = await tally(claims);
			await other.close();
			expect(done).toBe(1);
			expect(new Set(codes)).toEqual(new Set(["setup_done"]));
			expect(await store.countAdmins()).toBe(1);
			expect((await store.findUsers({ skip: 0, limit: 1 })).total).toBe(1);
		});

		test("a person who has an account becomes the first administrator and keeps everything else", async () => {
			const { store } = current;
			const user = aUser();
			await store.createUser(user);
			await store.createFirstAdmin({ ...user, isAdmin: true, updatedAt: NOON + HOUR });
			expect(await store.findUserById(user.id)).toEqual({ ...user, isAdmin: true, updatedAt: NOON + HOUR });
			await expectCode(store.createFirstAdmin({ ...user, isAdmin: true }), "setup_done");
		});

		test("rights are given and taken, but never the last administrator's", async () => {
			const { store } = current;
			const [anna, bob] = [aUser({ isAdmin: true }), aUser()];
			await store.createUser(anna);
			await store.createUser(bob);
			await expectCode(store.setAdmin(anna.id, false, NOON + 1), "last_admin");
			expect(await store.setAdmin(bob.id, true, NOON + 2)).toEqual({ ...bob, isAdmin: true, updatedAt: NOON + 2 });
			expect(await store.countAdmins()).toBe(2);
			expect(await store.setAdmin(anna.id, false, NOON + 3)).toMatchObject({ isAdmin: false });
			await expectCode(store.setAdmin(bob.id, false, NOON + 4), "last_admin");
			expect(await store.setAdmin(anna.id, false, NOON + 5)).toMatchObject({ isAdmin: false });
		});

		test("two administrators who demote each other at the same time: one stays", async () => {
			const { store } = current;
			const admins = [aUser({ isAdmin: true }), aUser({ isAdmin: true })];
			for (const admin of admins) await store.createUser(admin);
			const { done, codes } = await tally(admins.map((admin) => store.setAdmin(admin.id, false, NOON)));
			expect(done).toBe(1);
			expect(codes).toEqual(["last_admin"]);
			expect(await store.countAdmins()).toBe(1);
		});

		test("a disabled administrator counts as none", async () => {
			const { store } = current;
			const [anna, bob] = [aUser({ isAdmin: true }), aUser({ isAdmin: true, disabled: true })];
			await store.createUser(anna);
			await store.createUser(bob);
			expect(await store.countAdmins()).toBe(1);
			await expectCode(store.setAdmin(anna.id, false, NOON), "last_admin");
		});

		test("a lock-out disables and demotes, even the last administrator; then there can be a first one again", async () => {
			const { store } = current;
			const demo = aUser({ isAdmin: true });
			await store.createUser(demo);
			expect(await store.lockOut(demo.id, NOON + 1)).toEqual({ ...demo, isAdmin: false, disabled: true, updatedAt: NOON + 1 });
			expect(await store.countAdmins()).toBe(0);
			await store.createFirstAdmin(aUser({ isAdmin: true }));
			expect(await store.countAdmins()).toBe(1);
		});
	});
}
