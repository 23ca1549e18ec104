// The adapter for servers that speak OpenAI's chat completions: llama.cpp, vLLM, LM Studio, LiteLLM and their like.
// The base URL includes its `/v1`.

import type { Usage } from "../domain/message.ts";
import type { Upstream, UpstreamModel, UpstreamRequest } from "../ports/upstream.ts";
import { type Answer, type BodyReader, startCall } from "./call.ts";
import { openAhead } from "./connection.ts";
import { createEventStreamReader } from "./event-stream.ts";
import { createTokenReader } from "./frame-template.ts";
import { getObject } from "./inspection.ts";
import { asArray, asCount, asObject, asText, type JsonObject, parseJson } from "./json.ts";
import { readErrorMember } from "./refusals.ts";
import { createTarget, type ServerSetting } from "./target.ts";
import { createWholeBodyReader } from "./whole-body.ts";

/** `GET /props` is asked in passing: nobody waits longer for a number that most servers don't have. */
const PROPS_DEADLINE_MS = 1000;

export function createOpenAiUpstream(setting: ServerSetting, name: string): Upstream {
	const target = createTarget(setting);
	const root = target.basePath.replace(/\/v1$/, "");

	async function readSlots(): Promise<number | undefined> {
		const props = await getObject(target, `${root}/props`, PROPS_DEADLINE_MS).catch(() => undefined);
		return asCount(props?.total_slots);
	}

	return {
		name,
		kind: "openai",
		...(setting.model === undefined ? {} : { pinnedModel: setting.model }),
		...(setting.slots === undefined ? {} : { configuredSlots: setting.slots }),
		async inspect() {
			const [list, slots] = await Promise.all([getObject(target, `${target.basePath}/models`), readSlots()]);
			const models = asArray(list.data).flatMap(readModel);
			return { models, ...(slots === undefined || slots === 0 ? {} : { slots }) };
		},
		expect: () => openAhead(target),
		stream(request, onPart) {
			const path = `${target.basePath}/chat/completions`;
			const body = encodeBody(request, setting.model);
			return startCall(
				target,
				{
					request: { method: "POST", path, accept: "text/event-stream", body },
					readerFor: (contentType, answer) => {
						if (contentType === "text/event-stream" || contentType === "") return createFrameReader(answer);
						if (contentType === "application/json") return createWholeBodyReader(answer, (whole) => readCompletion(whole, answer));
						return undefined;
					},
				},
				onPart,
			);
		},
	};
}

function encodeBody(request: UpstreamRequest, pinnedModel: string | undefined): string {
	return JSON.stringify({
		model: request.model ?? pinnedModel,
		messages: request.messages.map(({ role, content }) => ({ role, content })),
		temperature: request.temperature,
		max_tokens: request.maxTokens,
		stream: true,
		stream_options: { include_usage: true },
	});
}

const DONE = "[DONE]";

function createFrameReader(answer: Answer): BodyReader {
	let finishReason: string | undefined;
	let usage: Usage | undefined;
	/** As the reader last said. */
	let isBetweenEvents = false;
	const tokens = createTokenReader({ name: "content", replace: replaceContent });

	function readFrame(frame: JsonObject, text: string): void {
		// Some servers send `"error": null` in every frame.
		if (frame.error !== undefined && frame.error !== null) {
			answer.fail(readErrorMember(text), text);
			return;
		}
		usage = readUsage(frame.usage) ?? usage;
		for (const choice of asArray(frame.choices)) readChoice(asObject(choice));
	}

	function readChoice(choice: JsonObject | undefined): void {
		// We ask for one choice; what belongs to another is not this answer.
		if (choice === undefined || (asCount(choice.index) ?? 0) !== 0) return;
		readContent(asObject(choice.delta), answer);
		finishReason = asText(choice.finish_reason) ?? finishReason;
	}

	function takeData(data: Buffer): void {
		const text = data.toString();
		if (text === DONE) {
			answer.finish(finishReason ?? "stop", usage);
			return;
		}
		const frame = asObject(parseJson(text));
		if (frame === undefined) {
			answer.garbage(text);
			return;
		}
		const plain = plainToken(frame);
		if (plain !== undefined) tokens.learn(text, plain);
		readFrame(frame, text);
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
		end() {
			reader.end();
			if (finishReason !== undefined) answer.finish(finishReason, usage);
		},
	};
}

/** The token of a frame that holds nothing else for the answer; `undefined` for any other frame. */
function plainToken(frame: JsonObject): string | undefined {
	const choices = asArray(frame.choices);
	const choice = asObject(choices[0]);
	const delta = asObject(choice?.delta);
	const isPlain =
		choices.length === 1 &&
		(asCount(choice?.index) ?? 0) === 0 &&
		asText(choice?.finish_reason) === undefined &&
		asText(delta?.reasoning_content) === undefined &&
		asText(delta?.reasoning) === undefined &&
		asObject(frame.usage) === undefined &&
		(frame.error === undefined || frame.error === null);
	return isPlain ? asText(delta?.content) : undefined;
}

/** The parsed frame with another token in it. */
function replaceContent(frame: unknown, content: string): unknown {
	const delta = asObject(asObject(asArray(asObject(frame)?.choices)[0])?.delta);
	if (delta !== undefined) Reflect.set(delta, "content", content);
	return frame;
}

/** A delta of a stream, or the message of a plain completion. */
function readContent(content: JsonObject | undefined, answer: Answer): void {
	const reasoning = asText(content?.reasoning_content) ?? asText(content?.reasoning);
	if (reasoning !== undefined) answer.reasoning(reasoning);
	const text = asText(content?.content);
	if (text !== undefined) answer.text(text);
}

/** A completion that came whole although a stream was asked for. */
function readCompletion(whole: JsonObject, answer: Answer): void {
	const text = JSON.stringify(whole);
	if (whole.error !== undefined && whole.error !== null) {
		answer.fail(readErrorMember(text), text);
		return;
	}
	const choice = asObject(asArray(whole.choices)[0]);
	const message = asObject(choice?.message);
	if (message === undefined) {
		answer.fail("upstream_protocol", text);
		return;
	}
	readContent(message, answer);
	answer.finish(asText(choice?.finish_reason) ?? "stop", readUsage(whole.usage));
}

function readUsage(value: unknown): Usage | undefined {
	const usage = asObject(value);
	if (usage === undefined) return undefined;
	const promptTokens = asCount(usage.prompt_tokens);
	const completionTokens = asCount(usage.completion_tokens);
	return {
		...(promptTokens === undefined ? {} : { promptTokens }),
		...(completionTokens === undefined ? {} : { completionTokens }),
	};
}

function readModel(value: unknown): UpstreamModel[] {
	const model = asObject(value);
	const id = asText(model?.id);
	if (model === undefined || id === undefined) return [];
	// llama.cpp says n_ctx; vLLM max_model_len; LM Studio either of the other two, by its version.
	const contextLength = [asObject(model.meta)?.n_ctx, model.max_model_len, model.max_context_length, model.context_length]
		.map(asCount)
		.find((count) => count !== undefined && count > 0);
	return [{ id, ...(contextLength === undefined ? {} : { contextLength }) }];
}
