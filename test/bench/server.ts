// PocketLLM as the bench runs it: the program with settings of the bench, and people who have signed up. Limits are wide, but on, unless
// a bench takes them off.

import { binary, environmentOf, scratch } from "../support/binary.ts";
import { type Child, startChild } from "../support/child.ts";

export type Server = Child & { readonly url: string; readonly port: number };

/** The words that start the program: the compiled one of these sources (built when it is stale), or what the person named. */
export async function programWords(words: string | undefined): Promise<readonly string[]> {
	return words === undefined ? [await binary()] : words.split(" ").filter((word) => word !== "");
}

const WIDE = {
	RATE_LIMIT_GLOBAL: "1000000/minute",
	RATE_LIMIT_CHAT: "1000000/minute",
	RATE_LIMIT_LOGIN: "100000/minute",
	RATE_LIMIT_SIGNUP: "100000/hour",
	QUEUE_LIMIT: "5000",
	ACCESS_TOKEN_TTL: "12h",
	// Nothing is probed on this machine when a model server is named.
	UPSTREAMS: "ollama+http://127.0.0.1:9",
} as const;

export async function startServer(
	program: readonly string[],
	dataDir: string,
	settings: Readonly<Record<string, string>> = {},
): Promise<Server> {
	const child = await startChild({
		command: [...program, "serve", "--port", "0"],
		environment: environmentOf({ env: { ...WIDE, POCKETLLM_DATA_DIR: dataDir, ...settings } }),
		isReady: async ({ output }) => {
			const url = urlIn(output());
			return url !== undefined && (await fetch(`${url}/healthz`)).ok;
		},
	});
	const url = urlIn(child.output()) ?? "";
	return { ...child, url, port: Number(new URL(url).port) };
}

function urlIn(output: string): string | undefined {
	return /listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1];
}

export type Person = { readonly email: string; readonly password: string; readonly token: string };

/** Signs people up, a few at a time: each costs a tenth of a second of a core. */
export async function signUp(url: string, count: number): Promise<Person[]> {
	return inTurns(count, 4, async (index) => {
		const account = { email: `person${index}@bench.example`, password: `a-Tall-ladder-${index}` };
		const { token }: { token: string } = await call(url, "/auth/signup", { body: account });
		return { ...account, token };
	});
}

/** New sessions, `count` in all, dealt out to the people in turn. */
export async function makeSessions(url: string, people: readonly Person[], count: number): Promise<{ id: string; token: string }[]> {
	return inTurns(count, 16, async (index) => {
		const token = people[index % people.length]?.token ?? "";
		const { id }: { id: string } = await call(url, "/chat/sessions", { body: {}, token });
		return { id, token };
	});
}

async function call<Answer>(url: string, path: string, { body, token }: { body: object; token?: string }): Promise<Answer> {
	const answer = await fetch(`${url}/api/v1${path}`, {
		method: "POST",
		headers: { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
		body: JSON.stringify(body),
	});
	if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
	const read: Answer = JSON.parse(await answer.text());
	return read;
}

async function inTurns<Result>(count: number, atOnce: number, step: (index: number) => Promise<Result>): Promise<Result[]> {
	const results: Result[] = [];
	let next = 0;
	const work = async (): Promise<void> => {
		while (next < count) {
			const index = next;
			next += 1;
			results[index] = await step(index);
		}
	};
	await Promise.all(Array.from({ length: atOnce }, work));
	return results;
}

/** A request as text, for generators that write to sockets. */
export function requestText(method: string, path: string, options: { readonly body?: object; readonly token?: string } = {}): string {
	const body = options.body === undefined ? "" : JSON.stringify(options.body);
	const fields = [
		`${method} ${path} HTTP/1.1`,
		"host: 127.0.0.1",
		"accept: */*",
		...(options.token === undefined ? [] : [`authorization: Bearer ${options.token}`]),
		...(options.body === undefined ? [] : ["content-type: application/json", `content-length: ${Buffer.byteLength(body)}`]),
	];
	return `${fields.join("\r\n")}\r\n\r\n${body}`;
}

export function newDataFolder(): string {
	return `${scratch()}/data`;
}
