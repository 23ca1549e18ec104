// Line 15: everything that the program writes while each of its operations is called with marked secrets, well and badly, while rows of its
// database break, and when it is killed and started again.

import { describe, expect } from "bun:test";
import { join } from "node:path";
import { type Account, type Call, type Gateway, PASSWORD, QUICK_HASHES, type Reply, startGateway } from "../http/gateway.ts";
import { type ApiDocument, rowsOf } from "../reference/schema.ts";
import { run, scratch } from "../support/binary.ts";
import { lastChunk, response, streamHead } from "../support/model-answers.ts";
import { startModelServer } from "../support/model-server.ts";
import { attack } from "./table.ts";
import { createThing } from "./things.ts";

const MODEL_KEY = "sk-marked-model-key-0123456789";
const SIGNING_KEY = "a marked signing key that nobody must see, 48 B";
const ANSWER = "marked-answer-of-the-model";

/** Members of requests and answers that are a person's secrets, or words of a conversation. */
const SECRET_MEMBERS = new Set(
	"token refreshToken key password currentPassword newPassword prompt content systemPrompt title link note".split(" "),
);

/** Every secret text in a value; of a link what stands behind its `#`. */
function secretsIn(value: unknown): string[] {
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([name, item]) => {
		if (typeof item !== "string") return secretsIn(item);
		if (!SECRET_MEMBERS.has(name)) return [];
		const secret = name === "link" ? (item.split("#")[1] ?? "") : item;
		return secret.length >= 12 ? [secret] : [];
	});
}

/** The same gateway; every secret that goes through it is kept. */
function keeping(gateway: Gateway, secrets: Set<string>): Gateway {
	const root = async (method: string, path: string, call: Call = {}): Promise<Reply> => {
		const reply = await gateway.root(method, path, call);
		for (const secret of [...secretsIn(call.body), ...secretsIn(reply.json), ...secretsIn({ token: call.token })]) secrets.add(secret);
		return reply;
	};
	const call: Gateway["call"] = (method, path, made) => root(method, `/api/v1${path}`, made);
	const accountOf = (reply: Reply): Account => ({
		id: reply.textAt("user.id"),
		email: reply.textAt("user.email"),
		token: reply.textAt("token"),
		refreshToken: reply.textAt("refreshToken"),
	});
	return {
		...gateway,
		root,
		call,
		signup: async (email, password = PASSWORD) => accountOf(await call("POST", "/auth/signup", { body: { email, password } })),
		login: async (email, password = PASSWORD) => accountOf(await call("POST", "/auth/login", { body: { email, password } })),
	};
}

let marks = 0;
/** A text that is nowhere else. */
function marked(what: string): string {
	marks += 1;
	return `marked-${what}-${marks}-Xq7`;
}

/** Every operation of the document: without a sign-in, with broken bodies, and as it should be, on a thing that is there. */
async function callEverything(gateway: Gateway, admin: Account): Promise<void> {
	const world = { gateway, admin, model: "fake" };
	const document: ApiDocument = JSON.parse((await gateway.call("GET", "/docs/openapi.json")).text);
	for (const { method, path, operation } of rowsOf(document)) {
		// Somebody who is not needed any more afterwards: some of these end a login or an account.
		const isForAdmin = operation["x-access"] === "admin";
		const caller = isForAdmin ? await gateway.login(admin.email) : await gateway.signup(`${marked("person")}@box.local`);
		const id = path.includes("{id}") ? encodeURIComponent(await createThing(world, caller, path)) : "";
		const target = path.replace("{id}", id);
		const example = operation.requestBody?.content["application/json"]?.example;
		const body = {
			...(typeof example === "object" ? example : {}),
			...{ sessionId: await createThing(world, caller, "/chat/sessions/"), messageId: undefined, invite: undefined },
			...{ prompt: marked("prompt"), content: marked("content"), title: marked("title"), systemPrompt: marked("system-prompt") },
			...{ email: `${marked("email")}@box.local`, password: PASSWORD, currentPassword: PASSWORD, newPassword: marked("new-password") },
			...{ token: marked("token"), refreshToken: marked("refresh") },
		};
		const bodies: readonly Call[] = [
			{ token: marked("access-token"), body },
			{ token: caller.token, raw: `{"password":"${marked("half")}`, headers: { "content-type": "application/json" } },
			{ token: caller.token, body: { ...body, email: marked("email"), password: [marked("password")], prompt: { a: marked("prompt") } } },
		];
		const headers = { authorization: `Basic ${btoa(marked("basic"))}`, cookie: marked("cookie"), "x-api-key": marked("api-key") };
		const query = `token=${marked("query-token")}&q=${marked("query")}`;
		for (const call of [...(method === "GET" ? [] : bodies), { headers }]) await gateway.root(method, `${target}?${query}`, call);
		await gateway.root(method, target, { token: caller.token, ...(method === "GET" ? {} : { body }) });
	}
}

