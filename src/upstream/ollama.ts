// The adapter for Ollama's own API: chat as lines of JSON, tags, and what is in memory now.

import type { Usage } from "../domain/message.ts";
import type { Upstream, UpstreamModel, UpstreamRequest } from "../ports/upstream.ts";
import { type Answer, type BodyReader, startCall } from "./call.ts";
import { openAhead } from "./connection.ts";
import { getObject } from "./inspection.ts";
import { asArray, asCount, asObject, asText, type JsonObject, parseJson } from "./json.ts";
import { createLineReader } from "./lines.ts";
import { readErrorMember } from "./refusals.ts";
import { createTarget, type ServerSetting } from "./target.ts";

/** A plain answer is one line of the stream, so both types are read alike. */
const CONTENT_TYPES = ["application/x-ndjson", "application/json", ""];

export function createOllamaUpstream(setting: ServerSetting, name: string): Upstream {
	const target = createTarget(setting);
	return {
		name,
		kind: "ollama",
		...(setting.model === undefined ? {} : { pinnedModel: setting.model }),
		...(setting.slots === undefined ? {} : { configuredSlots: setting.slots }),
		async inspect() {
			const [tags, running] = await Promise.all([
				getObject(target, `${target.basePath}/api/tags`),
				// What is loaded is good to know, not needed: old versions do not tell.
				getObject(target, `${target.basePath}/api/ps`).catch(() => undefined),
			]);
			return { models: asArray(tags.models).flatMap((tag) => readModel(tag, running)) };
		},
		expect: () => openAhead(target),
		stream(request, onPart) {
			const path = `${target.basePath}/api/chat`;
			const body = encodeBody(request, setting.model);
			return startCall(
				target,
				{
					request: { method: "POST", path, accept: "application/x-ndjson", body },
					readerFor: (contentType, answer) => (CONTENT_TYPES.includes(contentType) ? createFrameReader(answer) : undefined),
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
		stream: true,
		options: { temperature: request.temperature, num_predict: request.maxTokens },
	});
}

function createFrameReader(answer: Answer): BodyReader {
	function takeLine(line: Buffer): void {
		if (line.length === 0) return;
		const text = line.toString();
		const frame = asObject(parseJson(text));
		if (frame === undefined) answer.garbage(text);
		else readFrame(frame, text, answer);
	}
	const lines = createLineReader({
		onLine: takeLine,
		onTooLong: () => answer.fail("upstream_protocol", "a line of more than 1 MiB"),
	});
	return { push: (bytes, from, to) => lines.push(bytes.subarray(from, to)), end: lines.end };
}

function readFrame(frame: JsonObject, text: string, answer: Answer): void {
	if (frame.error !== undefined && frame.error !== null) {
		answer.fail(readErrorMember(text), text);
		return;
	}
	const message = asObject(frame.message);
	const thinking = asText(message?.thinking);
	if (thinking !== undefined) answer.reasoning(thinking);
	const content = asText(message?.content);
	if (content !== undefined) answer.text(content);
	if (frame.done === true) answer.finish(asText(frame.done_reason) ?? "stop", readUsage(frame));
}

function readUsage(frame: JsonObject): Usage | undefined {
	const promptTokens = asCount(frame.prompt_eval_count);
	const completionTokens = asCount(frame.eval_count);
	if (promptTokens === undefined && completionTokens === undefined) return undefined;
	return {
		...(promptTokens === undefined ? {} : { promptTokens }),
		...(completionTokens === undefined ? {} : { completionTokens }),
	};
}

function readModel(value: unknown, running: JsonObject | undefined): UpstreamModel[] {
	const id = nameOf(value);
	if (id === undefined) return [];
	if (running === undefined) return [{ id }];
	const inMemory = asArray(running.models).find((model) => nameOf(model) === id);
	// The length it was loaded with: what a prompt really has to fit into.
	const contextLength = asCount(asObject(inMemory)?.context_length);
	return [{ id, loaded: inMemory !== undefined, ...(contextLength === undefined || contextLength === 0 ? {} : { contextLength }) }];
}

function nameOf(value: unknown): string | undefined {
	const model = asObject(value);
	return asText(model?.model) ?? asText(model?.name);
}
