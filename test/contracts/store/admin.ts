// The store's suite: what administrators see.

import { describe, expect, test } from "bun:test";
import type { Current } from "../store.ts";
import { aMessage, aSession, aTurn, aUser, DAY, NOON } from "./samples.ts";

export function adminContract(current: Current): void {
	describe("metrics", () => {
		test("an empty store counts nothing", async () => {
			expect(await current.store.metrics({ active: 0, recent: 0 })).toEqual({
				users: 0,
				admins: 0,
				activeUsers: 0,
				sessions: 0,
				messages: 0,
				userMessages: 0,
				assistantMessages: 0,
				newUsers: 0,
				newSessions: 0,
				newMessages: 0,
			});
		});

		test("count everything, what is new, and who was active; deleted things no longer", async () => {
			const { store } = current;
			const old = NOON - 10 * DAY;
			const [anna, bob, carl] = [aUser({ isAdmin: true }), aUser({ createdAt: old }), aUser({ createdAt: old })];
			for (const user of [anna, bob, carl]) await store.createUser(user);
			const sessions = [
				aSession(anna.id),
				aSession(anna.id, { createdAt: old, updatedAt: NOON }),
				aSession(bob.id, { createdAt: old, updatedAt: old }),
				aSession(bob.id),
			] as const;
			for (const session of sessions) await store.createSession(session);
			await store.beginTurn(aTurn(sessions[0]));
			await store.appendMessage(aMessage(sessions[2], { createdAt: old }));
			await store.appendMessage(aMessage(sessions[2], { createdAt: old, role: "system" }));
			await store.appendMessage(aMessage(sessions[3]));
			const since = { active: NOON - 7 * DAY, recent: NOON - DAY };
			expect(await store.metrics(since)).toEqual({
				users: 3,
				admins: 1,
				activeUsers: 2,
				sessions: 4,
				messages: 5,
				userMessages: 3,
				assistantMessages: 1,
				newUsers: 1,
				newSessions: 2,
				newMessages: 3,
			});
			await store.deleteSession(sessions[3].id, bob.id);
			await store.deleteSession(sessions[0].id, anna.id);
			expect(await store.metrics(since)).toEqual({
				users: 3,
				admins: 1,
				activeUsers: 1,
				sessions: 2,
				messages: 2,
				userMessages: 1,
				assistantMessages: 0,
				newUsers: 1,
				newSessions: 0,
				newMessages: 0,
			});
		});
	});

	describe("lists of everything", () => {
		test("sessions and messages of everybody, newest first, with exact totals", async () => {
			const { store } = current;
			const [anna, bob] = [aUser(), aUser()];
			await store.createUser(anna);
			await store.createUser(bob);
			const sessions = [
				aSession(anna.id, { title: "1", createdAt: NOON + 9 }),
				aSession(bob.id, { title: "2" }),
				aSession(anna.id, { title: "3" }),
			];
			for (const session of sessions) {
				await store.createSession(session);
				await store.appendMessage(aMessage(session, { content: session.title }));
			}
			const first = await store.findAllSessions({ skip: 0, limit: 2 });
			expect([first.items.map((session) => session.title), first.total]).toEqual([["3", "2"], 3]);
			const last = await store.findAllSessions({ skip: 2, limit: 2 });
			expect(last.items.map((session) => session.title)).toEqual(["1"]);
			const messages = await store.findAllMessages({ skip: 1, limit: 5 });
			expect([messages.items.map((message) => message.content), messages.total]).toEqual([["2", "1"], 3]);
		});
	});
}
