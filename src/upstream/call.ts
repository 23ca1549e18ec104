// One answer from a model server, from the request to the last part. What every adapter has in common stands here: refusals, wrong
// types, garbage frames, the one end, and evidence for the log. What a body's frames mean is the adapter's.

import type { ErrorCode } from "../domain/errors.ts";
import type { FinishReason } from "../domain/generation.ts";
import type { Usage } from "../domain/message.ts";
import type { UpstreamCall, UpstreamFailure, UpstreamPart } from "../ports/upstream.ts";
import { createByteBuffer } from "./byte-buffer.ts";
import type { Shortcut, Target } from "./connection.ts";
import type { ResponseHead } from "./http-response.ts";
import { MAX_EVIDENCE_BYTES, readRefusal, redact } from "./refusals.ts";
import { createThinkSplitter } from "./think-tags.ts";
import { type ExchangeRequest, openExchange } from "./transport.ts";

/** What an adapter says of the frames it reads. After `finish` and `fail` everything is dropped. */
export type Answer = {
	/** Text of the answer; a thinking part at its beginning is taken out. */
	text(text: string): void;
	reasoning(text: string): void;
	/** The end mark has come: closes the connection. */
	finish(reason: FinishReason, usage?: Usage): void;
	fail(code: ErrorCode, said?: string): void;
	/** A frame that cannot be read: three are skipped, the fourth fails the call. */
	garbage(said: string): void;
};

/** Reads the body of one answer. */
export type BodyReader = {
	/** `bytes` from `from` up to `to`; the buffer is valid during the call only. */
	push(bytes: Buffer, from: number, to: number): void;
	/** The body has come to its proper end. When that was no end of the answer, the call fails as `upstream_reset`. */
	end(): void;
	/** Where this reader stands at the beginning of a frame, a way to read the next ones that hold one token, if it knows one. */
	findShortcut?(onPart: (part: UpstreamPart) => void): Shortcut | undefined;
};

export type AnswerFormat = {
	readonly request: ExchangeRequest;
	/** The reader for a 200 of this content type (lower case, without parameters; empty when there is none); `undefined`: not understood. */
	readonly readerFor: (contentType: string, answer: Answer) => BodyReader | undefined;
	/** A second look at a refusal, for servers with ways of their own. */
	readonly refine?: (failure: UpstreamFailure, head: ResponseHead, said: string) => UpstreamFailure;
};

const MAX_GARBAGE_FRAMES = 3;
/** A server that refuses has its reason at hand; one that dawdles over it is not waited for. */
const REFUSAL_BODY_DEADLINE_MS = 1000;

/** Sends the request and turns what comes back into parts. Keeps the promises of `Upstream.stream`. */
export function startCall(target: Target, format: AnswerFormat, onPart: (part: UpstreamPart) => void): UpstreamCall {
	let isOver = false;
	let garbageFrames = 0;
	let isSettled = false;
	let reader: BodyReader | undefined;
	let refused: { readonly head: ResponseHead; readonly timer: ReturnType<typeof setTimeout> } | undefined;
	const said = createByteBuffer(MAX_EVIDENCE_BYTES);

	function close(): void {
		isOver = true;
		clearTimeout(refused?.timer);
		exchange.close();
	}

	/** A caller may cancel from within `onPart`: nothing follows then, not even the rest of the same frame. */
	function emit(part: UpstreamPart): void {
		if (!isOver) onPart(part);
	}

	function failWith(failure: UpstreamFailure): void {
		if (isOver) return;
		splitter.end();
		if (isOver) return;
		close();
		const evidence = failure.evidence === undefined ? undefined : redact(failure.evidence, target.key);
		onPart({ type: "failure", failure: { ...failure, ...(evidence === undefined ? {} : { evidence }) } });
	}

	const splitter = createThinkSplitter({
		onText: (text) => emit({ type: "text", text }),
		onReasoning: (text) => emit({ type: "reasoning", text }),
	});

	const answer: Answer = {
		text(text) {
			if (isOver || text === "") return;
			// Past the beginning there is nothing to split.
			if (isSettled) {
				onPart({ type: "text", text });
				return;
			}
			splitter.push(text);
			isSettled = splitter.isSettled();
		},
		reasoning(text) {
			if (text !== "") emit({ type: "reasoning", text });
		},
		finish(reason, usage) {
			if (isOver) return;
			splitter.end();
			if (isOver) return;
			close();
			onPart({ type: "finish", reason, ...(usage === undefined ? {} : { usage }) });
		},
		fail(code, evidence) {
			failWith({ code, ...(evidence === undefined ? {} : { evidence }) });
		},
		garbage(evidence) {
			garbageFrames++;
			if (garbageFrames > MAX_GARBAGE_FRAMES) failWith({ code: "upstream_protocol", evidence });
		},
	};

	function endRefusal(head: ResponseHead): void {
		const text = said.take().toString();
		const failure = readRefusal(head, text);
		failWith(format.refine === undefined ? failure : format.refine(failure, head, text));
	}

	function refuse(head: ResponseHead): void {
		const timer = setTimeout(() => {
			try {
				endRefusal(head);
			} catch {
				// The caller's `onPart` threw: no stream's fault may end the process from a timer.
				close();
			}
		}, REFUSAL_BODY_DEADLINE_MS);
		refused = { head, timer };
	}

	const exchange = openExchange(target, format.request, {
		onHead(head) {
			if (head.status !== 200) return refuse(head);
			const contentType = (head.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
			const coding = head.headers.get("content-encoding") ?? "identity";
			reader = coding.toLowerCase() === "identity" ? format.readerFor(contentType, answer) : undefined;
			if (reader === undefined) answer.fail("upstream_protocol", `HTTP 200 of type ${contentType} (${coding})`);
		},
		onBody(bytes, from, to) {
			if (refused === undefined) return reader?.push(bytes, from, to);
			const room = MAX_EVIDENCE_BYTES - said.size;
			said.append(bytes.subarray(from, Math.min(to, from + room)));
			if (to - from >= room) endRefusal(refused.head);
		},
		findShortcut: () => (isSettled && refused === undefined ? reader?.findShortcut?.(onPart) : undefined),
		onEnd() {
			if (refused !== undefined) return endRefusal(refused.head);
			reader?.end();
			answer.fail("upstream_reset", "the answer ended without its end mark");
		},
		onFailure(failure) {
			if (refused === undefined) return failWith(failure);
			endRefusal(refused.head);
		},
	});

	return {
		cancel() {
			if (!isOver) close();
		},
	};
}
