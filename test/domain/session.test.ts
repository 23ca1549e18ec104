// Titles and previews: short enough, whole characters, something rather than nothing.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
	clip,
	DEFAULT_TITLE,
	PREVIEW_LENGTH,
	previewOf,
	TITLE_LENGTH,
	titleFromAnswer,
	titleFromPrompt,
} from "../../src/domain/session.ts";

const anyText = fc.string({ unit: "binary", maxLength: 300 });
const isWellFormed = (text: string): boolean => text.isWellFormed();

describe("clip", () => {
	test("keeps what is short enough, and cuts the rest without halving a character", () => {
		expect(clip("abc", 3)).toBe("abc");
		expect(clip("abcd", 3)).toBe("abc");
		expect(clip("ab😀", 3)).toBe("ab");
		expect(clip("ab😀", 4)).toBe("ab😀");
		expect(clip("", 3)).toBe("");
	});

	test("of whatever text: a beginning of it, never longer than asked, well-formed when the text was", () => {
		fc.assert(
			fc.property(anyText, fc.integer({ min: 1, max: 100 }), (text, limit) => {
				const cut = clip(text, limit);
				expect(text.startsWith(cut)).toBe(true);
				expect(cut.length).toBeLessThanOrEqual(limit);
				expect(cut.length).toBeGreaterThanOrEqual(Math.min(text.length, limit - 1));
				if (isWellFormed(text)) expect(isWellFormed(cut)).toBe(true);
			}),
		);
	});
});

test("a preview is at most 200 characters", () => {
	expect(previewOf("short")).toBe("short");
	expect(previewOf("x".repeat(500)).length).toBe(PREVIEW_LENGTH);
	expect(PREVIEW_LENGTH).toBe(200);
});

describe("a title from the prompt", () => {
	test("is the prompt when it is short, in one line", () => {
		expect(titleFromPrompt("  How do I\n\n bake\tbread? ")).toBe("How do I bake bread?");
	});

	test("ends at a word, with an ellipsis, when the prompt is long", () => {
		const title = titleFromPrompt("How do I bake bread with rye flour and without yeast in a small oven on a boat?");
		expect(title).toBe("How do I bake bread with rye flour and without yeast in a…");
		expect(title.length).toBeLessThanOrEqual(TITLE_LENGTH);
	});

	test("cuts a word that is longer than a title", () => {
		expect(titleFromPrompt("x".repeat(200))).toBe(`${"x".repeat(59)}…`);
	});

	test("is the default when there is nothing but blanks", () => {
		for (const prompt of ["", " ", "\n\t "]) expect(titleFromPrompt(prompt)).toBe(DEFAULT_TITLE);
	});

	test("of whatever prompt: 1 to 60 characters in one line, without a halved character", () => {
		fc.assert(
			fc.property(anyText, (prompt) => {
				const title = titleFromPrompt(prompt);
				expect(title.length).toBeGreaterThan(0);
				expect(title.length).toBeLessThanOrEqual(60);
				expect(title).not.toMatch(/[\n\r]/);
				if (isWellFormed(prompt)) expect(isWellFormed(title)).toBe(true);
			}),
		);
	});
});

describe("a title from what a model said", () => {
	for (const [said, title] of [
		["Baking bread", "Baking bread"],
		["  Baking bread.\n\nBecause it is about bread.", "Baking bread"],
		["\n\nTitle: Baking bread", "Baking bread"],
		["**Baking bread**", "Baking bread"],
		["# Baking bread", "Baking bread"],
		['"Baking bread"', "Baking bread"],
		["“Baking bread”", "Baking bread"],
		["«Baking\tbread»", "Baking bread"],
		["C# for beginners", "C# for beginners"],
		["Who wrote `grep`?", "Who wrote `grep`?"],
		["標題：麵包", "標題：麵包"],
	] as const) {
		test(`${JSON.stringify(said)} gives ${JSON.stringify(title)}`, () => {
			expect(titleFromAnswer(said)).toBe(title);
		});
	}

	for (const said of ["", "\n \n", '""', "**", "...", "Title:"]) {
		test(`${JSON.stringify(said)} gives none`, () => {
			expect(titleFromAnswer(said)).toBeUndefined();
		});
	}

	test("of whatever it said: none, or 1 to 60 characters in one line", () => {
		fc.assert(
			fc.property(anyText, (said) => {
				const title = titleFromAnswer(said);
				if (title === undefined) return;
				expect(title.length).toBeGreaterThan(0);
				expect(title.length).toBeLessThanOrEqual(60);
				expect(title).toBe(title.trim());
				expect(title).not.toContain("\n");
			}),
		);
	});
});
