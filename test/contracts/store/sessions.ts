// The store's suite: sessions and their lists.

import { describe, expect, test } from "bun:test";
import type { SessionQuery, Store } from "../../../src/ports/store.ts";
import type { Current } from "../store.ts";
import { aMessage, anEnd, aSession, aTurn, aUser, expectCode, HOUR, NOON, newId, storedSession } from "./samples.ts";

async function titles(store: Store, query: Partial<SessionQuery> & Pick<SessionQuery, "userId">): Promise<string[]> {
	const page = await store.findSessions({ sortBy: "title", sortOrder: "asc", skip: 0, limit: 100, ...query });
	return page.items.map((session) => session.title);
}

export function sessionContract(current: Current): void {
	describe("sessions", () => {
		test("a session comes back exactly as stored", async () => {
			const { store } = current;
			const plain = await storedSession(store);
			const full = aSession(plain.userId, {
				title: "Grüße 🦊 \0 '; DROP TABLE sessions; --",
				metadata: { a: [1, 2.5, null, true], b: { c: "\ud800", "d.e": 1 }, $set: { x: 1 }, toString: "x" },
				model: "smol",
				systemPrompt: "Be short.",
				lastMessage: "x".repeat(200),
				lastMessageAt: NOON,
				messageCount: 0,
			});
			await store.createSession(full);
			expect(await store.findSession(plain.id, plain.userId)).toEqual(plain);
			expect(await store.findSession(full.id, full.userId)).toEqual(full);
		});

		test("another person's session is not found, changed, cleared or deleted", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const stranger = aUser();
			await store.createUser(stranger);
			expect(await store.findSession(session.id, stranger.id)).toBeUndefined();
			await expectCode(store.updateSession(session.id, stranger.id, { title: "mine" }, NOON + 1), "session_not_found");
			await expectCode(store.clearMessages(session.id, stranger.id, NOON + 1), "session_not_found");
			await expectCode(store.deleteSession(session.id, stranger.id), "session_not_found");
			expect(await store.findSession(session.id, session.userId)).toEqual(session);
			expect(await titles(store, { userId: stranger.id })).toEqual([]);
		});

		test("a change sets what it names and leaves the rest; an empty one changes nothing", async () => {
			const { store } = current;
			const session = await storedSession(store, { metadata: { a: 1 }, model: "smol", systemPrompt: "Be short." });
			expect(await store.updateSession(session.id, session.userId, {}, NOON + 1)).toEqual(session);
			const renamed = await store.updateSession(session.id, session.userId, { title: "Monads", systemPrompt: null }, NOON + 2);
			expect(renamed).toEqual({ ...session, title: "Monads", systemPrompt: null, updatedAt: NOON + 2 });
			const changed = await store.updateSession(session.id, session.userId, { metadata: null, model: null }, NOON + 3);
			expect(changed).toEqual({ ...renamed, metadata: null, model: null, updatedAt: NOON + 3 });
			expect(await store.findSession(session.id, session.userId)).toEqual(changed);
		});

		test("a session that is not there cannot be changed or deleted", async () => {
			const { store } = current;
			const user = newId();
			await expectCode(store.updateSession(newId(), user, { title: "x" }, NOON), "session_not_found");
			await expectCode(store.deleteSession(newId(), user), "session_not_found");
		});

		test("deleting a session removes its messages, also a running answer, and nothing of others", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const neighbour = aSession(session.userId);
			await store.createSession(neighbour);
			await store.appendMessage(aMessage(neighbour));
			const turn = aTurn(session, { user: { clientMessageId: "t1" } });
			await store.beginTurn(turn);
			await store.deleteSession(session.id, session.userId);
			expect(await store.findSession(session.id, session.userId)).toBeUndefined();
			expect(await store.findMessages(session.id, { newest: 10 })).toEqual({ messages: [], total: 0 });
			expect(await store.findTurn(session.id, "t1")).toBeUndefined();
			expect(await store.finishAnswer(anEnd(turn.answer))).toBe(false);
			await store.saveProgress([{ messageId: turn.answer.id, content: "late", reasoning: "" }]);
			expect((await store.findAllMessages({ skip: 0, limit: 10 })).total).toBe(1);
			expect((await store.findMessages(neighbour.id, { newest: 10 })).total).toBe(1);
			await expectCode(store.deleteSession(session.id, session.userId), "session_not_found");
		});
	});

	describe("a person's list of sessions", () => {
		test("sorts by creation, change and title in both directions, with ids deciding between equals", async () => {
			const { store } = current;
			const user = aUser();
			await store.createUser(user);
			const made = [
				aSession(user.id, { title: "b", createdAt: NOON + 3, updatedAt: NOON + 1 }),
				aSession(user.id, { title: "a", createdAt: NOON + 1, updatedAt: NOON + 3 }),
				aSession(user.id, { title: "d", createdAt: NOON + 2, updatedAt: NOON + 2 }),
				aSession(user.id, { title: "c", createdAt: NOON + 2, updatedAt: NOON + 2 }),
			];
			for (const session of made) await store.createSession(session);
			const { id: userId } = user;
			expect(await titles(store, { userId, sortBy: "createdAt" })).toEqual(["a", "d", "c", "b"]);
			expect(await titles(store, { userId, sortBy: "createdAt", sortOrder: "desc" })).toEqual(["b", "c", "d", "a"]);
			expect(await titles(store, { userId, sortBy: "updatedAt" })).toEqual(["b", "d", "c", "a"]);
			expect(await titles(store, { userId, sortBy: "updatedAt", sortOrder: "desc" })).toEqual(["a", "c", "d", "b"]);
			expect(await titles(store, { userId, sortBy: "title" })).toEqual(["a", "b", "c", "d"]);
			expect(await titles(store, { userId, sortBy: "title", sortOrder: "desc" })).toEqual(["d", "c", "b", "a"]);
		});

		test("sorts titles by their bytes", async () => {
			const { store } = current;
			const user = aUser();
			await store.createUser(user);
			for (const title of ["a", "Z", "é", "10", "9", "aa", "", "B"]) await store.createSession(aSession(user.id, { title }));
			expect(await titles(store, { userId: user.id })).toEqual(["", "10", "9", "B", "Z", "a", "aa", "é"]);
		});

		test("pages hold every session once, and the total is exact", async () => {
			const { store } = current;
			const user = aUser();
			await store.createUser(user);
			await storedSession(store);
			const made = Array.from({ length: 25 }, () => aSession(user.id));
			await Promise.all(made.map((session) => store.createSession(session)));
			const query = { userId: user.id, sortBy: "updatedAt", sortOrder: "desc", limit: 10 } as const;
			const pages = await Promise.all([0, 10, 20, 30].map((skip) => store.findSessions({ ...query, skip })));
			expect(pages.map((page) => page.items.length)).toEqual([10, 10, 5, 0]);
			expect(pages.map((page) => page.total)).toEqual([25, 25, 25, 25]);
			const seen = pages.flatMap((page) => page.items.map((session) => session.id));
			expect(new Set(seen)).toEqual(new Set(made.map((session) => session.id)));
			await store.deleteSession(made[0]?.id ?? newId(), user.id);
			expect((await store.findSessions({ ...query, skip: 0 })).total).toBe(24);
		});

		test("a session moves to the top of the list by change when something is written in it", async () => {
			const { store } = current;
			const user = aUser();
			await store.createUser(user);
			const old = aSession(user.id, { title: "old", updatedAt: NOON });
			await store.createSession(old);
			await store.createSession(aSession(user.id, { title: "young", updatedAt: NOON + 1 }));
			await store.appendMessage(aMessage(old, { createdAt: NOON + HOUR }));
			expect(await titles(store, { userId: user.id, sortBy: "updatedAt", sortOrder: "desc" })).toEqual(["old", "young"]);
		});
	});
}
