// What the document says is what the program answers: every operation is called, well and badly, and each answer must have a status, a
// content type and a shape that the document gives for it, without a member that it does not describe.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Account, type Call, type Gateway, type Reply, startGateway } from "../http/gateway.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { type ApiDocument, createJudge, type Judge, problemsOfBody, type Row, rowsOf } from "./schema.ts";

setDefaultTimeout(120_000);

const HEADER_LOGIN = { HEADER_LOGIN_NAME: "Remote-Email", HEADER_LOGIN_PROXIES: "127.0.0.1" };
const UNKNOWN = "0123456789abcdef01234567";

let model: ModelServer;
let server: Gateway;
let document: ApiDocument;
let judge: Judge;
let admin: Account;
const answered = new Set<string>();

beforeAll(async () => {
	model = startModelServer({ tokens: ["Paris", " it is"], models: ["small/model"] });
	server = await startGateway({ settings: { UPSTREAMS: `openai+${model.baseUrl}`, RESET_LINKS_IN_LOG: "true", ...HEADER_LOGIN } });
	document = JSON.parse((await server.call("GET", "/openapi.json")).text);
	judge = createJudge(document, { closed: true });
});
afterAll(async () => {
	await model?.stop();
	await server?.stop();
});

/** What is wrong with an answer, by the document. */
function problemsOf({ method, path, operation }: Row, { status, headers, text, json }: Reply): string[] {
	const where = `${method} ${path} → ${status}`;
	const described = operation.responses[String(status)];
	if (status === 500) return [`${where} is a defect of ours: ${text.slice(0, 300)}`];
	if (described === undefined) return [`${where} is not described: ${text.slice(0, 300)}`];
	answered.add(`${method} ${path} ${status}`);
	const type = headers.get("content-type")?.split(";")[0];
	if (described.content === undefined) return text === "" ? [] : [`${where} has a body, and none is described`];
	const media = described.content[type ?? ""];
	if (media === undefined) return [`${where} has the type ${type}, which is not described`];
	return problemsOfBody(judge, type ?? "", media.schema ?? {}, type?.endsWith("json") ? json : text).map(
		(error) => `${where}: ${error} in ${text.slice(0, 500)}`,
	);
}

function rowOf(method: string, path: string): Row {
	const operation = document.paths[path]?.[method.toLowerCase()];
	if (operation === undefined) throw new Error(`the document has no ${method} ${path}`);
	return { method, path, operation };
}

/** One good call: the address filled in, the status as expected, the answer as described. */
async function good(status: number, method: string, path: string, id = "", call: Call = {}, query = ""): Promise<Reply> {
	const reply = await server.root(method, path.replace("{id}", encodeURIComponent(id)) + query, call);
	expect([path, reply.status, reply.text.slice(0, 300)]).toEqual([path, status, reply.text.slice(0, 300)]);
	expect(problemsOf(rowOf(method, path), reply)).toEqual([]);
	return reply;
}

