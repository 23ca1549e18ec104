// The OpenAPI document: that it is one, that it names every route and no other, and that its examples are true to its schemas.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { openApp } from "./app.ts";
import { type ApiDocument, createJudge, problemsOfBody, type Row, rowsOf } from "./schema.ts";

let app: Awaited<ReturnType<typeof openApp>>;
let text = "";
let document: ApiDocument;
let rows: readonly Row[] = [];

beforeAll(async () => {
	app = await openApp();
	const answer = await app.get("/api/v1/docs/openapi.json");
	expect(answer.status).toBe(200);
	expect(answer.headers.get("content-type")).toBe("application/json");
	text = await answer.text();
	document = JSON.parse(text);
	rows = rowsOf(document);
});
afterAll(() => app?.close());

describe("the OpenAPI document", () => {
	test("is valid OpenAPI 3.1, and the same at both addresses", async () => {
		const { valid, errors } = await new Validator().validate(JSON.parse(text));
		expect(errors).toBeUndefined();
		expect(valid).toBe(true);
		expect(await (await app.get("/api/v1/openapi.json")).text()).toBe(text);
	});

	test("names the program, its version and how to sign in", () => {
		expect([document.info.title, document.info.version]).toEqual(["PocketLLM", "1.2.3"]);
		expect(document.components.securitySchemes.bearer).toMatchObject({ type: "http", scheme: "bearer" });
	});

	test("has every row of the access table with its access, and no other", () => {
		const expected = app.access
			.rows()
			.filter(({ access }) => access !== undefined)
			.map(
				({ method, path, access }) =>
					`${method} ${path
						.replace(/:(\w+)/g, "{$1}")
						.replace("*", "{id}")
						.replace(/(.)\/$/, "$1")} ${access}`,
			);
		const shown = rows.map(({ method, path, operation }) => `${method} ${path} ${operation["x-access"]}`);
		expect(shown.toSorted()).toEqual(expected.toSorted());
		expect(expected.length).toBeGreaterThan(40);
	});

	test("says which personal keys may call a route, as the access table does", () => {
		const inTable = app.access.rows().filter(({ keys }) => keys.length > 0);
		const inDocument = rows.filter(({ operation }) => operation["x-key-scopes"] !== undefined);
		const listed = (keys: readonly string[]) => keys.toSorted().join();
		expect(inDocument.map(({ operation }) => listed(operation["x-key-scopes"] ?? [])).toSorted()).toEqual(
			inTable.map(({ keys }) => listed(keys)).toSorted(),
		);
		expect(inDocument.every(({ operation }) => operation["x-access"] === "user")).toBe(true);
	});

	test("asks for a bearer token exactly where somebody must have signed in", () => {
		for (const { method, path, operation } of rows) {
			const security = operation["x-access"] === "anonymous" ? [] : [{ bearer: [] }];
			expect(`${method} ${path} ${JSON.stringify(operation.security)}`).toBe(`${method} ${path} ${JSON.stringify(security)}`);
		}
	});

	test("has a name of its own, a summary, a described tag and a good answer for every operation", () => {
		const names = rows.map(({ operation }) => operation.operationId);
		expect(new Set(names).size).toBe(names.length);
		const tags = new Set(document.tags.map(({ name }) => name));
		const lacking = rows.filter(
			({ operation: { operationId, summary, tags: own, responses } }) =>
				!/^[a-z]+([A-Z][a-z0-9]*)+$/.test(operationId) ||
				summary === "" ||
				own.length !== 1 ||
				!own.every((tag) => tags.has(tag)) ||
				!Object.keys(responses).some((status) => status.startsWith("2")),
		);
		expect(lacking.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
	});

	test("shows no last slash, no wildcard, and nothing that is for the program itself", () => {
		expect(Object.keys(document.paths).filter((path) => /.\/$|[*:]/.test(path))).toEqual([]);
		expect([...new Set(text.match(/"x-[a-z-]+"/g))]).toEqual(['"x-access"', '"x-key-scopes"']);
		expect(text).not.toContain('"expects"');
	});

	test("shows the true form of ids, numbers, words and addresses, not what the router makes of them", () => {
		const bodyOf = (path: string) => document.paths[`/api/v1${path}`]?.post?.requestBody?.content["application/json"]?.schema?.properties;
		expect(bodyOf("/chat/stream")).toMatchObject({
			sessionId: { type: "string", pattern: "^[0-9A-Fa-f]{24}$", minLength: 24, maxLength: 24 },
			onDisconnect: { enum: ["continue", "stop"] },
			temperature: { type: ["number", "null"], minimum: 0, maximum: 2 },
		});
		expect(bodyOf("/auth/signup")).toMatchObject({ email: { type: "string", format: "email" }, password: { maxLength: 1024 } });
		const list = document.paths["/api/v1/chat/sessions"]?.get?.parameters;
		expect(list?.find(({ name }) => name === "limit")).toMatchObject({
			in: "query",
			required: false,
			schema: { type: "integer", minimum: 1, maximum: 100, default: 20 },
		});
		const sort = list?.find(({ name }) => name === "sortBy")?.schema;
		expect(sort?.enum).toEqual(["createdAt", "updatedAt", "title"]);
		expect(sort).not.toHaveProperty("default");
	});

	test("every JSON answer and every body has a schema, and every body that is needed an example", () => {
		const lacking: string[] = [];
		for (const { method, path, operation } of rows) {
			for (const [status, { content = {} }] of Object.entries(operation.responses)) {
				for (const [type, media] of Object.entries(content))
					if (media.schema === undefined) lacking.push(`${method} ${path} ${status} ${type}`);
			}
			if (operation.requestBody === undefined) continue;
			expect(Object.keys(operation.requestBody.content)).toEqual(["application/json"]);
			const media = operation.requestBody.content["application/json"];
			if (media?.schema?.properties === undefined) lacking.push(`${method} ${path} schema of the body`);
			if (operation.requestBody.required && media?.example === undefined) lacking.push(`${method} ${path} example of the body`);
		}
		expect(lacking).toEqual([]);
	});

	test("every example fits its schema, and holds no member that is not described", () => {
		const judge = createJudge(document, { closed: true });
		const wrong: string[] = [];
		let examples = 0;
		for (const { method, path, operation } of rows) {
			const bodies: readonly (readonly [string, { content?: ApiDocument["paths"][string][string]["responses"][string]["content"] }])[] = [
				["body", operation.requestBody ?? {}],
				...Object.entries(operation.responses),
			];
			for (const [where, { content = {} }] of bodies) {
				for (const [type, media] of Object.entries(content)) {
					const named = Object.values(media.examples ?? {}).map(
						({ $ref }) => document.components.examples[$ref.split("/").at(-1) ?? ""]?.value,
					);
					for (const example of media.example === undefined ? named : [media.example, ...named]) {
						examples += 1;
						for (const error of problemsOfBody(judge, type, media.schema ?? {}, example))
							wrong.push(`${method} ${path} ${where}: ${error}`);
					}
				}
			}
		}
		expect(wrong).toEqual([]);
		expect(examples).toBeGreaterThan(400);
	});

	test("every example of an error says what the server would say: its status, its code and the whole problem", () => {
		for (const { operation } of rows) {
			for (const [status, { content }] of Object.entries(operation.responses)) {
				for (const [name, { $ref }] of Object.entries(content?.["application/problem+json"]?.examples ?? {})) {
					expect($ref).toBe(`#/components/examples/${name}`);
					expect(document.components.examples[name]?.value).toMatchObject({ status: Number(status), code: name });
				}
			}
		}
	});
});
