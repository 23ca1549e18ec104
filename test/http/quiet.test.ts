// What the program writes while it serves holds no password, token, key or word of a conversation, at the level it has by itself.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { lastChunk, response, streamHead } from "../support/model-answers.ts";
import { startModelServer } from "../support/model-server.ts";
import { type Gateway, startGateway } from "./gateway.ts";

const MODEL_KEY = "sk-model-key-0123456789";
const JWT_SECRET = "a signing key that must not be seen, 40 B";
const PROMPT = "xylophone-prompt";
const ANSWER = "marimba-answer";

const model = startModelServer({ tokens: [ANSWER], key: MODEL_KEY });
// A model server that says the prompt and the key back when it fails.
model.answerWith(({ prompt, headers }) => {
	const said = JSON.stringify({ error: { message: `cannot: ${prompt} with ${headers.get("authorization")}` } });
	if (prompt.includes("[500]")) return response(500, "application/json", said);
	if (prompt.includes("[400]")) return response(400, "application/json", said);
	if (prompt.includes("[401]")) return response(401, "application/json", said);
	if (prompt.includes("[frame]")) return [streamHead(), { send: `${(said.length + 8).toString(16)}\r\ndata: ${said}\n\n\r\n` }, lastChunk];
	if (prompt.includes("[html]")) return response(200, "text/html", `<p>${prompt}</p>`);
	return undefined;
});

let gateway: Gateway;
beforeAll(async () => {
	const upstream = `openai+http://:${MODEL_KEY}@127.0.0.1:${model.port}/v1`;
	gateway = await startGateway({ settings: { UPSTREAMS: upstream, JWT_SECRET } });
}, 60_000);
afterAll(async () => {
	await gateway.stop();
	model.stop();
}, 30_000);

test("nothing of a person's secrets and words is in the log", async () => {
	const secrets = [MODEL_KEY, JWT_SECRET, PROMPT, ANSWER];
	const keep = (text: string) => {
		secrets.push(text);
		return text;
	};
	const admin = await gateway.claimSetup();
	const password = keep("Pa55-trombone-word");
	const newPassword = keep("Pa55-tuba-word-2");
	const anna = await gateway.signup("anna@box.local", password);
	const other = await gateway.login("anna@box.local", password);
	for (const { token, refreshToken } of [admin, anna, other]) for (const text of [token, refreshToken]) keep(text);
	const { token } = anna;
	const renewed = await gateway.call("POST", "/auth/refresh", { body: { refreshToken: other.refreshToken } });
	keep(renewed.textAt("token"));
	keep(renewed.textAt("refreshToken"));
	// Spent twice, so that its family is ended and the log says so.
	await gateway.call("POST", "/auth/refresh", { body: { refreshToken: renewed.textAt("refreshToken") } });
	await gateway.call("POST", "/auth/refresh", { body: { refreshToken: other.refreshToken } });

	await gateway.call("POST", "/auth/login", { body: { email: "anna@box.local", password: keep("wr0ng-cello-word") } });
	await gateway.call("POST", "/auth/login", { raw: `{"password":"${password}`, headers: { "content-type": "application/json" } });
	await gateway.call("POST", "/auth/signup", { body: { email: "no address", password } });
	await gateway.call("GET", `/auth/me?token=${token}&password=${password}`);
	await gateway.call("GET", "/auth/me", { headers: { authorization: `Basic ${keep("YW5uYTpwYXNzd29yZA")}` } });
	await gateway.call("GET", `/nope/${keep("path-piccolo-secret")}`, { token });
	await gateway.root("GET", "/", { headers: { host: keep("host-piccolo-secret/x") } });
	await gateway.call("POST", "/auth/password-reset", { body: { email: "anna@box.local" } });
	await gateway.call("POST", "/auth/password-reset/confirm", { body: { token: keep("reset-oboe-token"), newPassword } });
	await gateway.call("POST", "/users/change-password", { token, body: { currentPassword: password, newPassword } });

	for (const cue of ["", "[500]", "[400]", "[401]", "[frame]", "[html]"]) {
		const sessionId = (
			await gateway.call("POST", "/chat/sessions", { token, body: { title: keep("title-viola-words"), systemPrompt: PROMPT } })
		).textAt("id");
		for (const path of ["/chat/stream", "/chat/message"]) {
			const reply = await gateway.call("POST", path, { token, body: { sessionId, prompt: `${PROMPT} ${cue}` } });
			expect(reply.text).not.toContain(MODEL_KEY);
			if (cue !== "") expect(reply.text).not.toContain(PROMPT);
		}
		await gateway.call("POST", `/chat/sessions/${sessionId}/generate-title`, { token });
		await gateway.call("POST", `/sessions/${sessionId}/messages`, { token, body: { role: "user", content: PROMPT } });
		gateway.write("UPDATE sessions SET metadata = '{broken' WHERE id = ?", sessionId);
		await gateway.call("GET", `/chat/sessions/${sessionId}`, { token });
	}
	const output = await gateway.outputAfter(await gateway.call("POST", "/auth/logout", { token }));
	// It logged what happened, or the rest would say nothing.
	for (const sign of ['"route":"/api/v1/chat/stream"', '"status":500', '"status":401', "a spent refresh token"])
		expect(output).toContain(sign);
	expect(secrets.filter((secret) => output.includes(secret))).toEqual([]);
	expect(output).not.toMatch(/authorization|bearer /i);
	expect(output).not.toMatch(/\$argon2|\$2b\$/);
	// The setup link is printed for the person at the shell, once; what it holds is spent.
	expect(output.split(await gateway.setupToken()).length).toBe(2);
}, 60_000);
