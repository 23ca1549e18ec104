// What the fake model server answers of itself, and the pieces that scripts of one's own are made of.
//
// Cues: words in square brackets in the last user message change the built-in answer. They can be combined.
//
//   [tokens 50]     50 tokens "t0 ", "t1 ", …            [every 20]     20 ms between tokens
//   [endless]       tokens until somebody closes         [think]        <think>hmm</think> before the answer
//   [reasoning]     reasoning_content before the answer  [echo]         the messages that came, as one JSON text
//   [silent]        takes the request, answers nothing   [stall 3]      3 tokens, then silence
//   [cut 3]         3 tokens, then a clean end of body without end mark
//   [reset 3]       3 tokens, then the connection breaks in the middle of a chunk
//   [garbage 3]     3 frames that are no JSON before the first token
//   [error 3]       3 tokens, then a frame with an error member
//   [status 503]    an HTTP error (with Retry-After: 7 on 429 and 503)
//   [context]       llama.cpp's refusal of a prompt that is too long
//   [html] [redirect] [json] [twice]   an HTML page; a 307; a plain completion; the end mark twice and more tokens
//   [long line]     a line of 2 MiB without end

import type { ModelServerOptions, RecordedRequest, Step } from "./model-server.ts";

/** A response with a length. */
export function response(status: number, contentType: string, body: string, fields: readonly string[] = []): Step[] {
	const head = [`HTTP/1.1 ${status} Fake`, `content-type: ${contentType}`, `content-length: ${Buffer.byteLength(body)}`, ...fields];
	return [{ send: `${head.join("\r\n")}\r\n\r\n${body}` }];
}

/** The head of a stream in chunked coding. */
export function streamHead(contentType = "text/event-stream"): Step {
	return { send: `HTTP/1.1 200 OK\r\ncontent-type: ${contentType}\r\ntransfer-encoding: chunked\r\n\r\n` };
}

/** One chunk. */
export function chunk(data: string | Uint8Array): Step {
	const bytes = Buffer.from(data);
	return { send: Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]) };
}

/** The end of a chunked body. */
export const lastChunk: Step = { send: "0\r\n\r\n" };

/** A chat completion chunk as a chunk of the body. */
export function frame(delta: Readonly<Record<string, unknown>>, rest: Readonly<Record<string, unknown>> = {}): Step {
	const choice = { index: 0, delta, finish_reason: null, ...rest };
	return chunk(`data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", choices: [choice] })}\n\n`);
}

/** finish_reason, usage, `[DONE]`. */
export function ending(reason: string, promptTokens: number, completionTokens: number): Step[] {
	const usage = { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: promptTokens + completionTokens };
	return [
		frame({}, { finish_reason: reason }),
		chunk(`data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", choices: [], usage })}\n\n`),
		chunk("data: [DONE]\n\n"),
	];
}

/** What a friendly model server answers, unless the prompt holds a cue. */
export function builtInAnswer(request: RecordedRequest, options: ModelServerOptions): readonly Step[] {
	if (options.key !== undefined && request.headers.get("authorization") !== `Bearer ${options.key}`) return refusal(401, "Invalid API Key");
	const models = options.models ?? ["fake"];
	if (request.path === "/v1/models") {
		const meta = { n_ctx: options.contextLength ?? 4096 };
		const data = models.map((id) => ({ id, object: "model", owned_by: "fake", meta }));
		return response(200, "application/json", JSON.stringify({ object: "list", data }));
	}
	if (request.path === "/props" && options.slots !== undefined) {
		return response(200, "application/json", JSON.stringify({ total_slots: options.slots }));
	}
	if (request.path === "/v1/chat/completions" && request.method === "POST") return chatAnswer(request, options);
	return refusal(404, "File Not Found");
}

function refusal(status: number, message: string, more: Readonly<Record<string, unknown>> = {}): Step[] {
	const fields = status === 429 || status === 503 ? ["retry-after: 7"] : [];
	return response(status, "application/json", JSON.stringify({ error: { code: status, message, type: "fake_error", ...more } }), fields);
}

