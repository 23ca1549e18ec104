// One turn against a model server that misbehaves, and everything that can be looked at afterwards.

import { expect } from "bun:test";
import { ERROR_SENTENCES, type ErrorCode } from "../../src/domain/errors.ts";
import type { World } from "../chat/world.ts";
import type { EventStream, StreamEvent } from "../support/event-stream.ts";
import type { RecordedRequest, Step } from "../support/model-server.ts";
import { eventually, type Person, type StoredMessage } from "../support/server.ts";

export type Visitor = { readonly person: Person; readonly sessionId: string };

export type Misbehaviour = {
	/** With a cue of model-answers.ts, perhaps. */
	readonly prompt?: string;
	/** What it sends in place of its own answer. */
	readonly script?: readonly Step[];
	/** Who asks; somebody new unless told. */
	readonly by?: Visitor;
};

export type Aftermath = {
	readonly person: Person;
	readonly sessionId: string;
	readonly stream: EventStream;
	readonly last: StreamEvent;
	readonly tookMs: number;
	readonly asked: StoredMessage;
	readonly answer: StoredMessage;
	/** The requests for answers that the model server got meanwhile. */
	readonly requests: readonly RecordedRequest[];
};

/** Sends one prompt and waits until its stream is over, for at most 15 s. Every stream must end with exactly one last event (G4). */
export async function provoke(world: World, { prompt = "a prompt of some words", script, by }: Misbehaviour): Promise<Aftermath> {
	const { person, sessionId } = by ?? (await world.visitor());
	const before = world.model.chats.length;
	if (script !== undefined) world.model.answerWith(({ method }) => (method === "POST" ? script : undefined));
	try {
		const startedAt = performance.now();
		const stream = await person.stream({ sessionId, prompt });
		expect(stream.status()).toBe(200);
		expect(await stream.over()).toBe("complete");
		const tookMs = performance.now() - startedAt;
		const endings = stream.events().filter(({ type }) => type === "end" || type === "error");
		const last = stream.events().at(-1);
		expect(endings).toEqual(last === undefined ? [] : [last]);
		const [asked, answer] = (await person.messages(sessionId)).slice(-2);
		if (last === undefined || asked === undefined || answer === undefined) throw new Error("nothing was said or stored");
		expect(asked).toMatchObject({
			role: "user",
			content: prompt,
			status: "sent",
		});
		expect(answer.content).toBe(stream.text());
		return {
			person,
			sessionId,
			stream,
			last,
			tookMs,
			asked,
			answer,
			requests: world.model.chats.slice(before),
		};
	} finally {
		world.model.answerWith(undefined);
	}
}

/** That it ended with this code and our own sentence, and that the store says the same of it; `part` is what had arrived. */
export function expectFailure({ last, answer }: Aftermath, code: ErrorCode, part = ""): void {
	expect(last).toMatchObject({
		type: "error",
		code,
		error: ERROR_SENTENCES[code],
	});
	expect(answer).toMatchObject({
		status: part === "" ? "error" : "interrupted",
		errorCode: code,
		content: part,
	});
}

/** That the answer came whole. */
export function expectAnswer({ last, answer }: Aftermath, text: string): void {
	expect(last.type).toBe("end");
	expect(answer).toMatchObject({ status: "sent", content: text });
}

/** That the program has closed its connections to the model server. */
export async function expectClosed(requests: readonly RecordedRequest[]): Promise<void> {
	await eventually("the connections to the model server are closed", () => requests.every(({ closedAt }) => closedAt !== undefined), 2000);
}

/** What `/chat/message` answers to the same misbehaviour. */
export async function statusOfMessage(world: World, { prompt = "hello", script }: Misbehaviour) {
	const { person, sessionId } = await world.visitor();
	if (script !== undefined) world.model.answerWith(({ method }) => (method === "POST" ? script : undefined));
	try {
		return await person.call("POST", "/chat/message", { sessionId, prompt });
	} finally {
		world.model.answerWith(undefined);
	}
}

export function countOf(stream: EventStream, type: string): number {
	return stream.events().filter((event) => event.type === type).length;
}

/** `1.2 s`, `35 ms` */
export function time(milliseconds: number): string {
	return milliseconds >= 1000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds)} ms`;
}
