// One generation per session at a time (G5), and how one is ended: by a stop, by the next turn, with its session.

import { describe, expect, test } from "bun:test";
import { eventually } from "../support/server.ts";
import { messagesStored } from "../support/storage.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

describe("a second prompt in a session", () => {
	test("while somebody follows the first: 409 generation_in_progress with the generation's id; the first goes on", async () => {
		const { person, sessionId } = await world.visitor();
		const first = await person.stream({ sessionId, prompt: "[tokens 150] [every 20]" });
		const { generationId = "" } = await first.until("start");
		for (const path of ["/chat/stream", "/chat/message"]) {
			const reply = await person.call("POST", path, { sessionId, prompt: "me too" });
			expect(reply.status).toBe(409);
			expect(reply.headers.get("content-type")).toStartWith("application/problem+json");
			expect(reply.body).toMatchObject({ code: "generation_in_progress", generationId });
		}
		expect((await first.until("end")).finishReason).toBe("stop");
		expect((await person.messages(sessionId)).length).toBe(2);
	});

	test("while nobody follows the first: stops it and takes its place, as stop-and-rephrase of the old client needs it", async () => {
		const { person, sessionId } = await world.visitor();
		const first = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		await first.until((event) => event.seq === 5);
		first.close();
		const second = await person.stream({ sessionId, prompt: "rather this" });
		expect(second.status()).toBe(200);
		await second.until("end");
		const messages = await person.messages(sessionId);
		expect(messages.map(({ role, status }) => [role, status])).toEqual([
			["user", "sent"],
			["assistant", "stopped"],
			["user", "sent"],
			["assistant", "sent"],
		]);
		expect(messages[1]?.content).toStartWith("t0 t1 t2 t3 t4 ");
		expect(messages[3]?.content).toBe("Hello from the fake model.");
	});

	test("waits up to a second for the follower of the first to vanish: a proxy may report the close late", async () => {
		const { person, sessionId } = await world.visitor();
		const first = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		await first.until("token");
		const second = person.stream({ sessionId, prompt: "rather this" });
		await Bun.sleep(400);
		first.close();
		const stream = await second;
		expect(stream.status()).toBe(200);
		await stream.until("end");
		expect((await person.messages(sessionId)).map((message) => message.status)).toEqual(["sent", "stopped", "sent", "sent"]);
	});

	test("what ran before and lost its place closes its upstream connection within a second", async () => {
		const { person, sessionId } = await world.visitor();
		const first = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		await first.until("token");
		const request = world.model.chats.at(-1);
		first.close();
		const second = await person.stream({ sessionId, prompt: "rather this" });
		await second.until("end");
		expect(request?.closedAt).toBeDefined();
	});

	test("20 different prompts at the same moment: one runs, the others get 409, none is stored for nothing", async () => {
		const { person, sessionId } = await world.visitor();
		const streams = await Promise.all(
			Array.from({ length: 20 }, (_, index) => person.stream({ sessionId, prompt: `[endless] [every 20] ${index}` })),
		);
		const running = streams.filter((stream) => stream.status() === 200);
		expect(running.length).toBe(1);
		expect(streams.filter((stream) => stream.status() === 409).length).toBe(19);
		expect((await person.messages(sessionId)).length).toBe(2);
		await person.call("POST", `/chat/generations/${running[0]?.events()[0]?.generationId}/stop`);
		await running[0]?.until("end");
	});

	test("in another session of the same person runs beside the first", async () => {
		const { person, sessionId } = await world.visitor();
		const first = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		await first.until("token");
		const second = await person.stream({ sessionId: await person.createSession(), prompt: "beside" });
		await second.until("end");
		await person.call("POST", `/chat/generations/${first.events()[0]?.generationId}/stop`);
		await first.until("end");
	});
});

describe("POST /chat/generations/{id}/stop", () => {
	test("202; within a second the upstream connection is closed; the reader gets `end`; the part is stored as `stopped` (G3)", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		const { generationId } = await stream.until("start");
		await stream.until((event) => event.seq === 5);
		const request = world.model.chats.at(-1);
		const askedAt = performance.now();
		expect((await person.call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(202);
		expect((await stream.until("end")).finishReason).toBe("stopped");
		expect(await stream.over()).toBe("complete");
		await eventually("the upstream connection is closed", () => request?.closedAt !== undefined, 5000);
		expect((request?.closedAt ?? Number.NaN) - askedAt).toBeLessThan(1000);
		const answer = (await person.messages(sessionId)).at(-1);
		expect(answer?.status).toBe("stopped");
		expect(answer?.content).toBe(stream.text());
		expect(answer?.content).toStartWith("t0 t1 t2 t3 t4 ");
	});

	test("also while the model server is silent: the answer is empty and `stopped`", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[silent]" });
		const { generationId } = await stream.until("start");
		await eventually("the model server is asked", () => world.model.chats.at(-1)?.prompt === "[silent]");
		const request = world.model.chats.at(-1);
		expect((await person.call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(202);
		await stream.until("end");
		await eventually("the upstream connection is closed", () => request?.closedAt !== undefined, 1000);
		expect((await person.messages(sessionId)).at(-1)).toMatchObject({ status: "stopped", content: "" });
	});

	test("again, or after the end, is harmless", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "hello" });
		const { generationId } = await stream.until("start");
		await stream.until("end");
		for (let time = 0; time < 2; time += 1) {
			expect((await person.call("POST", `/chat/generations/${generationId}/stop`)).status).toBe(202);
		}
		expect((await person.messages(sessionId)).at(-1)?.status).toBe("sent");
	});

	test("a stopped /chat/message answers with the part that had arrived", async () => {
		const { person, sessionId } = await world.visitor();
		const answer = person.call("POST", "/chat/message", { sessionId, prompt: "[endless] [every 20]" });
		await eventually("it streams", async () => {
			const { body } = await person.call("GET", `/chat/sessions/${sessionId}/generation`);
			return (body.seq ?? 0) > 3;
		});
		const { body } = await person.call("GET", `/chat/sessions/${sessionId}/generation`);
		await person.call("POST", `/chat/generations/${body.generationId}/stop`);
		const reply = await answer;
		expect(reply.status).toBe(200);
		expect(reply.body.content).toStartWith("t0 t1 t2 ");
	});
});

describe("a session that generates", () => {
	test("is deleted after its generation was stopped: the upstream connection closes, the stream ends, nothing is written any more", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		await stream.until("token");
		const request = world.model.chats.at(-1);
		const askedAt = performance.now();
		expect((await person.call("DELETE", `/chat/sessions/${sessionId}`)).status).toBe(204);
		expect((await stream.until("end")).finishReason).toBe("stopped");
		await eventually("the upstream connection is closed", () => request?.closedAt !== undefined, 5000);
		expect((request?.closedAt ?? Number.NaN) - askedAt).toBeLessThan(1000);
		await Bun.sleep(1300);
		expect(await messagesStored(world.server.dataDir, sessionId)).toEqual([]);
		expect((await person.call("GET", `/chat/sessions/${sessionId}/messages`)).status).toBe(404);
	});

	test("is not cleared: 409, and the answer goes on; afterwards it is", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[tokens 60] [every 20]" });
		await stream.until("token");
		const refused = await person.call("DELETE", `/chat/sessions/${sessionId}/messages`);
		expect([refused.status, refused.body.code]).toEqual([409, "generation_in_progress"]);
		expect((await stream.until("end")).finishReason).toBe("stop");
		expect((await person.call("DELETE", `/chat/sessions/${sessionId}/messages`)).status).toBe(204);
		expect(await person.messages(sessionId)).toEqual([]);
	});
});
