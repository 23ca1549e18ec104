// A model-management service as the recording had it: what it says is asked for by [[markers]] in the prompt. For the last records,
// which were made with the real service, it says what that one said.

import { chunk, lastChunk, response, streamHead } from "../support/model-answers.ts";
import { type ModelServer, type RecordedRequest, type Step, startModelServer } from "../support/model-server.ts";

const USUAL = ["Hel", "lo", " from", " the", " fake", "."];

export type StandIn = {
	/** What MODEL_MANAGEMENT_URL is set to. */
	readonly url: string;
	/** What it was asked for, in order. */
	readonly asked: () => readonly RecordedRequest[];
	readonly stop: () => void;
	/** Listens again where it did. */
	readonly restart: () => void;
};

export function startStandIn(): StandIn {
	const asked: RecordedRequest[] = [];
	const script = (request: RecordedRequest): readonly Step[] => {
		if (request.method === "GET") return response(200, "application/json", '{"service":"model-management","status":"running"}');
		asked.push(request);
		return answer(request.prompt);
	};
	const start = (port: number): ModelServer => {
		const server = startModelServer({ port });
		server.answerWith(script);
		return server;
	};
	let server = start(0);
	return {
		url: `${server.origin}/api/v1`,
		asked: () => asked,
		stop: () => server.stop(),
		restart: () => {
			server = start(server.port);
		},
	};
}

function frame(members: object): Step {
	return chunk(`data: ${JSON.stringify(members)}\n\n`);
}

const token = (text: string): Step => frame({ token: text, done: false });
const done: Step = frame({ token: "", done: true, tokens_generated: 6, tokens_prompt: 12, latency_ms: 34 });
const stream = (...steps: readonly Step[]): Step[] => [streamHead(), ...steps, lastChunk];
const tokens = (...texts: readonly string[]): Step[] => texts.map(token);

const ANSWERS: Readonly<Record<string, readonly Step[]>> = {
	"[[cache]]": stream(frame({ token: USUAL.join(""), done: true, tokens_generated: 0, cache_hit: true, cache_type: "exact" })),
	"[[errormid]]": stream(...tokens("Hel", "lo", " from"), frame({ token: "", done: true, error: "Model server error: out of memory" })),
	"[[errorfirst]]": stream(frame({ token: "", done: true, error: "Model server returned 404: model not found" })),
	"[[noend]]": stream(...tokens("Hel", "lo", " from")),
	"[[die]]": [streamHead(), ...tokens("Hel", "lo", " from"), { wait: 20 }, { send: "40\r\ndata: {" }, { end: "reset" }],
	"[[http500]]": response(503, "application/json", '{"detail":"Service Unavailable"}'),
	"[[datacolon]]": stream(...tokens("curl said: ", "data: 42", " and <b>html</b>\n\nnew paragraph", " é你😀"), done),
	"[[unicode]]": [streamHead(), ...splitInCharacter('data: {"token":"café 你好 😀","done":false}\n\n', "你"), done, lastChunk],
	"[[sentinel]]": stream(...tokens("Hel", "lo"), done, chunk("data: [DONE]\n\n")),
	"[[garbage]]": stream(chunk(": a comment\n\n"), token("A"), chunk("data: {broken\n\n"), chunk("event: note\n\n"), token("B"), done),
	"[[empty]]": stream(done),
	"[[slow]]": stream(...Array.from({ length: 10 }, (_, i) => [{ wait: 60 }, token(`w${i} `)]).flat(), done),
	"What is the capital of France?": stream(...tokens(" The", " capital", " of", " France", " is", " Paris", "."), done),
	"break please": stream(
		...tokens(" I", "'m", " sorry", " for", " I", "'m", " sorry", " for"),
		frame({ token: "", done: true, error: "peer closed connection without sending complete message body (incomplete chunked read)" }),
	),
	"stall please": stream(
		...tokens(" Thank", " you", " for", " your", " Thank", " you", " for", " your"),
		frame({ token: "", done: true, error: "" }),
	),
	"nomodel please": stream(frame({ token: "", done: true, error: `Model server returned 404: {"error": "model 'nomodel' not found"}` })),
};

function answer(prompt: string): readonly Step[] {
	const cue = Object.keys(ANSWERS).find((words) => prompt.includes(words));
	return (cue === undefined ? undefined : ANSWERS[cue]) ?? stream(...tokens(...USUAL), done);
}

/** Two chunks, cut inside the bytes of a character. */
function splitInCharacter(text: string, character: string): Step[] {
	const at = Buffer.byteLength(text.slice(0, text.indexOf(character))) + 1;
	const bytes = Buffer.from(text);
	return [chunk(bytes.subarray(0, at)), { wait: 20 }, chunk(bytes.subarray(at))];
}
