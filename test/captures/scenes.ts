// What the recording did off the record before or after an exchange, on which server it happened; and the records that are the summary
// of a series of calls, played by hand. A scene that no record needs fails the test.

import { expect } from "bun:test";
import { eventually } from "../support/server.ts";
import type { Exchange } from "./recording.ts";
import { type ServerName, SIXTY, type Stage } from "./stage.ts";

export type Scene = {
	readonly why: string;
	readonly before?: (stage: Stage) => Promise<void> | void;
	readonly after?: (stage: Stage) => Promise<void>;
	/** The request with what the recording's placeholders missed. */
	readonly request?: (request: Exchange["request"]) => Exchange["request"];
	readonly on?: ServerName;
};

const rename = async ({ server, names }: Stage): Promise<void> => {
	const token = names.read("jwt:alice");
	await server("main").call("PATCH", "/users/profile", { token, body: { name: "Alice Example" } });
};

const besideServer: Scene = { why: "It leaves a person behind that the recording did not have", on: "beside" };
const withOrigin: Scene = { why: "ALLOWED_ORIGINS was set", on: "beside" };
const withoutHash: Scene = { why: "The account without a hash is there", on: "beside" };
const withLimit: Scene = { why: "The limit was 7 a minute", on: "limited" };
const upperCase = (name: string): Scene => ({
	why: "An id in upper case is none of the recording's placeholders; the replay makes it from ours",
	request: (request) => ({ ...request, path: request.path.replace(/[0-9A-F]{24}/, `<objectid:${name}>`) }),
});

export const SCENES: Readonly<Record<string, Scene>> = {
	"auth: signup, reserved TLD .test": besideServer,
	"auth: signup, address on .local": besideServer,
	"auth: me as the React client sends it": {
		why: "Here a logout counts, and this record is about the empty body",
		before: ({ signInAgain }) => signInAgain("alice"),
		after: async ({ server, names }) => {
			await server("main").call("POST", "/auth/logout", { token: names.read("jwt:alice") });
		},
	},
	"auth: profile": {
		why: "The logout counted; the password was changed a moment ago and is changed back for the rest",
		before: async ({ server, names }) => {
			const { token } = await server("main").login("alice@example.com", "Passw0rd!2");
			await server("main").call("POST", "/users/change-password", {
				token,
				body: { currentPassword: "Passw0rd!2", newPassword: "Passw0rd!" },
			});
			names.bind("jwt:alice", token);
		},
	},
	"auth: change password": { why: "The logout counted", before: ({ signInAgain }) => signInAgain("alice") },
	"auth: update profile": { why: "The old gateway did not do it: the name goes back", after: rename },
	"auth: update profile (PUT)": { why: "The old gateway did not do it: the name goes back", after: rename },
	"sessions: create session, trailing slash": {
		why: "The old gateway did not do it: the session goes again",
		after: async ({ server, names }) => {
			const token = names.read("jwt:alice");
			await server("main").call("DELETE", `/chat/sessions/${names.read("objectid:session9")}`, { token });
			names.forget("objectid:session9");
		},
	},
	"sessions: get, id in upper case": upperCase("session3"),
	"chat: stream, upstream down": { why: "Nobody listens there", before: ({ standIn }) => standIn.stop() },
	"chat: stream, real model-management and model behind it": { why: "Somebody listens again", before: ({ standIn }) => standIn.restart() },
	"admin: metrics": {
		why: "The account that the old gateway let anybody plant is made by the administrator; the last chats of the recording are written down",
		before: async ({ server, names, makeSession }) => {
			const body = { email: "viahash@example.com", full_name: "Via Hash", password: "a-Tall-ladder-77" };
			const made = await server("main").call("POST", "/users/", { token: names.read("jwt:admin"), body });
			expect(made.status).toBe(201);
			await makeSession("C", [
				["user", "break please"],
				["assistant", " I'm sorry for I'm sorry for"],
			]);
			await makeSession("C", [["user", "nomodel please"]]);
		},
	},
	"admin: toggle oneself, id in upper case": upperCase("admin"),
	"health: preflight, allowed origin": withOrigin,
	"health: preflight, other origin": withOrigin,
	"health: GET, allowed origin": withOrigin,
	"health: GET, other origin": withOrigin,
	"health: 401, allowed origin": withOrigin,
	"health: 500 with DEBUG on (the default): login of a user document without password_hash": withoutHash,
	"health: 500 with DEBUG off": withoutHash,
	"health: 500 with DEBUG off, allowed origin": withoutHash,
	"health: limit 7/minute, GET /, request 1": withLimit,
	"health: limit 7/minute, GET /, request 7": withLimit,
	"health: limit 7/minute, GET /, request 8": withLimit,
	"health: limit 7/minute, GET /, request 9": withLimit,
	"health: limit 7/minute, another route afterwards": withLimit,
	"health: limit reached, allowed origin": withLimit,
};

