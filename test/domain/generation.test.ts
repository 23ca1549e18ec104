// The states of a generation: what may follow what, and what the store calls it.

import { describe, expect, test } from "bun:test";
import { canBecome, type GenerationState, isFinal, messageStatusOf } from "../../src/domain/generation.ts";

const STATES: readonly GenerationState[] = ["queued", "sending", "streaming", "complete", "stopped", "interrupted", "failed"];

describe("a generation", () => {
	test("that has ended goes nowhere any more", () => {
		for (const state of ["complete", "stopped", "interrupted", "failed"] as const) {
			expect(isFinal(state)).toBe(true);
			for (const next of STATES) expect(canBecome(state, next)).toBe(false);
		}
	});

	test("that has not can always be stopped, cut off, or fail", () => {
		for (const state of ["queued", "sending", "streaming"] as const) {
			expect(isFinal(state)).toBe(false);
			for (const next of ["stopped", "interrupted", "failed"] as const) expect(canBecome(state, next)).toBe(true);
		}
	});

	test("is never complete without having been sent, and never waits again once text has come", () => {
		expect(canBecome("queued", "complete")).toBe(false);
		expect(canBecome("queued", "streaming")).toBe(false);
		expect(canBecome("streaming", "queued")).toBe(false);
		expect(canBecome("streaming", "sending")).toBe(false);
	});

	test("is `streaming` in the store until it ends, and `sent` only when it is complete", () => {
		expect(STATES.map((state) => messageStatusOf(state))).toEqual([
			"streaming",
			"streaming",
			"streaming",
			"sent",
			"stopped",
			"interrupted",
			"error",
		]);
	});
});
