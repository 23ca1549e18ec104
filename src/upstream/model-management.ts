// The adapter for a model-management service, the one an existing deployment already has. It takes the prompt apart from the history,
// keeps its own cache, and says what went wrong within the stream.

import type { Usage } from "../domain/message.ts";
import type { PromptMessage, Upstream, UpstreamFailure, UpstreamRequest } from "../ports/upstream.ts";
import { type Answer, type BodyReader, startCall } from "./call.ts";
import { openAhead } from "./connection.ts";
import { createEventStreamReader } from "./event-stream.ts";
import { createTokenReader } from "./frame-template.ts";
import type { ResponseHead } from "./http-response.ts";
import { getAnyAnswer } from "./inspection.ts";
import { asCount, asObject, asText, type JsonObject, parseJson } from "./json.ts";
import { createTarget, type ServerSetting } from "./target.ts";
import { createWholeBodyReader } from "./whole-body.ts";

/** What the old gateway always sent; that service's own defaults are not known to us. */
const USUAL_TEMPERATURE = 0.7;
const USUAL_MAX_TOKENS = 1000;

/** With an empty list the service does without its chat template. It drops system messages, so this one changes nothing else. */
const PLACEHOLDER: PromptMessage = { role: "system", content: "You are a helpful assistant." };

export function createModelManagementUpstream(setting: ServerSetting, name: string): Upstream {
	const target = createTarget(setting);
	return {
		name,
		kind: "model-management",
		...(setting.model === undefined ? {} : { pinnedModel: setting.model }),
		...(setting.slots === undefined ? {} : { configuredSlots: setting.slots }),
		async inspect() {
			// Its /health answers 500 whatever its state: any answer from its root means that it is there.
			await getAnyAnswer(target, "/");
			return { models: [{ id: setting.model ?? "default" }] };
		},
		expect: () => openAhead(target),
		stream(request, onPart) {
			const path = `${target.basePath}/inference/chat/stream`;
			const body = encodeBody(request);
			return startCall(
				target,
				{
					request: { method: "POST", path, accept: "text/event-stream", body },
					readerFor: (contentType, answer) => {
						if (contentType === "text/event-stream" || contentType === "") return createFrameReader(answer);
						if (contentType === "application/json") return createWholeBodyReader(answer, (whole) => readPlain(whole, answer));
						return undefined;
					},
					refine: recogniseLimit,
				},
				onPart,
			);
		},
	};
}

function encodeBody(request: UpstreamRequest): string {
	const history = request.messages.slice(0, -1).map(({ role, content }) => ({ role, content }));
	return JSON.stringify({
		session_id: request.sessionId,
		// The service appends it to the messages by itself.
		prompt: request.messages.at(-1)?.content ?? "",
		stream: true,
		temperature: request.temperature ?? USUAL_TEMPERATURE,
		max_tokens: request.maxTokens ?? USUAL_MAX_TOKENS,
		messages: history.length === 0 ? [PLACEHOLDER] : history,
	});
}

function createFrameReader(answer: Answer): BodyReader {
	/** As the reader last said. */
	let isBetweenEvents = false;
	const tokens = createTokenReader({ name: "token", replace: (frame, token) => ({ ...asObject(frame), token }) });

	function takeData(data: Buffer): void {
		const text = data.toString();
		const frame = asObject(parseJson(text));
		if (frame === undefined) {
			answer.garbage(text);
			return;
		}
		const token = asText(frame.token);
		if (token !== undefined && frame.done === false && !("error" in frame)) tokens.learn(text, token);
		readFrame(frame, text, answer);
	}
	const reader = createEventStreamReader({
		onData: takeData,
		onGarbage: (line) => answer.garbage(line.toString()),
		onTooLong: () => answer.fail("upstream_protocol", "a line of more than 1 MiB"),
	});
	return {
		// Most events hold one token and nothing new: those are read by comparing bytes.
		push(bytes, from, to) {
			const next = isBetweenEvents ? tokens.read(bytes, from, to, answer.text) : from;
			if (next === to) return;
			reader.push(bytes.subarray(next, to));
			isBetweenEvents = reader.isBetweenEvents();
		},
		findShortcut: (onPart) => (isBetweenEvents ? tokens.lane(onPart) : undefined),
		end: reader.end,
	};
}

function readFrame(frame: JsonObject, text: string, answer: Answer): void {
	// The member counts, not its value: after two stalls the service sends an empty text here, beside `done: true`.
	if ("error" in frame) {
		answer.fail("upstream_error", text);
		return;
	}
	// The last frame can hold text too: a hit in the service's cache is one such frame with all of it.
	const token = asText(frame.token);
	if (token !== undefined) answer.text(token);
	if (frame.done === true) answer.finish("stop", readUsage(frame));
}

/** The answer of the service's plain call, should it ever come in place of a stream. */
function readPlain(whole: JsonObject, answer: Answer): void {
	const response = whole.response;
	if ("error" in whole) {
		answer.fail("upstream_error", JSON.stringify(whole));
		return;
	}
	if (typeof response !== "string") {
		answer.fail("upstream_protocol", JSON.stringify(whole));
		return;
	}
	answer.text(response);
	answer.finish("stop", readUsage(whole));
}

function readUsage(frame: JsonObject): Usage | undefined {
	// 0 is what it says when it has not counted: always for the prompt of a plain call, and for both on a cache hit.
	const promptTokens = asCount(frame.tokens_prompt) || undefined;
	const completionTokens = asCount(frame.tokens_generated) || undefined;
	if (promptTokens === undefined && completionTokens === undefined) return undefined;
	return {
		...(promptTokens === undefined ? {} : { promptTokens }),
		...(completionTokens === undefined ? {} : { completionTokens }),
	};
}

/**
 * Over its own limit (100 an hour for one address, and a gateway is one address) the service means to answer 429, and answers 500 with
 * the words it has for any unexpected error. A model that fails is told within the stream, so such a 500 is most likely the limit.
 */
function recogniseLimit(failure: UpstreamFailure, head: ResponseHead, said: string): UpstreamFailure {
	const isLimit = head.status === 500 && /rate limit|an unexpected error occurred/i.test(said);
	return isLimit ? { ...failure, code: "upstream_busy" } : failure;
}