describe("every answer is one that the document describes", () => {
	test("when all goes well", async () => {
		await good(200, "GET", "/");
		await good(200, "GET", "/healthz");
		await good(200, "GET", "/readyz");
		for (const page of ["/setup", "/invite", "/reset"]) await good(200, "GET", page);
		for (const path of ["/docs", "/docs/openapi.json", "/openapi.json", "/docs/scalar.js"]) await good(200, "GET", `/api/v1${path}`);
		admin = await claim();
		const asAdmin = { token: admin.token };
		const account = await join("anna@example.com");
		const { token, refreshToken } = account;
		const anna = { token };

		await good(200, "GET", "/api/v1/auth/me", "", anna);
		await good(200, "POST", "/api/v1/auth/header", "", { headers: { "remote-email": "anna@example.com" } });
		await good(200, "POST", "/api/v1/auth/refresh", "", anna);
		await good(200, "POST", "/api/v1/auth/refresh", "", { body: { refreshToken } });
		await good(202, "POST", "/api/v1/auth/password-reset", "", { body: { email: "anna@example.com" } });
		await good(200, "GET", "/api/v1/users/profile", "", anna);
		await good(200, "PATCH", "/api/v1/users/profile", "", { ...anna, body: { name: "Anna", avatar_url: "https://example.com/a.png" } });
		await good(200, "PUT", "/api/v1/users/profile", "", { ...anna, body: { name: null } });
		await good(204, "POST", "/api/v1/users/change-password", "", {
			...anna,
			body: { currentPassword: "a-Tall-ladder-77", newPassword: "a-Taller-ladder-78" },
		});

		const key = await good(201, "POST", "/api/v1/auth/keys", "", { ...anna, body: { name: "script", expiresInDays: null } });
		await good(200, "GET", "/api/v1/auth/keys", "", anna);
		await good(204, "DELETE", "/api/v1/auth/keys/{id}", key.textAt("id"), anna);
		await good(200, "DELETE", "/api/v1/auth/keys", "", anna);

		await good(200, "GET", "/api/v1/llm/models", "", anna);
		await good(200, "GET", "/api/v1/llm/models/{id}", "small/model", anna);

		const sessionId = (await good(201, "POST", "/api/v1/chat/sessions", "", { ...anna, body: { metadata: { a: [1, null] } } })).textAt(
			"id",
		);
		await good(204, "GET", "/api/v1/chat/sessions/{id}/generation", sessionId, anna);
		const turn = { sessionId, prompt: "What is the capital of France?" };
		await good(200, "POST", "/api/v1/chat/message", "", { ...anna, body: { ...turn, messageId: "first" } });
		await good(200, "POST", "/api/v1/chat/message", "", { ...anna, body: { ...turn, messageId: "first" } });
		const stream = await good(200, "POST", "/api/v1/chat/stream", "", { ...anna, body: turn });
		const generationId = /"generationId":"(\w+)"/.exec(stream.text)?.[1] ?? "";
		await good(200, "GET", "/api/v1/chat/generations/{id}/events", generationId, anna);
		await good(202, "POST", "/api/v1/chat/generations/{id}/stop", generationId, anna);
		await good(200, "POST", "/api/v1/chat/sessions/{id}/generate-title", sessionId, anna);
		await good(200, "POST", "/api/v1/chat/sessions/{id}/regenerate", sessionId, anna);
		await good(200, "POST", "/api/v1/chat/sessions/{id}/regenerate", sessionId, { ...anna, body: { temperature: 1 } });

		await good(200, "GET", "/api/v1/chat/sessions", "", anna, "?page=1&limit=5&sortBy=title&sort_order=asc");
		await good(200, "GET", "/api/v1/chat/sessions/{id}", sessionId.toUpperCase(), anna);
		await good(200, "PATCH", "/api/v1/chat/sessions/{id}", sessionId, { ...anna, body: { title: "Capitals", systemPrompt: "Be brief." } });
		const messages = await good(200, "GET", "/api/v1/chat/sessions/{id}/messages", sessionId, anna);
		await good(200, "GET", "/api/v1/chat/messages/{id}/versions", messages.textAt("messages.3.id"), anna);
		await good(200, "PATCH", "/api/v1/chat/messages/{id}", messages.textAt("messages.2.id"), {
			...anna,
			body: { content: "And of Italy?" },
		});
		await good(200, "GET", "/api/v1/sessions/{id}/messages", sessionId, anna, "?limit=2&offset=1");
		await good(201, "POST", "/api/v1/sessions/{id}/messages", sessionId, { ...anna, body: { role: "user", content: "Note" } });

		await good(200, "GET", "/api/v1/admin/audit", "", asAdmin, "?user=anna@example.com&action=login&since=2026-01-01&limit=2");
		const trail = await good(200, "GET", "/api/v1/admin/audit", "", asAdmin);
		await good(200, "GET", "/api/v1/admin/audit", "", asAdmin, `?before=${trail.textAt("entries.0.id")}`);

		await good(200, "GET", "/api/v1/users", "", asAdmin);
		const made = await good(201, "POST", "/api/v1/users", "", {
			...asAdmin,
			body: { email: "dave@example.com", password: "a-Tall-ladder-77" },
		});
		await good(200, "GET", "/api/v1/users/{id}", made.textAt("id"), asAdmin);
		await good(200, "GET", "/api/v1/chat/sessions/users/{id}", made.textAt("id"), asAdmin);
		await good(200, "POST", "/api/v1/admin/users/{id}/toggle-admin", made.textAt("id"), asAdmin);
		for (const list of ["metrics", "users", "sessions", "messages"]) await good(200, "GET", `/api/v1/admin/${list}`, "", asAdmin);

		const dave = made.textAt("id");
		await good(200, "GET", "/api/v1/users/me/export", "", anna);
		await good(200, "GET", "/api/v1/admin/users/{id}/export", account.id, asAdmin);
		await good(200, "GET", "/api/v1/admin/users/{id}", dave, asAdmin);
		await good(200, "PATCH", "/api/v1/admin/users/{id}", dave, { ...asAdmin, body: { is_admin: true, disabled: false } });
		const link = await good(201, "POST", "/api/v1/admin/users/{id}/reset-link", dave, asAdmin);
		await good(200, "GET", "/api/v1/admin/users/{id}/logins", account.id, asAdmin, "?limit=1");
		await good(204, "DELETE", "/api/v1/admin/users/{id}/logins", dave, asAdmin);
		const invitation = await good(201, "POST", "/api/v1/admin/invitations", "", { ...asAdmin, body: { note: "for Erin" } });
		await good(200, "GET", "/api/v1/admin/invitations", "", asAdmin);
		await good(204, "DELETE", "/api/v1/admin/invitations/{id}", invitation.textAt("id"), asAdmin);
		const erin = await join("erin@example.com");
		await good(200, "POST", "/api/v1/admin/users/{id}/reset-password", erin.id, asAdmin);
		await good(204, "DELETE", "/api/v1/admin/users/{id}", erin.id, asAdmin);
		const frank = await join("frank@example.com");
		const places = await good(200, "GET", "/api/v1/auth/sessions", "", { token: frank.token }, "?skip=0&limit=10");
		await good(204, "DELETE", "/api/v1/auth/sessions/{id}", places.textAt("sessions.1.id"), { token: frank.token });
		await good(204, "DELETE", "/api/v1/auth/sessions", "", { token: frank.token }, "?except=current");
		await good(204, "DELETE", "/api/v1/users/me", "", { token: frank.token, body: { password: "a-Tall-ladder-77" } });

		await good(204, "DELETE", "/api/v1/chat/sessions/{id}/messages", sessionId, anna);
		await good(204, "DELETE", "/api/v1/chat/sessions/{id}", sessionId, anna);
		await good(204, "POST", "/api/v1/auth/logout", "", anna);
		const reset = link.textAt("link").split("#")[1];
		await good(204, "POST", "/api/v1/auth/password-reset/confirm", "", { body: { token: reset, newPassword: "a-Tall-ladder-77" } });
	});

	test("while an answer is being made, and of an answer that failed", async () => {
		const { token } = await server.login("dave@example.com");
		const sessionId = (await server.call("POST", "/chat/sessions", { token, body: {} })).textAt("id");
		model.answerWith((request) => (request.path.endsWith("/chat/completions") ? [{ wait: 60_000 }, { end: "close" }] : undefined));
		const running = server.call("POST", "/chat/message", { token, body: { sessionId, prompt: "Think", messageId: "slow" } });
		let reply = await server.call("GET", `/chat/sessions/${sessionId}/generation`, { token });
		while (reply.status === 204) reply = await server.call("GET", `/chat/sessions/${sessionId}/generation`, { token });
		await good(200, "GET", "/api/v1/chat/sessions/{id}/generation", sessionId, { token });
		await good(200, "GET", "/api/v1/admin/generations", "", { token: admin.token });
		await good(409, "POST", "/api/v1/chat/message", "", { token, body: { sessionId, prompt: "And this" } });
		await good(409, "DELETE", "/api/v1/chat/sessions/{id}/messages", sessionId, { token });
		await good(202, "POST", "/api/v1/admin/generations/{id}/stop", reply.textAt("generationId"), { token: admin.token });
		expect(problemsOf(rowOf("POST", "/api/v1/chat/message"), await running)).toEqual([]);

		model.answerWith((request) =>
			request.path.endsWith("/chat/completions") ? [{ send: "nonsense\r\n\r\n" }, { end: "close" }] : undefined,
		);
		const failed = await server.call("POST", "/chat/message", { token, body: { sessionId, prompt: "Fail" } });
		expect(failed.status).toBeGreaterThanOrEqual(500);
		expect(problemsOf(rowOf("POST", "/api/v1/chat/message"), failed)).toEqual([]);
		await good(200, "GET", "/api/v1/chat/sessions/{id}/messages", sessionId, { token });
		model.answerWith([{ end: "close" }]);
	});

	test("when the call is wrong in any of the usual ways", async () => {
		const wrong: string[] = [];
		for (const row of rowsOf(document)) {
			// Two of these calls sign out.
			const signsOut = row.path.endsWith("/logout") || (row.method === "DELETE" && row.path.endsWith("/auth/sessions"));
			const { token } = signsOut ? await server.login(admin.email) : admin;
			for (const [path, method, call] of badCalls(row, token)) wrong.push(...problemsOf(row, await server.root(method, path, call)));
		}
		expect(wrong).toEqual([]);
	});

	test("and no operation was left out", () => {
		const left = rowsOf(document)
			.filter(
				({ method, path, operation }) =>
					!Object.keys(operation.responses).some((status) => status < "300" && answered.has(`${method} ${path} ${status}`)),
			)
			.map(({ method, path }) => `${method} ${path}`);
		expect(left).toEqual([]);
	});
});