/** Records without a body of their own, and what the contract says in their place. */
export const PLAYS: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
	/** The newest 500, oldest of those first, where the old gateway showed the oldest 50. */
	"messages: list (chat route) of 60 messages, default limit": async ({ server, names, make }) => {
		await make("objectid:session11");
		const id = names.read("objectid:session11");
		const reply = await server("main").call("GET", `/chat/sessions/${id}/messages`, { token: names.read("jwt:alice") });
		expect(reply.at("total")).toBe(60);
		expect(contentsOf(reply.at("messages"))).toEqual(SIXTY.map(([, content]) => content));
	},
	/** The part that had arrived is not lost, and neither is the rest: the generation goes on. */
	"chat: stream, client goes away after 3 tokens": async (stage) => {
		const session = await stage.makeSession("C", []);
		const stream = await streamOf(stage, session, "Say [[slow]]");
		await stream.readTo("w2 ");
		await stream.leave();
		const whole = Array.from({ length: 10 }, (_, i) => `w${i} `).join("");
		await eventually("the whole answer is stored", async () => (await contentsIn(stage, session)).at(-1) === whole);
		expect(await contentsIn(stage, session)).toEqual(["Say [[slow]]", whole]);
	},
	/** No answer is missing, where the old gateway lost 2 of 20. */
	"chat: stream, client closes as soon as end has arrived, 20 times": async (stage) => {
		for (let i = 0; i < 20; i++) {
			const session = await stage.makeSession("C", []);
			const stream = await streamOf(stage, session, "Say hello");
			await stream.readTo('"type":"end"');
			await stream.leave();
			expect(await contentsIn(stage, session)).toEqual(["Say hello", "Hello from the fake."]);
		}
	},
	/** The newest 50 go to the model, and the prompt once. */
	"chat: stream, session of 60 messages": async (stage) => {
		const session = await stage.makeSession("C", SIXTY);
		await (await streamOf(stage, session, "newest prompt")).readTo('"type":"end"');
		const asked: { prompt?: string; messages?: { content: string }[] } = Object(stage.standIn.asked().at(-1)?.body);
		expect(asked.prompt).toBe("newest prompt");
		expect(asked.messages?.map(({ content }) => content)).toEqual(SIXTY.slice(10).map(([, content]) => content));
	},
	/** Stored system messages come first, since the contract puts system texts before what was said; empty ones are left out. */
	"chat: stream, session with a system message in its history": async (stage) => {
		const session = await stage.makeSession("C", [
			["user", "Hello"],
			["assistant", "Hi, how can I help?"],
			["system", "Be brief."],
			["user", ""],
			["user", "x"],
		]);
		await (await streamOf(stage, session, "Say hello")).readTo('"type":"end"');
		const asked: { messages?: { role: string }[] } = Object(stage.standIn.asked().at(-1)?.body);
		expect(asked.messages?.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user"]);
	},
};

/** The contents of a session's messages, oldest first. */
async function contentsIn({ server, names }: Stage, session: string): Promise<readonly string[]> {
	const reply = await server("main").call("GET", `/chat/sessions/${session}/messages`, { token: names.read("jwt:alice") });
	return contentsOf(reply.at("messages"));
}

function contentsOf(messages: unknown): readonly string[] {
	return Array.isArray(messages) ? messages.map((message: { content: string }) => message.content) : [];
}

/** A stream as the existing client reads and leaves it. */
async function streamOf({ server, names }: Stage, sessionId: string, prompt: string) {
	const leaving = new AbortController();
	const response = await fetch(`${server("main").address}/api/v1/chat/stream`, {
		method: "POST",
		headers: { "content-type": "application/json", authorization: `Bearer ${names.read("jwt:alice")}` },
		body: JSON.stringify({ sessionId, prompt }),
		signal: AbortSignal.any([leaving.signal, AbortSignal.timeout(20_000)]),
	});
	const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
	let text = "";
	return {
		readTo: async (wanted: string): Promise<void> => {
			while (!text.includes(wanted)) {
				const part = await reader?.read();
				if (part === undefined || part.done) throw new Error(`the stream ended without ${wanted}: ${text}`);
				text += part.value;
			}
		},
		leave: async (): Promise<void> => {
			leaving.abort();
			await reader?.cancel().catch(() => {});
		},
	};
}
