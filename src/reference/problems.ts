// The errors of the routes as OpenAPI answers: one per status, with an example for each code that can stand behind it.

import { ERROR_SENTENCES, type ErrorCode, type ErrorDetails, PocketError } from "../domain/errors.ts";
import { problemResponse, STATUS } from "../http/problem.ts";
import type { Schema } from "../http/schemas.ts";

export type Reference = { readonly $ref: string };
export type Header = { readonly description: string; readonly schema: Schema };
export type ProblemAnswer = {
	readonly description: string;
	readonly headers?: Readonly<Record<string, Reference>>;
	readonly content: {
		readonly "application/problem+json": { readonly schema: Reference; readonly examples: Readonly<Record<string, Reference>> };
	};
};

const EXAMPLE_REQUEST = "0b6f2f0e-7c1c-4b6e-9d56-3f1b2c1f4a55";

/** Members that only some codes have. */
const DETAILS: Readonly<Partial<Record<ErrorCode, ErrorDetails>>> = {
	validation_failed: {
		sentence: "body.email must be an e-mail address.",
		fields: [{ path: "body.email", message: "must be an e-mail address" }],
	},
	generation_in_progress: { extra: { generationId: "6b041e0241cb1347a28169cc" } },
};

export const PROBLEM_HEADERS: Readonly<Record<string, Header>> = {
	"WWW-Authenticate": { description: "RFC 6750.", schema: { type: "string", pattern: "^Bearer " } },
	"Retry-After": { description: "Seconds after which another try makes sense.", schema: { type: "integer", minimum: 1 } },
	RateLimit: { description: "What is left of the limit, and in how many seconds it is whole again.", schema: { type: "string" } },
	"RateLimit-Policy": { description: "The limit: how many in how many seconds.", schema: { type: "string" } },
};

const HEADERS_BY_STATUS: Readonly<Record<number, readonly string[]>> = {
	401: ["WWW-Authenticate"],
	429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
	503: ["Retry-After"],
};

/** Answers by status, in rising order. */
export function problemAnswers(codes: Iterable<ErrorCode>): [status: string, answer: ProblemAnswer][] {
	const groups = new Map<number, ErrorCode[]>();
	for (const code of new Set(codes)) groups.set(STATUS[code], [...(groups.get(STATUS[code]) ?? []), code]);
	return [...groups].sort(([a], [b]) => a - b).map(([status, group]) => [String(status), answerOf(status, group)]);
}

function answerOf(status: number, codes: readonly ErrorCode[]): ProblemAnswer {
	const headers = (HEADERS_BY_STATUS[status] ?? []).map((name) => [name, { $ref: `#/components/headers/${name}` }]);
	return {
		description: codes.map((code) => `\`${code}\`: ${ERROR_SENTENCES[code]}`).join(" · "),
		...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
		content: {
			"application/problem+json": {
				schema: { $ref: "#/components/schemas/Problem" },
				examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
			},
		},
	};
}

/** The examples that the answers above refer to: what the server itself would say. */
export async function problemExamples(codes: Iterable<ErrorCode>): Promise<Record<string, { summary: string; value: unknown }>> {
	const examples: Record<string, { summary: string; value: unknown }> = {};
	for (const code of [...new Set(codes)].sort()) {
		const answer = problemResponse(new PocketError(code, DETAILS[code]), EXAMPLE_REQUEST);
		examples[code] = { summary: ERROR_SENTENCES[code], value: await answer.json() };
	}
	return examples;
}
