// E-mail addresses of a home server's people, and the name that is shown.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { displayName, emailProblem, normalizeEmail } from "../../src/domain/user.ts";

describe("an e-mail address", () => {
	for (const email of [
		"anna@example.org",
		"a@b",
		"bob@lab",
		"anna@box.local",
		"first.last+tag@sub.example.co.uk",
		"o'brien@example.org",
		"用户@例え.jp",
		"jürgen@müller.de",
		"x@1.2.3.4",
		`${"a".repeat(64)}@example.org`,
		`a@${"b".repeat(63)}.org`,
		"_under.score@example.org",
	]) {
		test(`${email.slice(0, 40)} can be one`, () => {
			expect(emailProblem(email)).toBeUndefined();
		});
	}

	for (const email of [
		"",
		"anna",
		"@example.org",
		"anna@",
		"anna@@example.org",
		"an na@example.org",
		"anna@exa mple.org",
		".anna@example.org",
		"anna.@example.org",
		"an..na@example.org",
		"anna@-example.org",
		"anna@example-.org",
		"anna@example..org",
		"anna@.org",
		"anna@example.org.",
		"anna@exa_mple.org",
		'"quoted"@example.org',
		"anna@[127.0.0.1]",
		"anna@example.org\n",
		"anna\u0000@example.org",
		"anna@example.org\r\nBcc: all@example.org",
		`${"a".repeat(65)}@example.org`,
		`a@${"b".repeat(64)}.org`,
		`a@${"b.".repeat(126)}org`,
		"<anna@example.org>",
		"anna,bob@example.org",
	]) {
		test(`${JSON.stringify(email.slice(0, 40))} is refused with a sentence that does not repeat it`, () => {
			const problem = emailProblem(email);
			expect(problem).toMatch(/^[A-Z].*\.$/);
			if (email.length > 3) expect(problem).not.toContain(email);
		});
	}

	test("is looked at in no time, however long and odd", () => {
		const started = performance.now();
		for (const email of [`${"a.".repeat(50_000)}@x`, `${"a".repeat(100_000)}@${"b-".repeat(50_000)}`, "@".repeat(100_000)]) {
			expect(emailProblem(email)).toBeDefined();
		}
		expect(performance.now() - started).toBeLessThan(1000);
	});

	test("is stored and compared in lower case, without blanks around it; twice is as good as once", () => {
		expect(normalizeEmail("  Anna@Example.ORG ")).toBe("anna@example.org");
		fc.assert(
			fc.property(fc.emailAddress(), (email) => {
				expect(normalizeEmail(normalizeEmail(email))).toBe(normalizeEmail(email));
				expect(normalizeEmail(email.toUpperCase())).toBe(normalizeEmail(email));
			}),
		);
	});
});

test("the name that is shown is what was typed, else the address", () => {
	expect(displayName({ fullName: "Anna", email: "a@b.c" })).toBe("Anna");
	expect(displayName({ fullName: "", email: "a@b.c" })).toBe("a@b.c");
	expect(displayName({ fullName: null, email: "a@b.c" })).toBe("a@b.c");
});
