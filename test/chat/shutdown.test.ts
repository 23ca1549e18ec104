// SIGTERM while answers are being made.

import { expect, setDefaultTimeout, test } from "bun:test";
import { ERROR_SENTENCES } from "../../src/domain/errors.ts";
import { eventually, startServer } from "../support/server.ts";
import { openWorld } from "./world.ts";

setDefaultTimeout(60_000);

test("an answer that ends within SHUTDOWN_GRACE ends as ever, to its reader and in the store; exit 0", async () => {
	await using world = await openWorld();
	const { person, sessionId } = await world.visitor();
	const stream = await person.stream({ sessionId, prompt: "[tokens 60] [every 20]" });
	await stream.until("token");
	world.server.signal("SIGTERM");
	expect((await stream.until("end")).finishReason).toBe("stop");
	expect(await stream.over()).toBe("complete");
	expect(await world.server.exited).toBe(0);
	expect(world.server.rows(sessionId).at(-1)).toMatchObject({ status: "sent", content: stream.text() });
});

test("one that does not is told server_shutdown, stored as `interrupted` with its text, its upstream connection closed; exit 0", async () => {
	await using world = await openWorld({ query: "?slots=1", settings: { SHUTDOWN_GRACE: "1s" } });
	const { person, sessionId } = await world.visitor();
	const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	await stream.until("token");
	const next = await world.visitor();
	const waiting = await next.person.stream({ sessionId: next.sessionId, prompt: "still waiting" });
	await waiting.until("queued");
	const startedAt = performance.now();
	world.server.signal("SIGTERM");
	const told = { type: "error", code: "server_shutdown", error: ERROR_SENTENCES.server_shutdown, retryable: true };
	expect(await stream.until("error")).toEqual(told);
	expect(await waiting.until("error")).toEqual(told);
	expect(await stream.over()).toBe("complete");
	expect(await world.server.exited).toBe(0);
	expect(performance.now() - startedAt).toBeGreaterThan(900);
	expect(world.server.rows(sessionId)).toMatchObject([
		{ role: "user", status: "sent" },
		{ role: "assistant", status: "interrupted", content: stream.text() },
	]);
	expect(world.server.rows(next.sessionId)).toMatchObject([{ content: "still waiting", status: "sent" }, { content: "" }]);
	await eventually("the upstream connection is closed", () => world.model.chats.every((request) => request.closedAt !== undefined), 1000);
	const again = await startServer({
		dataDir: world.server.dataDir,
		port: world.server.port,
		settings: { UPSTREAMS: `openai+${world.model.baseUrl}` },
	});
	try {
		expect((await person.messages(sessionId)).at(-1)).toMatchObject({ status: "interrupted", errorCode: "server_shutdown" });
		// Both sessions take the next turn.
		for (const visitor of [{ person, sessionId }, next]) {
			await (await visitor.person.stream({ sessionId: visitor.sessionId, prompt: "go on" })).until("end");
		}
	} finally {
		await again.stop();
	}
});

test("while it drains, no new turn begins: 503 server_shutdown and nothing stored; the ready probe says so, reading goes on", async () => {
	await using world = await openWorld({ settings: { SHUTDOWN_GRACE: "20s" } });
	const { person, sessionId } = await world.visitor();
	const other = await person.createSession();
	const stream = await person.stream({ sessionId, prompt: "[tokens 150] [every 20]" });
	await stream.until("token");
	world.server.signal("SIGTERM");
	await eventually("it drains", async () => (await fetch(`${world.server.address}/readyz`)).status === 503, 2000);
	expect((await fetch(`${world.server.address}/healthz`)).status).toBe(200);
	for (const path of ["/chat/stream", "/chat/message"]) {
		const reply = await person.call("POST", path, { sessionId: other, prompt: "too late" });
		expect([reply.status, reply.body.code]).toEqual([503, "server_shutdown"]);
		expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
	}
	expect(await person.messages(other)).toEqual([]);
	expect((await stream.until("end")).finishReason).toBe("stop");
	expect(await world.server.exited).toBe(0);
});

test("a second signal ends the program at once; what had been stored by then is `interrupted` after the next start", async () => {
	await using world = await openWorld({ settings: { SHUTDOWN_GRACE: "10m" } });
	const { person, sessionId } = await world.visitor();
	const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
	await stream.until("token");
	await eventually("text is stored", () => (world.server.rows(sessionId)[1]?.content ?? "") !== "");
	world.server.signal("SIGTERM");
	await eventually("it drains", async () => (await fetch(`${world.server.address}/readyz`)).status === 503, 2000);
	const secondAt = performance.now();
	world.server.signal("SIGTERM");
	await world.server.exited;
	expect(performance.now() - secondAt).toBeLessThan(2000);
	expect(await stream.over()).toBe("broken");
	const again = await startServer({ dataDir: world.server.dataDir, port: world.server.port });
	try {
		expect((await person.messages(sessionId)).at(-1)).toMatchObject({ status: "interrupted", content: expect.stringMatching(/^t0 /) });
	} finally {
		await again.stop();
	}
});

test("the same port binds again at once, after SIGTERM and after SIGKILL, with streams open", async () => {
	await using world = await openWorld({ settings: { SHUTDOWN_GRACE: "100ms" } });
	const { dataDir, port } = world.server;
	const { person, sessionId } = await world.visitor();
	let server = world.server;
	for (const signal of ["SIGTERM", "SIGKILL"] as const) {
		const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		await stream.until("token");
		server.signal(signal);
		await server.exited;
		server = await startServer({ dataDir, port, settings: { UPSTREAMS: `openai+${world.model.baseUrl}` } });
	}
	expect((await person.messages(sessionId)).map((message) => message.status)).toEqual(["sent", "interrupted", "sent", "interrupted"]);
	await server.stop();
});
