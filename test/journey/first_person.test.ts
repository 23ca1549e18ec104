// The journey that the README promises: a fresh clone and an empty HOME, command one, then with curl only a sign-up, a session and an
// answer of a real model that streams in; and everything is still there after the server was restarted.

import { afterAll, beforeAll, expect, test } from "bun:test";
import {
	chmodSync,
	copyFileSync,
	linkSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEnvironment } from "../../src/config/environment.ts";
import { OPTIONS } from "../../src/config/options.ts";
import { type Child, findFreePort, startChild } from "../support/child.ts";
import { type Llama, startLlama } from "../support/llama.ts";
import { curl, readFrames, streamWithCurl } from "./curl.ts";

const PROMPT = "Tell me about the sea in three sentences.";
const root = mkdtempSync(join(tmpdir(), "pocketllm-journey-"));
const home = join(root, "home");
const clone = join(root, "clone");
const installed = join(home, ".local/bin/pocketllm");

let llama: Llama;
let server: Child | undefined;
let port: number;
let api: string;
let token = "";
let sessionId = "";
let answer = "";
const serverOutput: string[] = [];

beforeAll(async () => {
	llama = await startLlama();
	port = await findFreePort();
	api = `http://127.0.0.1:${port}/api/v1`;
	mkdirSync(home);
	const cloned = Bun.spawnSync(["git", "clone", "--quiet", join(import.meta.dir, "../.."), clone]);
	expect(cloned.stderr.toString()).toBe("");
}, 300_000);

afterAll(async () => {
	await server?.stop();
	await llama?.stop();
	rmSync(root, { recursive: true, force: true });
}, 60_000);

/** What a person has who never used this machine: an empty HOME, no settings, and another Bun than the one that is needed. */
function environment(): Record<string, string | undefined> {
	const others = join(root, "others");
	mkdirSync(others, { recursive: true });
	writeFileSync(join(others, "bun"), "#!/bin/sh\necho 0.0.1\n");
	chmodSync(join(others, "bun"), 0o755);
	const settings = Object.values(OPTIONS).flatMap(({ name }) => [name, `${name}_FILE`]);
	const own = ["NODE_ENV", "XDG_CACHE_HOME", "XDG_DATA_HOME", "STATE_DIRECTORY", "POCKETLLM_PREFIX", "POCKETLLM_RELEASES"];
	const kept = Object.entries(readEnvironment()).filter(([name]) => !settings.includes(name) && !own.includes(name));
	return {
		...Object.fromEntries(kept),
		PATH: `${others}:${readEnvironment().PATH}`,
		HOME: home,
		PORT: String(port),
		UPSTREAMS: `openai+${llama.url}/v1`,
	};
}

async function start(command: readonly string[], cwd: string): Promise<void> {
	server = await startChild({
		command,
		cwd,
		environment: environment(),
		isReady: async () => (await curl([`http://127.0.0.1:${port}/healthz`])).status === 200,
		readyWithinMs: 400_000,
	});
}

/** SIGTERM, which must end the server with status 0; keeps what it said. */
async function stop(): Promise<void> {
	const stopped = server;
	await stopped?.stop();
	serverOutput.push(stopped?.output() ?? "");
	expect(await stopped?.exited).toBe(0);
}

test("command one in a fresh clone with an empty HOME fetches Bun, builds, installs and serves", async () => {
	await start(["./install.sh", "--serve"], clone);
	expect(server?.output()).toContain("Fetching Bun ");
	expect(statSync(installed).mode & 0o777).toBe(0o755);
	const data = join(home, ".local/share/pocketllm");
	expect(statSync(data).mode & 0o777).toBe(0o700);
	expect(server?.output()).toContain(`127.0.0.1:${port}`);
}, 450_000);

