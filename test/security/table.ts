// What we promise under attack, line by line, and the table that is printed at the end of a run: what was tried, with how many inputs, and
// what held. The attacks stand in the suites beside this file; each is registered with `attack`.

import { test } from "bun:test";

/** The promises in a few words, by their numbers. */
const LINES = {
	1: "a body never gives rights; one administrator at the first claim",
	2: "the first administrator from the shell or a one-time token; signup modes",
	3: "nobody learns who has an account; guessing is slowed down",
	4: "passwords: length, common ones, Unicode, argon2id, old hashes replaced",
	5: "addresses come from the socket, or from a trusted proxy",
	6: "access tokens",
	7: "refresh tokens",
	8: "key rotation",
	9: "every route has its row; another person's things are not there",
	10: "lists and searches are bounded",
	11: "bodies and header fields",
	12: "only the operator names model servers",
	13: "model text is data",
	14: "browsers: origins, header fields, no cookie",
	15: "logs and arguments hold no secret",
	16: "files and backups are private; output hides secrets",
} as const;

type Line = keyof typeof LINES;

/** What an attack gives when everything held; when something did not, it throws. */
export type Held = {
	/** How many bodies, tokens, names … were tried. */
	readonly inputs: number;
	/** What was seen, in a few words and figures. */
	readonly held: string;
};

type Result = { readonly line: Line; readonly tried: string; readonly passed: boolean; readonly inputs: number; readonly seen: string };

const results: Result[] = [];

/** Registers an attack on one line of the promises; its name and outcome are a row of the table. Bounded by 60 s unless told. */
export function attack(line: Line, tried: string, run: () => Promise<Held>, timeoutMs = 60_000): void {
	test(
		`${line} · ${tried}`,
		async () => {
			try {
				const { inputs, held } = await run();
				results.push({ line, tried, passed: true, inputs, seen: held });
			} catch (error) {
				const [reason = ""] = Bun.stripANSI(error instanceof Error ? error.message : String(error)).split("\n");
				results.push({ line, tried, passed: false, inputs: 0, seen: reason });
				throw error;
			}
		},
		timeoutMs,
	);
}

/** All lines in their order; one of which nothing was run is shown as such. */
export function describeResults(): string {
	const rows = Object.entries(LINES).flatMap(([line, promise]) => {
		const tried = results.filter((result) => String(result.line) === line);
		const heading = ["", `${line.padStart(2)}  ${promise}`];
		if (tried.length === 0) return [...heading, "      not tried in this run"];
		return [
			...heading,
			...tried.flatMap(({ passed, ...result }) => [
				`  ${passed ? "held" : "FAIL"}  ${result.tried} · ${result.inputs} ${result.inputs === 1 ? "input" : "inputs"}`,
				`        → ${result.seen}`,
			]),
		];
	});
	const held = results.filter(({ passed }) => passed).length;
	const inputs = results.reduce((sum, result) => sum + result.inputs, 0);
	return [...rows, "", `${results.length} attacks with ${inputs} inputs: ${held} held, ${results.length - held} did not`].join("\n");
}
