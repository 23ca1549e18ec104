// The OpenAPI document, made from the routes as they stand in the router. @elysiajs/openapi reads routes, parameters and schemas; this
// adds what it cannot know: examples of bodies, the errors, the shapes of answers. Loaded only when the reference is asked for.

import { toOpenAPISchema, unwrapSchema } from "@elysiajs/openapi/openapi";
import type { AnyElysia } from "elysia";
import type { ErrorCode } from "../domain/errors.ts";
import { CHAT_BODY, SMALL_BODY } from "../http/body.ts";
import type { Access, Operation } from "../http/describe.ts";
import { SCHEMAS, type Schema } from "../http/schemas.ts";
import { PROBLEM_HEADERS, problemAnswers, problemExamples } from "./problems.ts";
import { tidySchema } from "./tidy.ts";
import { INTRODUCTION, TAGS } from "./words.ts";

const OPENAPI = "3.1.2";

type Parameter = { readonly name: string; readonly in: string; readonly required?: boolean; readonly description?: string; schema: Schema };
type RawOperation = Operation & { readonly parameters?: readonly Parameter[] };
type Route = { readonly method: string; readonly path: string; readonly hooks: { readonly body?: unknown } };

export type DocumentOptions = {
	/** With all its routes. */
	readonly app: AnyElysia;
	readonly version: string;
	/** What most addresses begin with; left out of the operations' names. */
	readonly prefix: string;
};

/** The whole document. Every route is in it but those that only answer CORS preflights. */
export async function buildDocument({ app, version, prefix }: DocumentOptions): Promise<object> {
	const known = toOpenAPISchema(app, { methods: ["options"], staticFile: false }, undefined, undefined, OPENAPI).paths;
	const routes: readonly Route[] = app.routes;
	const paths: Record<string, Record<string, object>> = {};
	const codes = new Set<ErrorCode>();
	for (const route of routes) {
		const template = route.path.replace(/:([^/]+)/g, "{$1}");
		const method = route.method.toLowerCase();
		const operation: unknown = Object.entries(known[template] ?? {}).find(([verb]) => verb === method)?.[1];
		if (!isDescribed(operation)) continue;
		const path = publicPath(template);
		const errors = errorsOf(operation, route, path);
		for (const code of errors) codes.add(code);
		paths[path] = { ...paths[path], [method]: operationOf(operation, { route, path, errors, prefix }) };
	}
	return {
		openapi: OPENAPI,
		info: { title: "PocketLLM", version, description: INTRODUCTION, license: { name: "MIT", identifier: "MIT" } },
		servers: [{ url: "/", description: "This server" }],
		tags: TAGS,
		paths,
		components: {
			securitySchemes: {
				bearer: {
					type: "http",
					scheme: "bearer",
					bearerFormat: "JWT",
					description: "The `token` that signing up or signing in answers, good for `expiresIn` seconds; or a personal key.",
				},
			},
			schemas: SCHEMAS,
			headers: PROBLEM_HEADERS,
			examples: await problemExamples(codes),
		},
	};
}

/** The access table closes every route that `describe` has not described; what is left is the plugin's answer to preflights. */
function isDescribed(operation: unknown): operation is RawOperation {
	return typeof operation === "object" && operation !== null && "x-access" in operation && "x-errors" in operation;
}

/** Without a last slash, which the router does not ask for, and with a name for what a wildcard stands for. */
function publicPath(template: string): string {
	const named = template.replace("*", "{id}");
	return named.length > 1 && named.endsWith("/") ? named.slice(0, -1) : named;
}

const READING_BODIES: readonly ErrorCode[] = ["bad_json", "unsupported_media_type", "body_too_large"];

function errorsOf(operation: RawOperation, { method, hooks }: Route, path: string): readonly ErrorCode[] {
	// A body is read, and judged, before a handler sees the request, also where none is asked for.
	const ofBody: readonly ErrorCode[] = method === "GET" ? [] : [...READING_BODIES, "validation_failed"];
	const ofQuery: readonly ErrorCode[] = hasIn(operation, "query") || hooks.body !== undefined ? ["validation_failed"] : [];
	const ofPath: readonly ErrorCode[] = path.includes("{id}") && !path.includes("/models/") ? ["invalid_id"] : [];
	const all = [...new Set([...operation["x-errors"], ...ofPath, ...ofQuery, ...ofBody])];
	return operation.tags.includes("Health") ? all.filter((code) => code !== "rate_limited") : all;
}

