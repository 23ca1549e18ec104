// The store's suite: the text of running answers, and what a crash leaves.

import { describe, expect, test } from "bun:test";
import type { Id } from "../../../src/domain/id.ts";
import type { Message } from "../../../src/domain/message.ts";
import type { Store } from "../../../src/ports/store.ts";
import type { Current } from "../store.ts";
import { anEnd, aSession, aTurn, HOUR, NOON, newId, storedSession } from "./samples.ts";

async function runningAnswer(store: Store): Promise<Message> {
	const { answer } = aTurn(await storedSession(store));
	await store.beginTurn({ userMessage: { ...answer, id: newId(), role: "user", status: "sent", content: "Why?" }, answer });
	return answer;
}

async function stored(store: Store, answer: { readonly sessionId: Id }): Promise<Message | undefined> {
	return (await store.findMessages(answer.sessionId, { newest: 1 })).messages[0];
}

export function progressContract(current: Current): void {
	describe("progress", () => {
		test("each save leaves the whole text so far, text and reasoning apart", async () => {
			const { store } = current;
			const answer = await runningAnswer(store);
			const steps = [
				["", "Let me"],
				["", "Let me think"],
				["A mon", "Let me think."],
				["A monoid", "Let me think."],
				["A monoid", "Let me think."],
				["A monoid in 🦊\0é", "Let me think. Über"],
			] as const;
			for (const [content, reasoning] of steps) {
				await store.saveProgress([{ messageId: answer.id, content, reasoning }]);
				expect(await stored(store, answer)).toEqual({ ...answer, content, reasoning });
			}
		});

		test("no reasoning is stored as none", async () => {
			const { store } = current;
			const answer = await runningAnswer(store);
			await store.saveProgress([{ messageId: answer.id, content: "a", reasoning: "" }]);
			await store.saveProgress([{ messageId: answer.id, content: "ab", reasoning: "" }]);
			expect(await stored(store, answer)).toMatchObject({ content: "ab", reasoning: null });
		});

		test("saves that do not wait for one another end with the last text", async () => {
			const { store } = current;
			const answer = await runningAnswer(store);
			const text = "Ein Monoid in der Kategorie der Endofunktoren — 🦊🦊🦊 ".repeat(20);
			const saves = [];
			for (let length = 1; length <= text.length; length += 7)
				saves.push(store.saveProgress([{ messageId: answer.id, content: text.slice(0, length), reasoning: "" }]));
			saves.push(store.saveProgress([{ messageId: answer.id, content: text, reasoning: "" }]));
			await Promise.all(saves);
			expect((await stored(store, answer))?.content).toBe(text);
		});

		test("a text cut inside an emoji is whole again with the next save", async () => {
			const { store } = current;
			const answer = await runningAnswer(store);
			const fox = "fox 🦊";
			await store.saveProgress([{ messageId: answer.id, content: fox.slice(0, -1), reasoning: fox.slice(0, -1) }]);
			await store.saveProgress([{ messageId: answer.id, content: `${fox}!`, reasoning: fox }]);
			expect(await stored(store, answer)).toMatchObject({ content: `${fox}!`, reasoning: fox });
		});

		test("a text that starts over replaces the one before", async () => {
			const { store } = current;
			const answer = await runningAnswer(store);
			await store.saveProgress([{ messageId: answer.id, content: "first try", reasoning: "hm" }]);
			await store.saveProgress([{ messageId: answer.id, content: "2nd", reasoning: "" }]);
			expect(await stored(store, answer)).toMatchObject({ content: "2nd", reasoning: null });
			await store.saveProgress([{ messageId: answer.id, content: "2nd try", reasoning: "" }]);
			expect(await stored(store, answer)).toMatchObject({ content: "2nd try" });
		});

		test("answers that ended or are gone are passed over, the others are stored", async () => {
			const { store } = current;
			const [ended, running] = [await runningAnswer(store), await runningAnswer(store)];
			await store.finishAnswer(anEnd(ended, { content: "the end" }));
			const texts = [ended.id, newId(), running.id].map((messageId) => ({ messageId, content: "late", reasoning: "" }));
			await store.saveProgress(texts);
			await store.saveProgress(texts.map((text) => ({ ...text, content: "later" })));
			expect(await stored(store, ended)).toMatchObject({ content: "the end", status: "sent" });
			expect(await stored(store, running)).toMatchObject({ content: "later", status: "streaming" });
		});

		test("progress does not touch the session, and an empty save is fine", async () => {
			const { store } = current;
			const answer = await runningAnswer(store);
			const before = await store.findSession(answer.sessionId, answer.userId);
			await store.saveProgress([]);
			await store.saveProgress([{ messageId: answer.id, content: "text", reasoning: "" }]);
			expect(await store.findSession(answer.sessionId, answer.userId)).toEqual(before);
		});

		test("500 running answers are saved in one call", async () => {
			const { store } = current;
			const { userId } = await storedSession(store);
			const sessions = Array.from({ length: 500 }, () => aSession(userId));
			await Promise.all(sessions.map((session) => store.createSession(session)));
			const answers = await Promise.all(
				sessions.map(async (session) => {
					const turn = aTurn(session);
					await store.beginTurn(turn);
					return turn.answer;
				}),
			);
			for (const content of ["one", "one two"])
				await store.saveProgress(answers.map(({ id }, index) => ({ messageId: id, content: `${index} ${content}`, reasoning: "" })));
			const texts = await Promise.all(answers.map(async (answer) => (await stored(store, answer))?.content));
			expect(texts).toEqual(answers.map((_, index) => `${index} one two`));
		});

		test("another opening of the data sees what was saved", async () => {
			const { store } = current;
			const answer = await runningAnswer(store);
			await store.saveProgress([{ messageId: answer.id, content: "half", reasoning: "" }]);
			const other = await current.another();
			expect((await stored(other, answer))?.content).toBe("half");
			await other.saveProgress([{ messageId: answer.id, content: "half and half", reasoning: "" }]);
			await other.close();
			expect((await stored(store, answer))?.content).toBe("half and half");
			// What this opening believes to be stored is no longer so; the text must be right all the same.
			await store.saveProgress([{ messageId: answer.id, content: "half and more", reasoning: "" }]);
			expect((await stored(store, answer))?.content).toBe("half and more");
			await store.saveProgress([{ messageId: answer.id, content: "half and more.", reasoning: "" }]);
			expect((await stored(store, answer))?.content).toBe("half and more.");
		});
	});

	describe("repair after a crash", () => {
		test("what was left streaming becomes interrupted with the text that had been stored", async () => {
			const dying = current.store;
			const [answer, empty, ended] = [await runningAnswer(dying), await runningAnswer(dying), await runningAnswer(dying)];
			await dying.saveProgress([{ messageId: answer.id, content: "half an ans", reasoning: "hm" }]);
			await dying.finishAnswer(anEnd(ended));
			await current.bury();
			const store = await current.another();
			expect(await store.repairInterrupted(NOON + HOUR)).toBe(2);
			const interrupted = { status: "interrupted", errorCode: "interrupted" } as const;
			expect(await stored(store, answer)).toEqual({ ...answer, ...interrupted, content: "half an ans", reasoning: "hm" });
			expect(await stored(store, empty)).toEqual({ ...empty, ...interrupted });
			expect(await stored(store, ended)).toMatchObject({ status: "sent", errorCode: null });
			expect(await store.findSession(answer.sessionId, answer.userId)).toMatchObject({
				lastMessage: "half an ans",
				lastMessageAt: NOON + HOUR,
				updatedAt: NOON + HOUR,
				messageCount: 2,
			});
			expect(await store.findSession(empty.sessionId, empty.userId)).toMatchObject({ lastMessage: "Why?" });
			expect(await store.repairInterrupted(NOON + 2 * HOUR)).toBe(0);
			await store.close();
		});

		test("the session takes a new turn afterwards, and a late end of the old answer is refused", async () => {
			const session = await storedSession(current.store);
			const turn = aTurn(session);
			await current.store.beginTurn(turn);
			await current.bury();
			const store = await current.another();
			await store.repairInterrupted(NOON + HOUR);
			await store.beginTurn(aTurn(session));
			expect(await current.store.finishAnswer(anEnd(turn.answer))).toBe(false);
			await store.close();
		});
	});
}
