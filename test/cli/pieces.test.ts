// The parts of the shell's door that are rules of their own: editing a config file, and showing values as they are typed.

import { describe, expect, test } from "bun:test";
import { assert, constantFrom, dictionary, integer, property, string } from "fast-check";
import { editConfig } from "../../cli/env-file.ts";
import { entryOf, plain, showDuration, showRates, showSize } from "../../cli/show.ts";
import { parseConfigFile } from "../../src/config/load.ts";
import { parseUpstream } from "../../src/config/upstreams.ts";
import { bytes, duration, rate } from "../../src/config/values.ts";

describe("editing a config file", () => {
	const names = constantFrom("HOST", "PORT", "SYSTEM_PROMPT", "DEFAULT_MODEL", "UPSTREAMS");
	const value = string({ maxLength: 40 }).map((text) => text.replace(/[\r\n]/g, " ").trim());

	test("what is written is what is read, and nothing else changes", () => {
		assert(
			property(dictionary(names, value), dictionary(names, value), (before, changes) => {
				const content = editConfig("", new Map(Object.entries(before)));
				const edited = editConfig(content, new Map(Object.entries(changes)));
				const problems: string[] = [];
				const read = parseConfigFile(edited, "file", problems);
				expect(problems).toEqual([]);
				expect(Object.fromEntries(read)).toEqual({ ...before, ...changes });
			}),
		);
	});

	test("the line ends of the file are kept", () => {
		expect(editConfig("A=1\r\n# x\r\nPORT=1\r\n", new Map([["PORT", "2"]]))).toBe("A=1\r\n# x\r\nPORT=2\r\n");
	});

	test("a setting that is taken out goes alone", () => {
		expect(editConfig("# a\nPORT=1\nHOST=h\n", new Map([["PORT", null]]))).toBe("# a\nHOST=h\n");
	});

	test("a missing last line end is no reason to join two settings", () => {
		expect(editConfig("HOST=h", new Map([["PORT", "1"]]))).toBe("HOST=h\nPORT=1\n");
	});
});

describe("values are shown so that they read the same again", () => {
	test("durations, sizes, rates", () => {
		assert(property(integer({ min: 0, max: 10 ** 11 }), (number) => duration.parse(showDuration(number)) === number));
		assert(property(integer({ min: 1, max: 64 * 1024 ** 3 }), (number) => bytes.parse(showSize(number)) === number));
		for (const text of ["off", "1/second", "5/minute; 100/hour; 1000/day", "3/30 seconds"]) expect(showRates(rate.parse(text))).toBe(text);
	});

	test("a model server with a key of any characters", () => {
		assert(
			property(string({ minLength: 1, unit: "grapheme" }), (key) => {
				const setting = { kind: "openai" as const, baseUrl: "https://gpu.example/v1", key, slots: 2 };
				const [entry = "", ...more] = entryOf(setting).split(",");
				expect(more).toEqual([]);
				expect(parseUpstream(entry)).toEqual(setting);
			}),
		);
	});

	test("the name of a model cannot steer the terminal", () => {
		expect(plain("\x1b[2Jllama\x07\u202e3\n")).toBe("[2Jllama3");
	});
});
