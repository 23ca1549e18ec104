// `serve` as a process: the ready line, signals, and what is in its way.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { binary, environmentOf, run, scratch } from "../support/binary.ts";
import { startChild } from "../support/child.ts";
import { startModelServer } from "../support/model-server.ts";
import { eventually } from "../support/server.ts";

const addressIn = (output: string): string => /listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1] ?? "";

async function start(env: Readonly<Record<string, string>> = {}) {
	const environment = environmentOf({
		env: { POCKETLLM_DATA_DIR: join(scratch(), "data"), UPSTREAMS: "ollama+http://127.0.0.1:9", ...env },
	});
	return startChild({
		command: [await binary(), "serve", "--port", "0"],
		cwd: scratch(),
		environment,
		isReady: async ({ output }) => {
			const address = addressIn(output());
			return address !== "" && (await fetch(`${address}/healthz`)).ok;
		},
	});
}

describe("a signal ends the server with status 0", () => {
	for (const signal of ["SIGTERM", "SIGINT"] as const) {
		test(signal, async () => {
			const server = await start();
			process.kill(server.pid, signal);
			expect(await server.exited).toBe(0);
		}, 60_000);
	}
});

test("a second signal does not wait for an answer that is being written: status 130", async () => {
	const model = startModelServer({ tokens: Array.from({ length: 1000 }, () => "word "), intervalMs: 500 });
	try {
		const server = await start({ UPSTREAMS: `openai+${model.baseUrl}`, SHUTDOWN_GRACE: "10m" });
		const post = async (path: string, body: object, token = "") =>
			fetch(`${addressIn(server.output())}/api/v1${path}`, {
				method: "POST",
				headers: { "content-type": "application/json", ...(token === "" ? {} : { authorization: `Bearer ${token}` }) },
				body: JSON.stringify(body),
			});
		const { token } = JSON.parse(await (await post("/auth/signup", { email: "a@b.c", password: "a-Tall-ladder-77" })).text());
		const { id } = JSON.parse(await (await post("/chat/sessions", {}, token)).text());
		const stream = (await post("/chat/stream", { sessionId: id, prompt: "Go on" }, token)).body?.getReader();
		await stream?.read();
		process.kill(server.pid, "SIGTERM");
		// It drains: the answer would take minutes.
		const early = await Promise.race([server.exited, Bun.sleep(1500).then(() => "drains")]);
		expect(early).toBe("drains");
		process.kill(server.pid, "SIGTERM");
		expect(await server.exited).toBe(130);
	} finally {
		await model.stop();
	}
}, 60_000);

test("a port that is taken is named, with the remedy: status 5", async () => {
	const other = createServer();
	await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
	try {
		const address = other.address();
		const port = typeof address === "object" && address !== null ? address.port : 0;
		const { status, stdout, stderr } = await run(["serve", "--port", String(port), "--data-dir", join(scratch(), "data")]);
		expect(stderr.trimEnd().split("\n").at(-1)).toMatch(new RegExp(`^pocketllm: .*${port}.*--port`));
		expect(stderr).not.toMatch(/EADDRINUSE|\bat .*:\d+/);
		expect(stdout).toBe("");
		expect(status).toBe(5);
	} finally {
		other.close();
	}
});

test("a wrong entry in UPSTREAMS is named at the start, with what may be wrong and without its key", async () => {
	const model = startModelServer({ models: ["tiny"] });
	try {
		const { host } = new URL(model.origin);
		const upstreams = `openai+${model.baseUrl}, openai+http://:s3cr3t@${host}, ollama+http://:s3cr3t@${host}?slots=2, ollama+http://127.0.0.1:9`;
		const server = await start({ UPSTREAMS: upstreams });
		try {
			await eventually("every model server is told of", () => server.output().includes("Model server ollama-2"));
			const output = server.output();
			expect(output).toContain("Models of openai: tiny");
			expect(output).toContain(
				`Model server openai-2 (openai+http://:********@${host}) answers, but not as an OpenAI-compatible server does (HTTP 404): an OpenAI base URL ends in /v1; or is it another kind of server?`,
			);
			expect(output).toContain(
				`Model server ollama (ollama+http://:********@${host}?slots=2) answers, but not as Ollama does (HTTP 404): is it another kind of server?`,
			);
			expect(output).toContain("Model server ollama-2 does not answer yet; it is asked again when somebody chats.");
			expect(output).not.toContain("s3cr3t");
		} finally {
			process.kill(server.pid, "SIGTERM");
			expect(await server.exited).toBe(0);
		}
	} finally {
		model.stop();
	}
}, 60_000);

test.skipIf(process.platform !== "linux")(
	"the server runs with the allocator's setting, as the process that was started, and leaves a setting of the operator alone",
	async () => {
		const settingOf = (pid: number) =>
			readFileSync(`/proc/${pid}/environ`, "latin1")
				.split("\0")
				.find((line) => line.startsWith("MIMALLOC_PURGE_HOLES_MIN_INTERVAL="));
		for (const [given, value] of [
			[{}, "5000"],
			[{ MIMALLOC_PURGE_HOLES_MIN_INTERVAL: "70" }, "70"],
		] as const) {
			const server = await start(given);
			expect(settingOf(server.pid)).toBe(`MIMALLOC_PURGE_HOLES_MIN_INTERVAL=${value}`);
			await server.stop();
		}
	},
	60_000,
);