function chatAnswer(request: RecordedRequest, options: ModelServerOptions): readonly Step[] {
	const cues = readCues(request.prompt);
	const status = cues.get("status");
	if (status !== undefined) return refusal(status, "as you asked");
	if (cues.has("silent")) return [{ end: "hang" }];
	if (cues.has("context")) return refusal(400, "request exceeds the available context size", { type: "exceed_context_size_error" });
	if (cues.has("html")) return response(200, "text/html", "<!doctype html><title>A router's login page</title>");
	if (cues.has("redirect")) return response(307, "text/plain", "", ["location: /elsewhere"]);
	const tokens = tokensOf(request, options, cues);
	if (cues.has("json")) return response(200, "application/json", plainCompletion(tokens.join("")));
	return [streamHead(), ...streamSteps(tokens, cues, cues.get("every") ?? options.intervalMs ?? 0)];
}

function streamSteps(tokens: readonly string[], cues: ReadonlyMap<string, number>, interval: number): Step[] {
	const paced = (step: Step): Step[] => (interval > 0 ? [{ wait: interval }, step] : [step]);
	const first: Step[] = [frame({ role: "assistant", content: null })];
	for (let i = 0; i < (cues.get("garbage") ?? 0); i++) first.push(chunk("data: {this is no JSON\n\n"));
	if (cues.has("reasoning")) first.push(frame({ reasoning_content: "Let me " }), frame({ reasoning_content: "think." }));
	if (cues.has("think")) first.push(...["<thi", "nk>hm", "m</th", "ink>"].map((content) => frame({ content })));
	if (cues.has("long line"))
		return [...first, { send: "7fffffff\r\ndata: " }, { repeat: () => [{ send: "x".repeat(65_536) }], times: 32 }, { end: "hang" }];
	if (cues.has("endless")) return [...first, { repeat: (round) => paced(frame({ content: `t${round} ` })) }];
	const content = tokens.flatMap((token) => paced(frame({ content: token })));
	const part = (count: number) => [...first, ...content.slice(0, count * (interval > 0 ? 2 : 1))];
	const broken = ["stall", "cut", "reset", "error"].find((cue) => cues.has(cue));
	const arrived = part(cues.get(broken ?? "") ?? 0);
	if (broken === "stall") return [...arrived, { end: "hang" }];
	if (broken === "cut") return [...arrived, lastChunk];
	if (broken === "reset") return [...arrived, { send: "40\r\ndata: {" }, { wait: 20 }, { end: "reset" }];
	if (broken === "error") return [...arrived, chunk('data: {"error":{"message":"out of memory","code":500}}\n\n'), { end: "hang" }];
	const last = ending("stop", 7, tokens.length);
	if (cues.has("twice")) last.push(frame({ content: "after the end" }), chunk("data: [DONE]\n\n"));
	return [...first, ...content, ...last, lastChunk];
}

function tokensOf(request: RecordedRequest, options: ModelServerOptions, cues: ReadonlyMap<string, number>): readonly string[] {
	const { messages }: { messages?: unknown } = Object(request.body);
	if (cues.has("echo")) return [JSON.stringify(messages)];
	const count = cues.get("tokens");
	if (count !== undefined) return Array.from({ length: count }, (_, i) => `t${i} `);
	return options.tokens ?? ["Hello", " from", " the", " fake", " model", "."];
}

function plainCompletion(content: string): string {
	const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }];
	return JSON.stringify({ object: "chat.completion", choices, usage: { prompt_tokens: 7, completion_tokens: 1 } });
}

/** `[tokens 50] [every 20]` → tokens: 50, every: 20. A cue without a number has the number 0. */
function readCues(prompt: string): ReadonlyMap<string, number> {
	return new Map([...prompt.matchAll(/\[([a-z ]+?)(?: (\d+))?\]/g)].map((match) => [match[1] ?? "", Number(match[2] ?? 0)]));
}