test("with curl a person signs up, makes a session, and watches a real model's answer stream in", async () => {
	const signup = await curl([
		`${api}/auth/signup`,
		"-d",
		JSON.stringify({ email: "first@example.org", password: "correct horse battery" }),
	]);
	expect(signup).toMatchObject({ status: 200, body: { expiresIn: 3600, user: { email: "first@example.org", is_admin: false } } });
	token = String(signup.body.token);

	const session = await curl([`${api}/chat/sessions`, "-H", `authorization: Bearer ${token}`, "-d", "{}"]);
	expect(session).toMatchObject({ status: 201, body: { title: "New Chat", messageCount: 0 } });
	sessionId = String(session.body.id);

	const stream = await streamWithCurl([
		`${api}/chat/stream`,
		"-H",
		`authorization: Bearer ${token}`,
		"-d",
		JSON.stringify({ sessionId, prompt: PROMPT, max_tokens: 64 }),
	]);
	const events = readFrames(stream.pieces.join(""));
	expect(events[0]).toMatchObject({ type: "start", model: llama.model });
	const tokens = events.filter(({ type }) => type === "token");
	expect(tokens.length).toBeGreaterThan(5);
	expect(events.filter(({ type }) => type === "error")).toEqual([]);
	expect(events.at(-1)).toMatchObject({ type: "end", usage: expect.anything() });
	// Streamed, not sent at once: the first token was here before the last event was.
	const firstPiece = stream.pieces.find((piece) => piece.includes('"type":"token"'));
	expect(firstPiece).not.toContain('"type":"end"');
	answer = tokens.map(({ content }) => String(content)).join("");
}, 120_000);

test("after a restart of the server the person, the session and both messages are still there", async () => {
	await stop();
	// The clone may go: what was installed stands alone.
	copyFileSync(join(clone, "install.sh"), join(root, "install.sh"));
	rmSync(clone, { recursive: true });
	await start([installed, "serve"], root);
	const history = await curl([`${api}/chat/sessions/${sessionId}/messages`, "-H", `authorization: Bearer ${token}`]);
	expect(history).toMatchObject({
		status: 200,
		body: {
			sessionId,
			total: 2,
			messages: [
				{ role: "user", content: PROMPT, status: "sent" },
				{ role: "assistant", content: answer, status: "sent", model: llama.model },
			],
		},
	});
	const sessions = await curl([`${api}/chat/sessions`, "-H", `authorization: Bearer ${token}`]);
	expect(sessions).toMatchObject({ status: 200, body: { total: 1, data: [{ id: sessionId, messageCount: 2 }] } });
	await stop();
}, 120_000);

test("the same program is installed from a release folder too, by install.sh alone", () => {
	const releases = join(root, "releases");
	mkdirSync(releases);
	const names = ["-linux-x64", "-linux-arm64", "-darwin-x64", "-darwin-arm64"].map((machine) => `pocketllm${machine}`);
	const assets = names.flatMap((name) => [name, `${name}-baseline`, `${name}-musl`, `${name}-musl-baseline`]);
	for (const asset of assets) linkSync(installed, join(releases, asset));
	const hash = new Bun.CryptoHasher("sha256").update(readFileSync(installed)).digest("hex");
	writeFileSync(join(releases, "SHA256SUMS"), assets.map((asset) => `${hash}  ${asset}\n`).join(""));
	const prefix = join(root, "elsewhere");
	const { exitCode, stderr } = Bun.spawnSync(["sh", join(root, "install.sh"), "--prefix", prefix], {
		env: { ...environment(), POCKETLLM_RELEASES: releases },
	});
	expect({ exitCode, errors: stderr.toString() }).toEqual({ exitCode: 0, errors: "" });
	expect(readFileSync(join(prefix, "bin/pocketllm")).equals(readFileSync(installed))).toBe(true);
}, 60_000);

test("what the server said on the way holds neither prompt, answer, password nor token", () => {
	const said = serverOutput.join("\n");
	expect(said).toContain("/api/v1/chat/stream");
	for (const secret of [PROMPT, answer, "correct horse battery", token]) expect(said).not.toContain(secret);
});

test("nothing but the program, its data and caches came into HOME", () => {
	const known = [".bun", ".cache", ".local"];
	expect(readdirSync(home).filter((name) => !known.includes(name))).toEqual([]);
	expect(readdirSync(join(home, ".local")).sort()).toEqual(["bin", "share"]);
});
