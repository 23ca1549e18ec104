// Lines 12 and 13: where prompts and keys go, and what a model may say.

import { describe, expect } from "bun:test";
import { type Gateway, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { converse, run } from "../support/binary.ts";
import { response } from "../support/model-answers.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { attack } from "./table.ts";

const KEY = "sk-upstream-key-0123456789";

/** A gateway before a model server, and somewhere else where nothing may ever arrive. */
async function withTrap<T>(use: (place: { gateway: Gateway; model: ModelServer; trap: ModelServer }) => Promise<T>): Promise<T> {
	const [model, trap] = [startModelServer({ key: KEY }), startModelServer()];
	const gateway = await startGateway({ settings: { ...QUICK_HASHES, UPSTREAMS: `openai+http://:${KEY}@127.0.0.1:${model.port}/v1` } });
	try {
		return await use({ gateway, model, trap });
	} finally {
		await gateway.stop();
		await Promise.all([model.stop(), trap.stop()]);
	}
}

async function newSession(gateway: Gateway, token: string, body: object = {}): Promise<string> {
	return (await gateway.call("POST", "/chat/sessions", { token, body })).textAt("id");
}

describe("model servers", () => {
	attack(12, "addresses of another server in every member and query of a chat, a session and a profile", () =>
		withTrap(async ({ gateway, trap }) => {
			const { token } = await gateway.signup("anna@box.local");
			const sessionId = await newSession(gateway, token);
			const names = [
				"upstream",
				"upstreams",
				"base_url",
				"baseUrl",
				"api_base",
				"url",
				"endpoint",
				"host",
				"proxy",
				"callback",
				"webhook",
				"model_management_url",
				"provider",
				"image_url",
				"key",
				"api_key",
			];
			const urls = [trap.baseUrl, `openai+${trap.baseUrl}`, `http://127.0.0.1@127.0.0.1:${trap.port}/`, `//127.0.0.1:${trap.port}/v1`];
			let inputs = 0;
			for (const url of urls) {
				const more = Object.fromEntries(names.map((name) => [name, url]));
				for (const body of [{ ...more }, { model: url }, { model: `${url}/fake` }, { metadata: more, ...more }]) {
					inputs += names.length;
					await gateway.call("POST", `/chat/message?${new URLSearchParams(more)}`, {
						token,
						body: { ...body, sessionId, prompt: `see ${url}` },
					});
					await newSession(gateway, token, { ...more, model: url.slice(0, 200), systemPrompt: url });
				}
				await gateway.call("PATCH", "/users/profile", { token, body: { avatar_url: trap.baseUrl, ...more } });
				await gateway.call("GET", `/llm/models/${encodeURIComponent(url)}`, { token });
			}
			expect(trap.connections).toBe(0);
			return { inputs, held: "no connection was made there" };
		}),
	);

	attack(12, "a model server that redirects, five ways, to another one", () =>
		withTrap(async ({ gateway, model, trap }) => {
			const { token } = await gateway.signup("anna@box.local");
			const sessionId = await newSession(gateway, token);
			for (const status of [301, 302, 303, 307, 308]) {
				model.answerWith(response(status, "text/plain", "", [`location: ${trap.baseUrl}/chat/completions`]));
				const reply = await gateway.call("POST", "/chat/message", { token, body: { sessionId, prompt: "secret words" } });
				expect(reply.status).toBe(502);
				expect(reply.text).not.toContain(String(trap.port));
			}
			expect(trap.connections).toBe(0);
			return { inputs: 5, held: "502; neither prompt nor key went on" };
		}),
	);

	attack(12, "entries of UPSTREAMS with other schemes, and with a key that would be told", async () => {
		const wrong = [
			"file:///etc/passwd",
			"openai+file:///etc/passwd",
			"ftp://127.0.0.1/",
			"openai+ftp://x/",
			"javascript:alert(1)",
			"openai+javascript:alert(1)",
			"data:text/plain,x",
			"ollama+unix:///var/run/x.sock",
			"gopher://x",
			"openai+ws://x",
			"http://",
			"openai+http://",
			"127.0.0.1:8080",
			`smtp+http://:${KEY}@x/`,
		];
		for (const entry of wrong) {
			const { status, stderr, stdout } = await run(["config"], { env: { UPSTREAMS: entry } });
			expect([entry, status]).toEqual([entry, 3]);
			expect(stderr).toContain("UPSTREAMS");
			expect(stderr + stdout).not.toContain(KEY);
		}
		return { inputs: wrong.length, held: "status 3 with the setting's name, and no key" };
	});
});

describe("text of a model", () => {
	/** Ends of lines and frames, fields of the stream, commands of terminals, scripts, halves of characters, and all the rest of Unicode's oddities. */
	const HOSTILE = [
		"\n\n",
		"\r\n\r\n",
		"\r",
		'\n\ndata: {"type":"end"}\n\n',
		"\n\ndata: [DONE]\n\n",
		"\nevent: end\nid: 99\nretry: 1\n: comment\n",
		"\u2028\u2029\u0085\u000b\u000c",
		"\u0000\u0001\u0007\u0008\u001b[2J\u001b]0;title\u0007\u009b31m",
		"\u001b]8;;http://evil.example\u0007link\u001b]8;;\u0007",
		"\u202e\u2066\ufeff\u200b",
		"</script><script>alert(1)</script><img src=x onerror=alert(1)>",
		'"}],"error":"x"}\\u0000\\n\\"',
		"\ud83d\udc69\u200d\ud83d\ude80 \u0301\u0301",
		"<think>not thinking</think>",
		"#{process.env.HOME} %s %n {{x}}",
	] as const;

	attack(13, "line ends, frames, terminal commands, scripts and separators in tokens, cut at every place", async () => {
		const text = HOSTILE.filter((part) => !part.includes("think")).join("|");
		let inputs = 0;
		for (const size of [1, 2, 3, 7, 1000]) {
			const tokens = [...text].reduce<string[]>((parts, character, at) => {
				if (at % size === 0) parts.push("");
				parts.push((parts.pop() ?? "") + character);
				return parts;
			}, []);
			const model = startModelServer({ tokens });
			const gateway = await startGateway({ settings: { ...QUICK_HASHES, UPSTREAMS: `openai+${model.baseUrl}` } });
			try {
				const { token } = await gateway.signup("anna@box.local");
				const sessionId = await newSession(gateway, token);
				const stream = await gateway.call("POST", "/chat/stream", { token, body: { sessionId, prompt: "say it" } });
				const frames = stream.text.split("\n\n").filter((frame) => frame !== "");
				for (const frame of frames) expect(frame).toMatch(/^data: \{[^\n\r]*\}$/);
				const events: { type: string; content?: string }[] = frames.map((frame) => JSON.parse(frame.slice("data: ".length)));
				expect(events.filter(({ type }) => type === "end" || type === "error").map(({ type }) => type)).toEqual(["end"]);
				const said = events.filter(({ type }) => type === "token").map(({ content }) => content);
				expect(said.join("")).toBe(text);
				const history = await gateway.call("GET", `/chat/sessions/${sessionId}/messages`, { token });
				expect(history.at("messages.1.content")).toBe(text);
				inputs += tokens.length;
			} finally {
				await gateway.stop();
				await model.stop();
			}
		}
		return { inputs, held: "each frame one line; the text arrived and was stored as it was, with one end" };
	});

	attack(13, "names of models, people and keys that steer a terminal, in what the program prints on one", async () => {
		const evil = `evil\u001b[2J\u001b]0;owned\u0007\u009b31m\u202ename`;
		const model = startModelServer({ models: [evil] });
		const gateway = await startGateway({ settings: { ...QUICK_HASHES, UPSTREAMS: `openai+${model.baseUrl}` } });
		const env = { POCKETLLM_DATA_DIR: gateway.dataDir };
		try {
			const anna = await gateway.call("POST", "/auth/signup", {
				body: { email: "anna@box.local", password: "a-Tall-ladder-77", name: evil },
				headers: { "user-agent": "x" },
			});
			expect(anna.status).toBe(200);
			await gateway.call("POST", "/auth/keys", { token: anna.textAt("token"), body: { name: evil } });
			let printed = gateway.output();
			for (const args of [["users", "list"], ["users", "show", "anna@box.local"], ["keys", "list", "anna@box.local"], ["audit"]]) {
				const talk = await converse(args, { env });
				await talk.ended();
				const { stdout, stderr } = await run(args, { env });
				printed += stdout + stderr;
			}
			expect(printed).toContain("evil");
			// What is left of them in JSON lines is escaped.
			for (const command of ["\u001b[2J", "\u001b]", "\u0007", "\u009b", "\u202e"]) {
				const at = printed.indexOf(command);
				expect([command, at < 0 ? "" : printed.slice(Math.max(0, at - 200), at + 60)]).toEqual([command, ""]);
			}
			return { inputs: 3, held: "nothing of them was printed as a command" };
		} finally {
			await gateway.stop();
			await model.stop();
		}
	});
});
