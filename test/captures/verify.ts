// Whether an answer of ours is the recorded one: its status, the header fields that clients use, every recorded member with the same
// value (ids, tokens and times by form). Members beside the recorded ones are ours to add. Says what is wrong as sentences.

import type { Names } from "./names.ts";
import type { Exchange, Json } from "./recording.ts";

export type Answer = { readonly status: number; readonly headers: Headers; readonly text: string };

/** Header fields that clients act upon, each with what it means that ours is the recorded one. */
const FIELDS: Readonly<Record<string, (recorded: string, ours: string) => boolean>> = {
	"content-type": (recorded, ours) => ours.split(";")[0] === recorded.split(";")[0],
	"www-authenticate": (recorded, ours) => ours.split(" ")[0] === recorded,
	location: (recorded, ours) => ours === recorded,
	allow: isWithin,
	"access-control-allow-origin": (recorded, ours) => ours === recorded,
	"access-control-allow-credentials": (recorded, ours) => ours === recorded,
	"access-control-allow-methods": isWithin,
	"access-control-allow-headers": isWithin,
	"access-control-max-age": (recorded, ours) => ours === recorded,
};

function isWithin(recorded: string, ours: string): boolean {
	const words = (list: string) => list.split(",").map((word) => word.trim());
	return words(recorded).every((word) => words(ours).includes(word));
}

/** In an expected body: any number from 0 on. */
export const ANY_COUNT = "<number>";

export function verify(expected: Exchange["response"], answer: Answer, names: Names): string[] {
	const wrong: string[] = [];
	if (answer.status !== expected.status) wrong.push(`status ${answer.status} in place of ${expected.status}`);
	for (const [name, isRight] of Object.entries(FIELDS)) {
		const recorded = expected.headers?.[name];
		const ours = answer.headers.get(name);
		// Bodies that are empty have no type worth comparing.
		if (recorded === undefined || (name === "content-type" && answer.text === "")) continue;
		if (ours === null || !isRight(names.fill(recorded), ours)) wrong.push(`${name}: ${ours} in place of ${recorded}`);
	}
	if (expected.headers?.["access-control-allow-origin"] === undefined && answer.headers.has("access-control-allow-origin"))
		wrong.push("an origin is let in");
	return [...wrong, ...bodyProblems(expected, answer, names)];
}

function bodyProblems({ status, body, rawBody }: Exchange["response"], answer: Answer, names: Names): string[] {
	if (rawBody?.startsWith("data: ")) return compareStreams(framesOf(rawBody), answer, names);
	if (rawBody !== undefined) return answer.text.startsWith(rawBody) && (rawBody !== "" || answer.text === "") ? [] : ["another body"];
	if (status < 400) return body === undefined ? [] : compare(body, parse(answer.text), "body", names);
	return [...problemProblems(answer), ...compare(body ?? {}, parse(answer.text), "body", names)];
}

/** What a problem document must have (RFC 9457, and the contract's own members). */
function problemProblems(answer: Answer): string[] {
	const problem = parse(answer.text);
	if (typeof problem !== "object" || problem === null || isList(problem)) return ["no problem document"];
	const read: { type?: Json; title?: Json; status?: Json; detail?: Json; message?: Json; code?: Json; requestId?: Json } = { ...problem };
	const wrong: string[] = [];
	if (typeof read.detail !== "string" || read.detail === "" || read.message !== read.detail)
		wrong.push("detail and message are not one sentence");
	if (typeof read.title !== "string" || typeof read.type !== "string") wrong.push("no type or title");
	if (read.status !== answer.status) wrong.push("another status inside");
	if (typeof read.code !== "string" || !/^[a-z]+(_[a-z]+)*$/.test(read.code)) wrong.push("no code");
	if (read.requestId !== answer.headers.get("x-request-id")) wrong.push("another request id than the field says");
	if (answer.status === 401 && !answer.headers.get("www-authenticate")?.startsWith("Bearer")) wrong.push("401 without a challenge");
	return wrong;
}

function parse(text: string): Json | undefined {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** Every recorded member, and it alone; arrays whole. */
function compare(recorded: Json, ours: Json | undefined, path: string, names: Names): string[] {
	if (recorded === ANY_COUNT) return typeof ours === "number" && ours >= 0 ? [] : [`${path}: ${JSON.stringify(ours)} is no count`];
	if (typeof recorded === "string") {
		const fits = typeof ours === "string" && names.fits(recorded, ours);
		return fits ? [] : [`${path}: ${JSON.stringify(ours)} in place of ${JSON.stringify(recorded)}`];
	}
	if (isList(recorded)) {
		if (!isList(ours) || ours.length !== recorded.length) return [`${path}: not a list of ${recorded.length}: ${JSON.stringify(ours)}`];
		return recorded.flatMap((item, index) => compare(item, ours[index], `${path}.${index}`, names));
	}
	if (typeof recorded === "object" && recorded !== null) {
		if (typeof ours !== "object" || ours === null || isList(ours)) return [`${path}: no object`];
		const read: { readonly [name: string]: Json } = ours;
		return Object.entries(recorded).flatMap(([name, value]) => compare(value, read[name], `${path}.${name}`, names));
	}
	return recorded === ours ? [] : [`${path}: ${JSON.stringify(ours)} in place of ${JSON.stringify(recorded)}`];
}

function isList(value: Json | undefined): value is readonly Json[] {
	return Array.isArray(value);
}

type Frame = { readonly [name: string]: Json };

function framesOf(text: string): Frame[] {
	return text
		.split("\n\n")
		.filter((frame) => frame !== "")
		.map((frame) => JSON.parse(frame.slice("data: ".length)));
}

/** The recorded frames in their order, with a start before them and nothing between but pings and the queue. */
function compareStreams(recorded: readonly Frame[], answer: Answer, names: Names): string[] {
	if (!/^(data: [^\r\n]+\n\n)+$/.test(answer.text)) return [`not one line "data: …" and a blank line each: ${JSON.stringify(answer.text)}`];
	const [first, ...rest] = framesOf(answer.text);
	const wrong: string[] = [];
	if (first?.type !== "start") wrong.push("no start");
	for (const name of ["messageId", "userMessageId", "generationId"])
		if (!/^[0-9a-f]{24}$/.test(String(first?.[name]))) wrong.push(`start has no ${name}`);
	const told = rest.filter(({ type }) => type !== "ping" && type !== "queued");
	const numbered = told.filter(({ type }) => type === "token").map(({ seq }) => seq);
	if (numbered.some((seq, index) => seq !== index + 1)) wrong.push(`tokens are numbered ${numbered}`);
	for (const frame of told) if (frame.type === "error") wrong.push(...errorFrameProblems(frame));
	return [...wrong, ...compare(recorded, told, "stream", names)];
}

/** An error frame is shown to the person as it is: a sentence, and nothing of the upstream's. */
function errorFrameProblems({ error, code, retryable }: Frame): string[] {
	const isSentence = typeof error === "string" && /^[A-Z].*\.$/.test(error) && !/https?:|\n|[{}<>]/.test(error);
	return isSentence && typeof code === "string" && typeof retryable === "boolean" ? [] : [`not fit to be read: ${JSON.stringify(error)}`];
}