/** Prompts that a model server says back in all its failures, and rows that cannot be read any more. */
async function breakThings(gateway: Gateway, { id, email, token }: Account): Promise<void> {
	for (const cue of ["[500]", "[401]", "[frame]"]) {
		const sessionId = (await gateway.call("POST", "/chat/sessions", { token, body: { title: marked("title") } })).textAt("id");
		for (const way of ["/chat/stream", "/chat/message"]) {
			await gateway.call("POST", way, { token, body: { sessionId, prompt: `${marked("prompt")} ${cue}` } });
		}
		gateway.write(`UPDATE sessions SET metadata = '{"${marked("row")}' WHERE id = ?`, sessionId);
		expect((await gateway.call("GET", `/chat/sessions/${sessionId}`, { token })).status).toBe(500);
	}
	gateway.write(`UPDATE users SET password_hash = '$argon2id$${marked("hash")}' WHERE id = ?`, id);
	await gateway.call("POST", "/auth/login", { body: { email, password: marked("password") } });
}

describe("the log", () => {
	attack(
		15,
		"every operation with marked secrets, well and badly; broken rows, failing models, a kill and a new start",
		async () => {
			const model = startModelServer({ tokens: [ANSWER], key: MODEL_KEY });
			model.answerWith(({ prompt, headers }) => {
				const said = JSON.stringify({ error: { message: `cannot: ${prompt} with ${headers.get("authorization")}` } });
				if (prompt.includes("[500]")) return response(500, "application/json", said);
				if (prompt.includes("[401]")) return response(401, "application/json", said);
				if (prompt.includes("[frame]"))
					return [streamHead(), { send: `${(said.length + 8).toString(16)}\r\ndata: ${said}\n\n\r\n` }, lastChunk];
				return undefined;
			});
			const settings = { ...QUICK_HASHES, JWT_SECRET: SIGNING_KEY, UPSTREAMS: `openai+http://:${MODEL_KEY}@127.0.0.1:${model.port}/v1` };
			const dataDir = join(scratch(), "data");
			const secrets = new Set([MODEL_KEY, SIGNING_KEY, ANSWER]);
			const first = await startGateway({ dataDir, settings });
			try {
				const gateway = keeping(first, secrets);
				const admin = await gateway.claimSetup();
				for (const secret of [admin.token, admin.refreshToken]) secrets.add(secret);
				const anna = await gateway.signup("anna@box.local");
				await callEverything(gateway, admin);
				await breakThings(gateway, anna);
				// Killed while it answers: what the next start finds and mends is told too.
				const { token } = anna;
				const sessionId = (await gateway.call("POST", "/chat/sessions", { token, body: {} })).textAt("id");
				const prompt = `${marked("prompt")} [endless] [every 20]`;
				const cut = gateway.call("POST", "/chat/stream", { token, body: { sessionId, prompt } }).catch(() => undefined);
				while ((await gateway.call("GET", `/chat/sessions/${sessionId}/generation`, { token })).status === 204) await Bun.sleep(5);
				await gateway.outputAfter(await gateway.call("GET", "/auth/me", { token }));
				await first.kill();
				await cut;
				const second = await startGateway({ dataDir, settings });
				try {
					await second.outputAfter(await second.call("GET", "/auth/me", { token }));
				} finally {
					await second.stop();
				}
				// The shell speaks of the same people.
				const commands = [["audit", "--limit", "1000"], ["users", "list"], ["keys", "list", anna.email], ["config"]];
				const shell = await Promise.all(commands.map((args) => run(args, { env: { POCKETLLM_DATA_DIR: dataDir, ...settings } })));
				const log = first.output() + second.output();
				const written = log + shell.map(({ stdout, stderr }) => stdout + stderr).join("");
				// It logged what happened, or the rest would say nothing.
				for (const sign of ['"status":500', '"status":401', '"stack"', "/api/v1/chat/stream", "failed unexpectedly"]) {
					expect(log).toContain(sign);
				}
				// People's addresses are no secret for the operator; the setup link is printed for the person at the shell, and spent.
				const told = new Set([await first.setupToken()]);
				expect([...secrets].filter((secret) => written.includes(secret) && !told.has(secret))).toEqual([]);
				expect(/marked-(?!person|email)[a-z-]+-\d+-Xq7/.exec(written)?.[0]).toBeUndefined();
				expect(written).not.toMatch(/\$argon2|\$2b\$|bearer ey/i);
				return { inputs: secrets.size + marks, held: `none of them in ${Math.round(written.length / 1024)} KiB of log and output` };
			} finally {
				await first.stop();
				model.stop();
			}
		},
		120_000,
	);
});
