// The OpenAPI document as tests look at it, and a judge of values by its schemas.

import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { createParser } from "eventsource-parser";

export type Schema = { readonly [keyword: string]: unknown };
export type Media = {
	readonly schema?: Schema;
	readonly example?: unknown;
	readonly examples?: Readonly<Record<string, { readonly $ref: string }>>;
};
export type Answer = { readonly description: string; readonly content?: Readonly<Record<string, Media>> };
export type Parameter = { readonly name: string; readonly in: string; readonly required: boolean; readonly schema: Schema };
export type Operation = {
	readonly operationId: string;
	readonly tags: readonly string[];
	readonly summary: string;
	readonly description: string;
	readonly security: readonly object[];
	readonly parameters?: readonly Parameter[];
	readonly requestBody?: { readonly description: string; readonly required: boolean; readonly content: Readonly<Record<string, Media>> };
	readonly responses: Readonly<Record<string, Answer>>;
	readonly "x-access": string;
	readonly "x-key-scopes"?: readonly string[];
};
export type ApiDocument = {
	readonly openapi: string;
	readonly info: { readonly title: string; readonly version: string; readonly description: string };
	readonly tags: readonly { readonly name: string }[];
	readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
	readonly components: {
		readonly schemas: Readonly<Record<string, Schema>>;
		readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
		readonly securitySchemes: Readonly<Record<string, object>>;
	};
};

export type Row = { readonly method: string; readonly path: string; readonly operation: Operation };

/** Every operation with its verb, in upper case, and its path. */
export function rowsOf({ paths }: ApiDocument): Row[] {
	return Object.entries(paths).flatMap(([path, operations]) =>
		Object.entries(operations).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
	);
}

/** What is wrong with a value; nothing when it fits. */
export type Judge = (schema: Schema, value: unknown) => readonly string[];

/** `closed`: a member that a schema does not describe is wrong, too. */
export function createJudge({ components }: ApiDocument, { closed = false } = {}): Judge {
	const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true });
	addFormats.default(ajv);
	ajv.addVocabulary(["components", "example"]);
	const schemas = closed
		? Object.fromEntries(Object.entries(components.schemas).map(([name, schema]) => [name, close(schema)]))
		: components.schemas;
	// Many operations answer with the same schema, and compiling one takes longer than everything else here.
	const compiled = new Map<string, ReturnType<typeof ajv.compile>>();
	const compile = (schema: Schema) => {
		const key = JSON.stringify(schema);
		const validate = compiled.get(key) ?? ajv.compile({ allOf: [closed ? close(schema) : schema], components: { schemas } });
		compiled.set(key, validate);
		return validate;
	};
	return (schema, value) => {
		const validate = compile(schema);
		validate(value);
		return (validate.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
	};
}

/** What is wrong with the body of an answer; of an event stream, each event and the JSON in it are judged. */
export function problemsOfBody(judge: Judge, type: string, schema: Schema, body: unknown): readonly string[] {
	if (type !== "text/event-stream") return judge(schema, body);
	const problems: string[] = [];
	let events = 0;
	const parser = createParser({
		onEvent: ({ data, id }) => {
			events += 1;
			problems.push(...judge(schema, { data, ...(id === undefined ? {} : { id }) }));
			problems.push(...judge({ $ref: "#/components/schemas/GenerationEvent" }, JSON.parse(data)));
		},
		onComment: (comment) => problems.push(`a comment: ${comment}`),
		onError: (error) => problems.push(String(error)),
	});
	parser.feed(String(body));
	return events === 0 ? ["there is no event in it"] : problems;
}

function close(schema: Schema): Schema {
	const parts = Object.entries(schema).map(([keyword, value]) => [keyword, closeValue(keyword, value)]);
	return { ...(schema.properties === undefined ? {} : { additionalProperties: false }), ...Object.fromEntries(parts) };
}

function closeValue(keyword: string, value: unknown): unknown {
	if (Array.isArray(value)) return value.map((item) => (isSchema(item) ? close(item) : item));
	if (!isSchema(value)) return value;
	if (keyword !== "properties") return close(value);
	return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, isSchema(member) ? close(member) : member]));
}

function isSchema(value: unknown): value is Schema {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
