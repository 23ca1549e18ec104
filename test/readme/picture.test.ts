// The drawing of a terminal, and the picture that is committed.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { drawTerminals, readPieces } from "../../cli/release/terminal-svg.ts";

const picture = readFileSync(join(import.meta.dir, "../../.github/picture.svg"), "utf8");
const textOf = (svg: string): string => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text).join("\n");

test("colours and weight last until they are taken back; blanks are only room", () => {
	expect(readPieces("14:27 \x1b[32minfo\x1b[39m  \x1b[1;31mbad\x1b[0m")).toMatchObject([
		{ column: 0, text: "14:27", bold: false },
		{ column: 6, text: "info", color: "#7ee2a8" },
		{ column: 12, text: "bad", color: "#ff8f8f", bold: true },
	]);
	expect(readPieces("   \x1b[2m…\x1b[22m x")).toMatchObject([
		{ column: 3, text: "…", dim: true },
		{ column: 5, text: "x", dim: false },
	]);
});

test("what a terminal shows is text in the picture, whatever it looks like", () => {
	const svg = drawTerminals([{ title: "a & b", screen: '$ echo "<b>" && ls\n<b>\n\n\n' }], "a <terminal>");
	expect(textOf(svg)).toBe('a &amp; b\n$ echo "&lt;b&gt;" &amp;&amp; ls\n&lt;b&gt;');
	expect(svg).toContain("<title>a &lt;terminal&gt;</title>");
});

test("the committed picture is small, needs nothing from elsewhere, and shows the program at work", () => {
	expect(picture.length).toBeLessThan(60_000);
	expect(picture.match(/<(script|image|foreignObject|style|a)\b|href|url\(/g)).toBeNull();
	const text = textOf(picture);
	for (const words of [
		"$ pocketllm serve --demo",
		"Ready: pocketllm ",
		"/auth/signup",
		'"type":"start"',
		'"type":"token"',
		'"type":"end"',
	]) {
		expect(text).toContain(words);
	}
});
