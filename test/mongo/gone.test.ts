// The compiled program while its MongoDB server stays away: what is promised for the time until it gives up, and that all of it is there when
// the server is back.

import { expect, setDefaultTimeout, test } from "bun:test";
import { frame, streamHead } from "../support/model-answers.ts";
import { startModelServer } from "../support/model-server.ts";
import { eventually } from "../support/server.ts";
import { isOverNow, openWorld, readyz, talk } from "./world.ts";

setDefaultTimeout(120_000);

test("away for good: an end waits 30 s for it, what runs too far ahead says so, requests are refused in time; all of it is there afterwards", async () => {
	const model = startModelServer();
	const world = await openWorld(model);
	if (world === undefined) return;
	model.answerWith(({ prompt }) =>
		prompt === "big" ? [streamHead(), { repeat: () => [frame({ content: "x".repeat(4096) }), { wait: 40 }] }] : undefined,
	);
	const person = await world.server.signup();
	const [short, slow, big] = [
		await talk(person, "[tokens 20] [every 100]"),
		await talk(person, "[endless] [every 250]"),
		await talk(person, "big"),
	];
	// Half of a second's save.
	await Bun.sleep(600);

	// Gone for a moment, in which an answer ends: its reader hears nothing of it but the end.
	await world.end("SIGKILL");
	await eventually("the model has said all", () => short.stream.text().endsWith("t19 "), 5000);
	await Bun.sleep(500);
	expect(short.stream.events().at(-1)?.type).not.toBe("end");
	// What comes fast is too far ahead sooner than what comes slowly.
	const tooFar = await big.stream.until("error");
	expect(tooFar).toMatchObject({ code: "store_unavailable", retryable: true });
	expect(big.stream.text().length).toBeLessThan(640 * 1024);
	await world.restart();
	expect(await short.stream.until("end")).toMatchObject({ finishReason: "stop" });
	await eventually("the big one is stored", async () => {
		const answer = (await person.messages(big.sessionId).catch(() => [])).at(-1);
		return answer?.status === "interrupted" && answer.errorCode === "store_unavailable" && answer.content === big.stream.text();
	});

	await world.end("SIGKILL");
	const goneAt = performance.now();
	const seconds = (): number => (performance.now() - goneAt) / 1000;
	const refused = async (method: string, path: string, body?: object): Promise<void> => {
		const reply = await person.call(method, path, body);
		expect([reply.status, reply.body.code]).toEqual([503, "store_unavailable"]);
	};
	await Promise.all([
		refused("GET", "/chat/sessions"),
		refused("GET", `/chat/sessions/${slow.sessionId}/messages`),
		refused("POST", "/chat/stream", { sessionId: short.sessionId, prompt: "hello" }),
		refused("GET", "/auth/me"),
	]);
	expect(seconds()).toBeLessThan(13);
	expect((await fetch(`${world.server.address}/healthz`)).status).toBe(200);
	const asked = model.chats.length;
	await eventually("the slow one is told", () => isOverNow(slow.stream), 40_000);
	expect(slow.stream.events().at(-1)).toMatchObject({ type: "error", code: "store_unavailable", retryable: true });
	expect(seconds()).toBeGreaterThan(28);
	expect(seconds()).toBeLessThan(36);
	await eventually("its model server is left", () => model.chats.every(({ closedAt }) => closedAt !== undefined), 2000);
	expect(model.chats.length).toBe(asked);

	await world.restart();
	await eventually("it is ready again", async () => (await readyz(world)).status === 200);
	await eventually("what had come is stored", async () => (await person.messages(slow.sessionId)).at(-1)?.status === "interrupted");
	expect((await person.messages(slow.sessionId)).at(-1)).toMatchObject({ content: slow.stream.text(), errorCode: "store_unavailable" });
	expect((await person.messages(short.sessionId)).map(({ status }) => status)).toEqual(["sent", "sent"]);
	model.answerWith(undefined);
	const again = await person.stream({ sessionId: slow.sessionId, prompt: "[tokens 3]" });
	await again.until("end");
	expect(again.text()).toBe("t0 t1 t2 ");
	expect(world.server.output()).not.toContain("an error escaped");
	await world.close();
	model.stop();
});
