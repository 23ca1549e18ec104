// The store's suite: beginning a turn and ending its answer.

import { describe, expect, test } from "bun:test";
import type { Current } from "../store.ts";
import { aMessage, anEnd, aSession, aTurn, expectCode, HOUR, MINUTE, NOON, newId, storedSession, tally } from "./samples.ts";

export function turnContract(current: Current): void {
	describe("beginning a turn", () => {
		test("stores both messages and what the session shows of them", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const turn = aTurn(session, { user: { content: "é".repeat(300), createdAt: NOON + HOUR, clientMessageId: "t1" } });
			await store.beginTurn(turn);
			expect(await store.findMessages(session.id, { newest: 10 })).toEqual({ messages: [turn.userMessage, turn.answer], total: 2 });
			expect(await store.findSession(session.id, session.userId)).toEqual({
				...session,
				messageCount: 2,
				lastMessage: "é".repeat(200),
				lastMessageAt: NOON + HOUR,
				updatedAt: NOON + HOUR,
			});
			expect(await store.findTurn(session.id, "t1")).toEqual(turn);
		});

		test("needs a session", async () => {
			const { store } = current;
			await expectCode(store.beginTurn(aTurn(aSession(newId()))), "session_not_found");
			expect((await store.findAllMessages({ skip: 0, limit: 10 })).total).toBe(0);
		});

		test("waits for the end of the answer before: the refused turn leaves nothing behind", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const first = aTurn(session);
			await store.beginTurn(first);
			await expectCode(store.beginTurn(aTurn(session)), "generation_in_progress");
			expect((await store.findMessages(session.id, { newest: 10 })).total).toBe(2);
			expect((await store.findSession(session.id, session.userId))?.messageCount).toBe(2);
			expect(await store.finishAnswer(anEnd(first.answer))).toBe(true);
			await store.beginTurn(aTurn(session));
			expect((await store.findMessages(session.id, { newest: 10 })).total).toBe(4);
		});

		test("10 at the same time in one session, from two openings: one wins", async () => {
			const { store } = current;
			const other = await current.another();
			const session = await storedSession(store);
			const { done, codes } = await tally(
				Array.from({ length: 10 }, (_, turn) => (turn % 2 === 0 ? store : other).beginTurn(aTurn(session))),
			);
			await other.close();
			expect(done).toBe(1);
			expect(new Set(codes)).toEqual(new Set(["generation_in_progress"]));
			const { messages, total } = await store.findMessages(session.id, { newest: 50 });
			expect([messages.length, total]).toEqual([2, 2]);
		});

		test("10 at the same time with the client's own id: one wins, the others learn that it is used", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const turns = Array.from({ length: 10 }, () => aTurn(session, { user: { clientMessageId: "same" } }));
			const { done, codes } = await tally(turns.map((turn) => store.beginTurn(turn)));
			expect(done).toBe(1);
			expect(new Set(codes)).toEqual(new Set(["message_id_conflict"]));
			expect((await store.findMessages(session.id, { newest: 50 })).total).toBe(2);
		});

		test("the client's own id stands once in a session, also after the end; in another session it is free", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const turn = aTurn(session, { user: { clientMessageId: "t1" } });
			await store.beginTurn(turn);
			await store.finishAnswer(anEnd(turn.answer));
			await expectCode(store.beginTurn(aTurn(session, { user: { clientMessageId: "t1" } })), "message_id_conflict");
			const neighbour = aSession(session.userId);
			await store.createSession(neighbour);
			await store.beginTurn(aTurn(neighbour, { user: { clientMessageId: "t1" } }));
		});

		test("turns of different sessions do not hinder one another", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const sessions = Array.from({ length: 30 }, () => aSession(session.userId));
			await Promise.all(sessions.map((one) => store.createSession(one)));
			await Promise.all(sessions.map((one) => store.beginTurn(aTurn(one))));
			expect((await store.findAllMessages({ skip: 0, limit: 1 })).total).toBe(60);
		});
	});

	describe("finding a turn", () => {
		test("gives the turn of that id with its answer as it is now, among others", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const turns = ["a", "b", "c"].map((clientMessageId) => aTurn(session, { user: { clientMessageId } }));
			for (const turn of turns) {
				await store.beginTurn(turn);
				await store.finishAnswer(anEnd(turn.answer, { content: `to ${turn.userMessage.clientMessageId}` }));
			}
			const found = await store.findTurn(session.id, "b");
			expect(found?.userMessage).toEqual(turns[1]?.userMessage);
			expect(found?.answer).toMatchObject({ id: turns[1]?.answer.id, content: "to b", status: "sent" });
		});

		test("finds nothing for an unknown id, another session, or a message without an answer", async () => {
			const { store } = current;
			const session = await storedSession(store);
			await store.appendMessage(aMessage(session, { clientMessageId: "alone" }));
			expect(await store.findTurn(session.id, "never")).toBeUndefined();
			expect(await store.findTurn(session.id, "alone")).toBeUndefined();
			expect(await store.findTurn(newId(), "alone")).toBeUndefined();
		});
	});

	describe("ending an answer", () => {
		test("stores everything that is known of it, and the session shows it", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const { userMessage, answer } = aTurn(session);
			await store.beginTurn({ userMessage, answer });
			const end = anEnd(answer, { content: "x".repeat(250), reasoning: "hm", status: "interrupted", errorCode: "limit_reached" });
			expect(await store.finishAnswer(end)).toBe(true);
			const { messages } = await store.findMessages(session.id, { newest: 1 });
			const { messageId: _, now, ...stored } = end;
			expect(messages).toEqual([{ ...answer, ...stored }]);
			expect(await store.findSession(session.id, session.userId)).toMatchObject({
				lastMessage: "x".repeat(200),
				lastMessageAt: now,
				updatedAt: now,
				messageCount: 2,
			});
		});

		test("counts once: later ends change nothing", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const turn = aTurn(session);
			await store.beginTurn(turn);
			const ends = Array.from({ length: 5 }, (_, step) => store.finishAnswer(anEnd(turn.answer, { content: `end ${step}` })));
			expect((await Promise.all(ends)).filter((counted) => counted)).toHaveLength(1);
			const before = await store.findMessages(session.id, { newest: 1 });
			expect(await store.finishAnswer(anEnd(turn.answer, { content: "late", status: "error", now: NOON + HOUR }))).toBe(false);
			expect(await store.findMessages(session.id, { newest: 1 })).toEqual(before);
			expect((await store.findSession(session.id, session.userId))?.updatedAt).toBe(NOON + MINUTE);
		});

		test("is refused for a message of another session, a person's message, and one that never was", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const turn = aTurn(session);
			await store.beginTurn(turn);
			expect(await store.finishAnswer(anEnd(turn.answer, { sessionId: newId() }))).toBe(false);
			expect(await store.finishAnswer(anEnd(turn.userMessage))).toBe(false);
			expect(await store.finishAnswer(anEnd(turn.answer, { messageId: newId() }))).toBe(false);
			expect((await store.findMessages(session.id, { newest: 1 })).messages[0]?.status).toBe("streaming");
		});

		test("with no text leaves the preview on the prompt", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const turn = aTurn(session, { user: { content: "the prompt" } });
			await store.beginTurn(turn);
			await store.finishAnswer(
				anEnd(turn.answer, { content: "", status: "error", errorCode: "upstream_unreachable", usage: null, timings: null }),
			);
			expect(await store.findSession(session.id, session.userId)).toMatchObject({
				lastMessage: "the prompt",
				lastMessageAt: NOON + MINUTE,
			});
		});
	});
}
