// What the model is shown, and what is left out of it when it is too long.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createIdSource } from "../../src/domain/id.ts";
import { type Message, ROLES, type Role } from "../../src/domain/message.ts";
import { buildContext, halveContext, readNewestAhead } from "../../src/generation/context.ts";
import type { MessagePage } from "../../src/ports/store.ts";

const newId = createIdSource(
	() => 0,
	(count) => new Uint8Array(count),
);

function said(role: Role, content: string): Message {
	return {
		id: newId(),
		sessionId: newId(),
		userId: newId(),
		role,
		content,
		createdAt: 0,
		status: "sent",
		errorCode: null,
		reasoning: "thoughts are never shown",
		model: null,
		generationId: null,
		clientMessageId: null,
		finishReason: null,
		usage: null,
		timings: null,
		versionOf: null,
		inForce: true,
	};
}
const history = fc.array(fc.record({ role: fc.constantFrom(...ROLES), content: fc.string() }), { maxLength: 40 });

describe("the context of a prompt", () => {
	test("is the system prompt, stored system messages, what was said, and the prompt", () => {
		const context = buildContext({
			systemPrompt: "Be brief.",
			history: [
				said("user", "one"),
				said("assistant", "1"),
				said("system", "The date is 1 May."),
				said("user", "two"),
				said("assistant", "2"),
			],
			prompt: "three",
		});
		expect(context.map(({ role, content }) => `${role}: ${content}`)).toEqual([
			"system: Be brief.",
			"system: The date is 1 May.",
			"user: one",
			"assistant: 1",
			"user: two",
			"assistant: 2",
			"user: three",
		]);
	});

	test("has no system message when none is set, and none for an empty one", () => {
		for (const systemPrompt of [null, ""]) {
			expect(buildContext({ systemPrompt, history: [], prompt: "one" })).toEqual([{ role: "user", content: "one" }]);
		}
	});

	test("leaves out answers that never came, and holds nothing but role and text", () => {
		const context = buildContext({ systemPrompt: null, history: [said("user", "one"), said("assistant", "")], prompt: "two" });
		expect(context).toEqual([
			{ role: "user", content: "one" },
			{ role: "user", content: "two" },
		]);
	});

	test("of whatever history: the prompt is the last and stands there once, every text that was said is there once and in its order", () => {
		fc.assert(
			fc.property(history, fc.string(), (messages, text) => {
				const prompt = `prompt ${text}`;
				const context = buildContext({ systemPrompt: null, history: messages.map(({ role, content }) => said(role, content)), prompt });
				expect(context.at(-1)).toEqual({ role: "user", content: prompt });
				const before = context.slice(0, -1);
				const texts = messages.filter(({ content }) => content !== "");
				const [system, others] = [texts.filter(({ role }) => role === "system"), texts.filter(({ role }) => role !== "system")];
				expect(before).toEqual([...system, ...others]);
			}),
		);
	});
});

describe("a context that is too long", () => {
	test("loses the older half of what was said; system texts and the prompt stay", () => {
		const context = buildContext({
			systemPrompt: "Be brief.",
			history: ["1", "2", "3", "4", "5"].map((text) => said("user", text)),
			prompt: "6",
		});
		const half = halveContext(context);
		expect(half?.map((message) => message.content)).toEqual(["Be brief.", "4", "5", "6"]);
		const quarter = halveContext(half ?? []);
		expect(quarter?.map((message) => message.content)).toEqual(["Be brief.", "5", "6"]);
		const alone = halveContext(quarter ?? []);
		expect(alone?.map((message) => message.content)).toEqual(["Be brief.", "6"]);
		expect(halveContext(alone ?? [])).toBeUndefined();
	});

	test("is at its end after a few halvings, whatever it held, and always ends with the prompt", () => {
		fc.assert(
			fc.property(history, (messages) => {
				let context: ReturnType<typeof halveContext> = buildContext({
					systemPrompt: "s",
					history: messages.map(({ role, content }) => said(role, content)),
					prompt: "p",
				});
				let steps = 0;
				for (let next = halveContext(context); next !== undefined; next = halveContext(next)) {
					expect(next.length).toBeLessThan(context.length);
					expect(next.at(-1)).toEqual({ role: "user", content: "p" });
					context = next;
					steps += 1;
				}
				expect(steps).toBeLessThanOrEqual(6);
				expect(context.filter((message) => message.role !== "system")).toEqual([{ role: "user", content: "p" }]);
			}),
		);
	});

	test("that is empty has nothing to leave out", () => {
		expect(halveContext([])).toBeUndefined();
	});
});

test("history read ahead that is late, or fails, holds nobody up and is not there", async () => {
	const id = newId();
	const ahead = (found: Promise<MessagePage>) => readNewestAhead({ findMessages: () => found }, id, { contextMessages: 1 });
	const late = Promise.withResolvers<MessagePage>();
	const [come, missing, failed] = [
		ahead(Promise.resolve({ messages: [], total: 0 })),
		ahead(late.promise),
		ahead(Promise.reject(new Error("the store is away"))),
	];
	await Bun.sleep(1);
	expect([come(), missing(), failed()]).toEqual([[], undefined, undefined]);
	late.resolve({ messages: [], total: 0 });
	await Bun.sleep(1);
	expect(missing()).toEqual([]);
});
