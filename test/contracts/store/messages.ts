// The store's suite: adding, listing and clearing messages, and text that is hard to keep.

import { describe, expect, test } from "bun:test";
import type { Message } from "../../../src/domain/message.ts";
import type { MessageWindow } from "../../../src/ports/store.ts";
import type { Current } from "../store.ts";
import { aMessage, anEnd, aSession, aTurn, expectCode, HOUR, NOON, newId, storedSession } from "./samples.ts";

export function messageContract(current: Current): void {
	describe("adding a message", () => {
		test("every member comes back, and the session shows it", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const message = aMessage(session, {
				role: "assistant",
				content: "Hi",
				createdAt: NOON + HOUR,
				status: "stopped",
				errorCode: "limit_reached",
				reasoning: "hm",
				model: "smol",
				generationId: newId(),
				clientMessageId: "mine",
				finishReason: "length",
				usage: { completionTokens: 0 },
				timings: { totalMs: 1.5 },
			});
			await store.appendMessage(message);
			expect(await store.findMessages(session.id, { newest: 10 })).toEqual({ messages: [message], total: 1 });
			expect(await store.findSession(session.id, session.userId)).toEqual({
				...session,
				messageCount: 1,
				lastMessage: "Hi",
				lastMessageAt: NOON + HOUR,
				updatedAt: NOON + HOUR,
			});
		});

		test("needs a session; the client's own id stands once", async () => {
			const { store } = current;
			const session = await storedSession(store);
			await expectCode(store.appendMessage(aMessage(aSession(session.userId))), "session_not_found");
			await store.appendMessage(aMessage(session, { clientMessageId: "mine" }));
			await expectCode(store.appendMessage(aMessage(session, { clientMessageId: "mine" })), "message_id_conflict");
			expect((await store.findMessages(session.id, { newest: 10 })).total).toBe(1);
		});

		test("100 at the same time are all there, and the count is exact", async () => {
			const { store } = current;
			const other = await current.another();
			const session = await storedSession(store);
			await Promise.all(Array.from({ length: 100 }, (_, turn) => (turn % 2 === 0 ? store : other).appendMessage(aMessage(session))));
			await other.close();
			const { messages, total } = await store.findMessages(session.id, { newest: 500 });
			expect([messages.length, total]).toEqual([100, 100]);
			expect(new Set(messages.map((message) => message.id)).size).toBe(100);
		});
	});

	describe("windows of a session's messages", () => {
		test("stand oldest first in the order of writing, whatever the clock said", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const made: Message[] = [];
			for (let number = 0; number < 10; number += 1) {
				const message = aMessage(session, { content: `${number}`, createdAt: NOON - number * HOUR });
				made.push(message);
				await store.appendMessage(message);
			}
			const look = async (window: MessageWindow) => {
				const page = await store.findMessages(session.id, window);
				expect(page.total).toBe(10);
				return page.messages.map((message) => message.content).join("");
			};
			const id = (number: number) => made[number]?.id ?? newId();
			expect(await look({ offset: 0, limit: 4 })).toBe("0123");
			expect(await look({ offset: 8, limit: 4 })).toBe("89");
			expect(await look({ offset: 10, limit: 4 })).toBe("");
			expect(await look({ newest: 3 })).toBe("789");
			expect(await look({ newest: 99 })).toBe("0123456789");
			expect(await look({ before: id(7), limit: 3 })).toBe("456");
			expect(await look({ before: id(2), limit: 3 })).toBe("01");
			expect(await look({ before: id(0), limit: 3 })).toBe("");
			expect(await look({ before: newId(), limit: 3 })).toBe("");
		});

		test("hold nothing of other sessions, also before one of their messages", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const neighbour = aSession(session.userId);
			await store.createSession(neighbour);
			const theirs = aMessage(neighbour);
			await store.appendMessage(aMessage(session));
			await store.appendMessage(theirs);
			expect((await store.findMessages(session.id, { newest: 10 })).messages).toHaveLength(1);
			expect(await store.findMessages(session.id, { before: theirs.id, limit: 10 })).toEqual({ messages: [], total: 1 });
			expect(await store.findMessages(newId(), { newest: 10 })).toEqual({ messages: [], total: 0 });
		});
	});

	describe("clearing the messages", () => {
		test("removes all of them, and the session is as new", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const turn = aTurn(session, { user: { clientMessageId: "t1" } });
			await store.beginTurn(turn);
			await store.finishAnswer(anEnd(turn.answer));
			await store.clearMessages(session.id, session.userId, NOON + HOUR);
			expect(await store.findMessages(session.id, { newest: 10 })).toEqual({ messages: [], total: 0 });
			expect(await store.findSession(session.id, session.userId)).toEqual({ ...session, updatedAt: NOON + HOUR });
			await store.beginTurn(aTurn(session, { user: { clientMessageId: "t1" } }));
			expect((await store.findMessages(session.id, { newest: 10 })).total).toBe(2);
		});

		test("is refused while an answer runs, and when there is no session", async () => {
			const { store } = current;
			const session = await storedSession(store);
			await store.beginTurn(aTurn(session));
			await expectCode(store.clearMessages(session.id, session.userId, NOON), "generation_in_progress");
			expect((await store.findMessages(session.id, { newest: 10 })).total).toBe(2);
			await expectCode(store.clearMessages(newId(), session.userId, NOON), "session_not_found");
		});
	});

	describe("text that is hard to keep", () => {
		test("NUL, control characters, emoji, right-to-left and a megabyte come back as they were", async () => {
			const { store } = current;
			const session = await storedSession(store);
			const texts = [
				"\0",
				"a\0b\0",
				"\u0001\u001f\r\n\t\u2028",
				"👩‍👩‍👧‍👦🦊",
				"\u202eשלום",
				"\ufeffBOM",
				"'\";--",
				"%_$where",
				"x".repeat(1_048_576),
			];
			for (const content of texts) await store.appendMessage(aMessage(session, { content, reasoning: content }));
			const { messages } = await store.findMessages(session.id, { newest: 50 });
			expect(messages.map((message) => message.content)).toEqual(texts);
			expect(messages.map((message) => message.reasoning)).toEqual(texts);
		});

		test("half of a surrogate pair fails nothing and harms no neighbour; it becomes U+FFFD", async () => {
			const { store } = current;
			const session = await storedSession(store);
			await store.appendMessage(aMessage(session, { content: "before" }));
			await store.appendMessage(aMessage(session, { content: "a\ud800b\udc00" }));
			await store.appendMessage(aMessage(session, { content: "after" }));
			const { messages } = await store.findMessages(session.id, { newest: 3 });
			expect(messages.map((message) => message.content)).toEqual(["before", "a\ufffdb\ufffd", "after"]);
		});

		test("a preview never ends in half a character", async () => {
			const { store } = current;
			const session = await storedSession(store);
			await store.appendMessage(aMessage(session, { content: `${"x".repeat(199)}🦊` }));
			expect((await store.findSession(session.id, session.userId))?.lastMessage).toBe("x".repeat(199));
		});
	});
}
