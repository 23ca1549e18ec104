// The store's suite: versions. What leaves the branch in force stays, and only `findVersions` and its kind show it.

import { describe, expect, test } from "bun:test";
import type { Turn } from "../../../src/ports/store.ts";
import type { Current } from "../store.ts";
import { aMessage, anEnd, aTurn, expectCode, newId, storedSession } from "./samples.ts";

export function versionContract(current: Current): void {
	describe("versions", () => {
		/** Two finished turns in a session. */
		async function twoTurns() {
			const { store } = current;
			const session = await storedSession(store);
			const turns: Turn[] = [];
			for (const clientMessageId of ["t1", "t2"]) {
				const turn = aTurn(session, { user: { clientMessageId } });
				await store.beginTurn(turn);
				await store.finishAnswer(anEnd(turn.answer, { content: `answer to ${clientMessageId}` }));
				turns.push(turn);
			}
			const [first, second] = turns;
			if (first === undefined || second === undefined) throw new Error("two turns were made");
			return { store, session, first, second };
		}

		test("another answer takes the place of the last one, which stays as a version", async () => {
			const { store, session, second } = await twoTurns();
			const answer = aMessage(session, {
				role: "assistant",
				content: "",
				status: "streaming",
				generationId: newId(),
				versionOf: second.answer.id,
			});
			await store.beginTurn({ userMessage: second.userMessage, answer, keepsPrompt: true, replacesFrom: second.answer.id });
			const { messages, total } = await store.findMessages(session.id, { newest: 10 });
			expect(total).toBe(4);
			expect(messages.map((message) => message.id).slice(2)).toEqual([second.userMessage.id, answer.id]);
			expect((await store.findSession(session.id, session.userId))?.messageCount).toBe(4);
			for (const one of [answer, second.answer]) {
				const versions = await store.findVersions(one);
				expect(versions.map(({ id, inForce }) => ({ id, inForce }))).toEqual([
					{ id: second.answer.id, inForce: false },
					{ id: answer.id, inForce: true },
				]);
			}
			const turn = await store.findTurnOfGeneration(answer.generationId ?? newId(), session.userId);
			expect(turn?.userMessage.id).toBe(second.userMessage.id);
			expect(turn?.answer.id).toBe(answer.id);
		});

		test("a changed prompt takes everything from there on out of force", async () => {
			const { store, session, first, second } = await twoTurns();
			const turn = aTurn(session, {
				user: { content: "changed", versionOf: first.userMessage.id },
				answer: { versionOf: first.answer.id },
			});
			await store.beginTurn({ ...turn, replacesFrom: first.userMessage.id });
			const { messages, total } = await store.findMessages(session.id, { offset: 0, limit: 10 });
			expect(total).toBe(2);
			expect(messages.map((message) => message.id)).toEqual([turn.userMessage.id, turn.answer.id]);
			expect(await store.findMessages(session.id, { before: turn.answer.id, limit: 10 })).toEqual({
				messages: [turn.userMessage],
				total: 2,
			});
			expect((await store.findMessage(second.answer.id, session.userId))?.inForce).toBe(false);
			// A turn that is out of force is still found by the client's own id: a late retry must not begin it again.
			expect((await store.findTurn(session.id, "t2"))?.answer.content).toBe("answer to t2");
		});

		test("what is not in force cannot be replaced again, and the refused turn leaves nothing behind", async () => {
			const { store, session, first } = await twoTurns();
			await expectCode(store.beginTurn({ ...aTurn(session), replacesFrom: newId() }), "message_not_found");
			const turn = aTurn(session);
			await store.beginTurn({ ...turn, replacesFrom: first.userMessage.id });
			await store.finishAnswer(anEnd(turn.answer));
			await expectCode(store.beginTurn({ ...aTurn(session), replacesFrom: first.userMessage.id }), "message_not_found");
			expect((await store.findMessages(session.id, { newest: 10 })).total).toBe(2);
			expect((await store.findAllMessages({ skip: 0, limit: 1 })).total).toBe(6);
		});

		test("a message and a generation are found only by the person they belong to", async () => {
			const { store, session, first } = await twoTurns();
			expect((await store.findMessage(first.answer.id, session.userId))?.content).toBe("answer to t1");
			expect(await store.findMessage(first.answer.id, newId())).toBeUndefined();
			expect(await store.findTurnOfGeneration(first.answer.generationId ?? newId(), newId())).toBeUndefined();
		});

		test("clearing a session takes its versions too", async () => {
			const { store, session, first } = await twoTurns();
			const turn = aTurn(session);
			await store.beginTurn({ ...turn, replacesFrom: first.userMessage.id });
			await store.finishAnswer(anEnd(turn.answer));
			await store.clearMessages(session.id, session.userId, 1);
			expect((await store.findAllMessages({ skip: 0, limit: 1 })).total).toBe(0);
		});
	});
}
