// Reads what another replica has written: JSON that may come from another version of the program. What is not as expected is nothing.

import { ERROR_SENTENCES, type ErrorCode } from "../domain/errors.ts";
import { type GenerationFacts, isGenerationState, type LastEvent, type RunningGeneration, type StopReason } from "../domain/generation.ts";
import { type Id, parseId } from "../domain/id.ts";
import type { Usage } from "../domain/message.ts";
import type { Answer, Place, Question } from "../ports/replicas.ts";

type Members = Readonly<Record<string, unknown>>;

export function parseMembers(text: string): Members | undefined {
	try {
		return membersOf(JSON.parse(text));
	} catch {
		return undefined;
	}
}

/** Nothing when the text is no list. */
export function parseList(text: string): readonly unknown[] {
	try {
		const parsed: unknown = JSON.parse(text);
		return Array.isArray(parsed) ? parsed : [];
	} catch {
		return [];
	}
}

export function membersOf(value: unknown): Members | undefined {
	return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : undefined;
}

function textOf(value: unknown): string | undefined {
	return typeof value === "string" ? value : undefined;
}

function idOf(value: unknown): Id | undefined {
	return typeof value === "string" ? parseId(value) : undefined;
}

function idsOf(value: unknown): readonly Id[] {
	return Array.isArray(value) ? value.map(idOf).filter((id) => id !== undefined) : [];
}

export function numberOf(value: unknown): number | undefined {
	return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function userOf(value: unknown): { readonly id: Id; readonly email: string } | undefined {
	const members = membersOf(value);
	const id = idOf(members?.id);
	const email = textOf(members?.email);
	return id === undefined || email === undefined ? undefined : { id, email };
}

/** The place that a text of the registry names. */
export function placeOf(text: string): Place | undefined {
	const members = parseMembers(text);
	const replica = textOf(members?.replica);
	const facts = factsOf(members?.facts);
	return replica === undefined || facts === undefined ? undefined : { replica, facts };
}

function factsOf(value: unknown): GenerationFacts | undefined {
	const members = membersOf(value);
	const id = idOf(members?.id);
	const sessionId = idOf(members?.sessionId);
	const user = userOf(members?.user);
	const loginId = idOf(members?.loginId);
	const answerId = idOf(members?.answerId);
	const userMessageId = idOf(members?.userMessageId);
	const createdAt = numberOf(members?.createdAt);
	if (id === undefined || sessionId === undefined || user === undefined || loginId === undefined) return undefined;
	if (answerId === undefined || userMessageId === undefined || createdAt === undefined) return undefined;
	const clientMessageId = textOf(members?.clientMessageId) ?? null;
	return { id, sessionId, user, loginId, answerId, userMessageId, clientMessageId, model: textOf(members?.model) ?? null, createdAt };
}

const STOP_REASONS: readonly StopReason[] = ["owner", "orphaned", "yielded", "replaced", "deleted", "signed_out"];

export function questionOf(value: unknown): Question | undefined {
	const members = membersOf(value);
	const kind = members?.kind;
	const id = idOf(members?.id);
	const sessionId = idOf(members?.sessionId);
	switch (kind) {
		case "follow":
			return { kind, ids: idsOf(members?.ids), anew: idsOf(members?.anew) };
		case "stop": {
			const reason = STOP_REASONS.find((known) => known === members?.reason);
			return id === undefined || reason === undefined ? undefined : { kind, id, reason };
		}
		case "make way":
		case "stop session":
		case "look":
			return sessionId === undefined ? undefined : { kind, sessionId };
		case "list":
			return { kind };
		default:
			return undefined;
	}
}

export function answerOf(value: unknown): Answer {
	const members = membersOf(value);
	const running = Array.isArray(members?.running) ? members.running.map(runningOf).filter((found) => found !== undefined) : [];
	return { done: members?.done === true, held: idsOf(members?.held), running };
}

function runningOf(value: unknown): RunningGeneration | undefined {
	const members = membersOf(value);
	const id = idOf(members?.id);
	const sessionId = idOf(members?.sessionId);
	const user = userOf(members?.user);
	const state = textOf(members?.state);
	const seq = numberOf(members?.seq);
	const createdAt = numberOf(members?.createdAt);
	if (id === undefined || sessionId === undefined || user === undefined) return undefined;
	if (state === undefined || !isGenerationState(state) || seq === undefined || createdAt === undefined) return undefined;
	const position = numberOf(members?.position) ?? null;
	return {
		id,
		sessionId,
		user,
		state,
		model: textOf(members?.model) ?? null,
		upstream: textOf(members?.upstream) ?? null,
		position,
		seq,
		createdAt,
	};
}

export function lastEventOf(value: unknown): LastEvent | undefined {
	const members = membersOf(value);
	if (members?.type === "error") {
		const code = textOf(members.code);
		const retryAfter = numberOf(members.retryAfter);
		if (code === undefined || !isErrorCode(code)) return undefined;
		return {
			type: "error",
			error: ERROR_SENTENCES[code],
			code,
			retryable: members.retryable === true,
			...(retryAfter === undefined ? {} : { retryAfter }),
		};
	}
	const messageId = textOf(members?.messageId);
	const assistantMessageId = idOf(members?.assistantMessageId);
	if (members?.type !== "end" || messageId === undefined || assistantMessageId === undefined) return undefined;
	return {
		type: "end",
		messageId,
		assistantMessageId,
		finishReason: textOf(members.finishReason) ?? "stop",
		usage: usageOf(members.usage),
	};
}

function isErrorCode(text: string): text is ErrorCode {
	return Object.hasOwn(ERROR_SENTENCES, text);
}

function usageOf(value: unknown): Usage | null {
	const members = membersOf(value);
	if (members === undefined) return null;
	const promptTokens = numberOf(members.promptTokens);
	const completionTokens = numberOf(members.completionTokens);
	return {
		...(promptTokens === undefined ? {} : { promptTokens }),
		...(completionTokens === undefined ? {} : { completionTokens }),
	};
}
