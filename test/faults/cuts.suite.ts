// A client that drops at every possible byte of an answer and resumes: nothing is lost, doubled or reordered, thinking text included.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { useWorld } from "../chat/world.ts";
import { ending, frame, lastChunk, streamHead } from "../support/model-answers.ts";
import { type Collected, type Part, readWithDrops } from "./dropping-client.ts";

const world = useWorld({ settings: { UPSTREAM_CONCURRENCY: "500", MAX_STREAMS_PER_USER: "500", LOG_LEVEL: "error" } });
setDefaultTimeout(180_000);

const THOUGHTS = ["Let me ", "think… ", "👩‍🚀"];
const WORDS = ["Grüße", ", ", "世界", "\n\n", 'data: "x"', "\\n", " ", "🙂", "\u{2028}", "id: 7\n", "end", "."];
const PARTS: readonly Part[] = [
	...THOUGHTS.map((content) => ({ type: "reasoning", content })),
	...WORDS.map((content) => ({ type: "token", content })),
].map((part, index) => ({ ...part, seq: index + 1 }));

/** The same answer each time, `pace` milliseconds between its parts; the prompt ends with the pace. */
function script(prompt: string) {
	const pace = Number(prompt.split(" ").at(-1));
	const steps = [...THOUGHTS.map((reasoning_content) => frame({ reasoning_content })), ...WORDS.map((content) => frame({ content }))];
	const paced = pace > 0 ? steps.flatMap((step) => [{ wait: pace }, step]) : steps;
	return [streamHead(), ...paced, ...ending("stop", 1, PARTS.length), lastChunk];
}

let turns = 0;

async function read(cuts: readonly number[], pace: number, resumeBy: "header" | "query"): Promise<Collected> {
	world.model.answerWith((request) => (request.method === "POST" ? script(request.prompt) : undefined));
	const { person, sessionId } = await someone();
	turns += 1;
	const prompt = `turn ${turns} at ${pace}`;
	const asked = await readWithDrops({
		address: world.server.address,
		token: person.token,
		turn: { sessionId, prompt, messageId: `turn-${String(turns).padStart(6, "0")}` },
		cuts,
		resumeBy,
	});
	const stored = (await person.messages(sessionId)).at(-1);
	expect(stored).toMatchObject({ content: WORDS.join(""), reasoning: THOUGHTS.join(""), status: "sent" });
	expect(world.model.chats.filter((request) => request.prompt === prompt).length).toBe(1);
	return asked;
}

/** One person for all: a new account costs a tenth of a second of a core. */
let visitor: ReturnType<typeof world.visitor> | undefined;
async function someone() {
	visitor ??= world.visitor();
	const { person } = await visitor;
	return { person, sessionId: await person.createSession() };
}

function expectWhole({ parts, ends }: Collected): void {
	expect(parts).toEqual([...PARTS]);
	expect(ends).toBe(1);
}

describe("a client that drops and picks the answer up again", () => {
	test("at every byte of the stream, while the answer is being made: text, thoughts and numbers are the same each time", async () => {
		const whole = await read([], 0, "header");
		expectWhole(whole);
		const cuts = Array.from({ length: whole.firstBytes + 1 }, (_, index) => index);
		let next = 0;
		let resumed = 0;
		const work = async (): Promise<void> => {
			while (next < cuts.length) {
				const cut = next;
				next += 1;
				const seen = await read([cut], 2, cut % 2 === 0 ? "header" : "query");
				expectWhole(seen);
				resumed += seen.connections - 1;
			}
		};
		await Promise.all(Array.from({ length: 24 }, work));
		console.log(`${cuts.length} cuts, one at each byte of ${PARTS.length + 2} events; ${resumed} resumed; identical each time`);
		// All but the cut behind the last byte; what is cut within the last frame has no end yet.
		expect(resumed).toBe(cuts.length - 1);
	});

	test("any number of times at any bytes, at any pace, by either way (property)", async () => {
		const cuts = fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 1, maxLength: 12 });
		let connections = 0;
		const property = fc.asyncProperty(cuts, fc.integer({ min: 0, max: 6 }), fc.constantFrom("header", "query"), async (at, pace, by) => {
			const seen = await read(at, pace, by);
			expectWhole(seen);
			connections += seen.connections;
		});
		await fc.assert(property, { numRuns: 150 });
		console.log(`150 answers over ${connections} connections; identical each time`);
	});
});
