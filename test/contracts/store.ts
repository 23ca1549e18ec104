// The suite that every driver of src/ports/store.ts runs. A driver's test file calls `storeContract` with a way to make a store on empty data.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Store } from "../../src/ports/store.ts";
import { adminContract } from "./store/admin.ts";
import { auditContract } from "./store/audit.ts";
import { invitationContract } from "./store/invitations.ts";
import { keyContract } from "./store/keys.ts";
import { loginContract } from "./store/logins.ts";
import { messageContract } from "./store/messages.ts";
import { peopleContract } from "./store/people.ts";
import { progressContract } from "./store/progress.ts";
import { aUser, expectCode, type StoreUnderTest } from "./store/samples.ts";
import { sessionContract } from "./store/sessions.ts";
import { turnContract } from "./store/turns.ts";
import { userContract } from "./store/users.ts";
import { versionContract } from "./store/versions.ts";

export type { StoreUnderTest } from "./store/samples.ts";

/** What a part of the suite works with: the store of the running test. */
export type Current = { readonly store: Store } & Pick<StoreUnderTest, "another" | "bury">;

/** Runs the whole suite; `make` is called before each test. */
export function storeContract(name: string, make: () => Promise<StoreUnderTest>): void {
	describe(`${name} keeps the promises of the store`, () => {
		let made: StoreUnderTest;
		beforeEach(async () => {
			made = await make();
		});
		afterEach(async () => {
			await made.end();
		});
		const current: Current = {
			get store() {
				return made.store;
			},
			another: () => made.another(),
			bury: () => made.bury(),
		};
		userContract(current);
		loginContract(current);
		invitationContract(current);
		peopleContract(current);
		sessionContract(current);
		turnContract(current);
		versionContract(current);
		progressContract(current);
		messageContract(current);
		adminContract(current);
		auditContract(current);
		keyContract(current);
		lifeContract(current);
	});
}

function lifeContract(current: Current): void {
	describe("check and close", () => {
		test("check resolves while the store works, also many at once", async () => {
			await Promise.all(Array.from({ length: 20 }, () => current.store.check()));
			expect(current.store.kind).toMatch(/^[a-z]+$/);
		});

		test("close waits for writes under way; they are there afterwards", async () => {
			const other = await current.another();
			const users = Array.from({ length: 50 }, () => aUser());
			const writes = Promise.all(users.map((user) => other.createUser(user)));
			await other.close();
			await writes;
			expect((await current.store.findUsers({ skip: 0, limit: 1 })).total).toBe(50);
		});

		test("a closed store refuses reads, writes and checks with store_unavailable, and closes twice without harm", async () => {
			const other = await current.another();
			await other.close();
			await other.close();
			await expectCode(other.createUser(aUser()), "store_unavailable");
			await expectCode(other.findUserByEmail("a@example.org"), "store_unavailable");
			await expectCode(other.check(), "store_unavailable");
		});
	});
}