async function claim(): Promise<Account> {
	const body = { token: await server.setupToken(), email: "admin@example.com", password: "a-Tall-ladder-77", name: "Admin" };
	return accountOf(await good(200, "POST", "/api/v1/auth/setup", "", { body }));
}

async function join(email: string): Promise<Account> {
	const body = { email, password: "a-Tall-ladder-77" };
	await good(200, "POST", "/api/v1/auth/signup", "", { body });
	return accountOf(await good(200, "POST", "/api/v1/auth/login", "", { body }));
}

function accountOf(reply: Reply): Account {
	return {
		id: reply.textAt("user.id"),
		email: reply.textAt("user.email"),
		token: reply.textAt("token"),
		refreshToken: reply.textAt("refreshToken"),
	};
}

/** With an administrator's token, so that what is wrong is the call and not the caller, except where it is the caller. */
function badCalls({ method, path }: Row, token: string): readonly (readonly [path: string, method: string, call: Call])[] {
	const unknown = path.replace("{id}", UNKNOWN);
	const json = { "content-type": "application/json" };
	const reads: (readonly [string, string, Call])[] = [
		[unknown, method, {}],
		[unknown, method, { headers: { authorization: "Bearer nonsense" } }],
		[unknown, method, { token }],
		[path.replace("{id}", "no-id"), method, { token }],
		[path.replace("{id}", "%zz"), method, { token }],
		[`${unknown}?limit=0&page=x&skip=-1&after=y&sortBy=colour`, method, { token }],
		[unknown, method, { token, headers: { "last-event-id": "nonsense" } }],
	];
	if (method === "GET") return reads;
	return [
		...reads,
		[unknown, method, { token, body: {} }],
		[unknown, method, { token, body: [] }],
		[unknown, method, { token, raw: "{", headers: json }],
		[unknown, method, { token, raw: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } }],
		[unknown, method, { token, raw: "{}", headers: { ...json, "content-encoding": "gzip" } }],
		[unknown, method, { token, raw: `{"a":"${"a".repeat(1_100_000)}"}`, headers: json }],
		[unknown, method, { token, body: { email: 1, password: [], token: {}, sessionId: UNKNOWN, prompt: 1, role: "x", content: null } }],
	];
}