function hasIn({ parameters }: RawOperation, place: string): boolean {
	return parameters?.some((parameter) => parameter.in === place) === true;
}

type Place = { readonly route: Route; readonly path: string; readonly errors: readonly ErrorCode[]; readonly prefix: string };

function operationOf(operation: RawOperation, { route, path, errors, prefix }: Place): object {
	const parameters = parametersOf(operation, path);
	const body = bodyOf(operation, route);
	return {
		operationId: operationId(route.method, path.startsWith(prefix) ? path.slice(prefix.length) : path),
		tags: operation.tags,
		summary: operation.summary,
		description: `${operation.description.replace(/(?<![.!?])$/, ".")}\n\n${audienceOf(operation)}`,
		security: operation.security,
		...(parameters.length === 0 ? {} : { parameters }),
		...(body === undefined ? {} : { requestBody: body }),
		responses: answersOf(operation, errors),
		"x-access": operation["x-access"],
		...(operation["x-key-scopes"].length === 0 ? {} : { "x-key-scopes": operation["x-key-scopes"] }),
	};
}

const AUDIENCE: Readonly<Record<Access, string>> = {
	anonymous: "For anybody.",
	user: "For people who have signed in",
	admin: "For administrators, never with a personal key.",
};

function audienceOf({ "x-access": access, "x-key-scopes": keys }: RawOperation): string {
	if (access !== "user") return AUDIENCE[access];
	const scopes = keys.map((scope) => `\`${scope}\``).join(" or ");
	return `${AUDIENCE.user}, ${keys.length === 0 ? "never with a personal key" : `also with a personal key with the scope ${scopes}`}.`;
}

/** `GET /chat/sessions/{id}` is `getChatSessionsById`. */
function operationId(method: string, path: string): string {
	const words = path
		.replaceAll("{id}", "by-id")
		.split(/[^a-zA-Z0-9]+/)
		.filter((word) => word !== "");
	if (words.length === 0) words.push("root");
	return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

const ID: Schema = { type: "string", pattern: "^[0-9A-Fa-f]{24}$" };

function parametersOf(operation: RawOperation, path: string): object[] {
	const inPath = path.includes("{id}")
		? [
				path.includes("/models/")
					? { name: "id", in: "path", required: true, description: "Percent-encoded, for it may hold slashes.", schema: { type: "string" } }
					: { name: "id", in: "path", required: true, schema: ID },
			]
		: [];
	const inQuery = (operation.parameters ?? [])
		.filter((parameter) => parameter.in === "query")
		.map(({ name, required, schema }) => {
			const { description, ...tidied } = tidySchema(schema);
			return {
				name,
				in: "query",
				required: required === true && tidied.default === undefined,
				...(description === undefined ? {} : { description }),
				schema: tidied,
			};
		});
	const inHeader = Object.entries(operation["x-headers"]).map(([name, description]) => ({
		name,
		in: "header",
		required: false,
		description,
		schema: { type: "string" },
	}));
	return [...inPath, ...inQuery, ...inHeader];
}

function bodyOf(operation: RawOperation, { hooks }: Route): object | undefined {
	if (hooks.body === undefined) return undefined;
	const given: unknown = unwrapSchema(schemaOf(hooks.body), undefined, "input", OPENAPI);
	const schema = tidySchema(given);
	const example = operation["x-body-example"];
	return {
		description: operation["x-large-body"] ? `At most ${CHAT_BODY / 1024 / 1024} MiB.` : `At most ${SMALL_BODY / 1024} KiB.`,
		required: operation["x-needs-body"],
		content: { "application/json": { schema, ...(example === undefined ? {} : { example }) } },
	};
}

/** Our routes hold schemas, never names of schemas. */
function schemaOf(body: unknown): Extract<Parameters<typeof unwrapSchema>[0], object> {
	if (!isTypeBox(body)) throw new Error("the body of a route is described by a TypeBox schema");
	return body;
}

function isTypeBox(value: unknown): value is Extract<Parameters<typeof unwrapSchema>[0], object> {
	return typeof value === "object" && value !== null;
}

/** Good answers and errors; a status that can be both has a content type for each. */
function answersOf({ responses }: RawOperation, errors: readonly ErrorCode[]): object {
	const answers: Record<string, { description: string; content?: object }> = { ...responses };
	for (const [status, problem] of problemAnswers(errors)) {
		const good = answers[status];
		answers[status] =
			good === undefined
				? problem
				: { ...problem, description: `${good.description} · ${problem.description}`, content: { ...good.content, ...problem.content } };
	}
	return answers;
}
