// What is in the store when: the prompt before the model is asked, the answer at least once a second, its end before it is told.
// The database file is read beside the program; SIGKILL stands for a crash.

import { describe, expect, test } from "bun:test";
import { eventually, startServer } from "../support/server.ts";
import { openWorld, useWorld } from "./world.ts";

const world = useWorld();

describe("the prompt is durable before the model server is asked (G1)", () => {
	test("when the request reaches the model server, the database file holds the message and an empty answer being made", async () => {
		const { person, sessionId } = await world.visitor();
		let found: readonly object[] = [];
		world.model.answerWith((request) => {
			if (request.method === "POST") found = world.server.rows(sessionId).map(({ role, content, status }) => ({ role, content, status }));
			return undefined;
		});
		const stream = await person.stream({ sessionId, prompt: "keep me" });
		await stream.until("end");
		world.model.answerWith(undefined);
		expect(found).toEqual([
			{ role: "user", content: "keep me", status: "sent" },
			{ role: "assistant", content: "", status: "streaming" },
		]);
	});

	test("the first byte of the stream comes after the message is stored", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[silent] keep me" });
		expect(world.server.rows(sessionId).map((row) => row.content)).toEqual(["[silent] keep me", ""]);
		await person.call("POST", `/chat/generations/${(await stream.until("start")).generationId}/stop`);
	});

	test("kill -9 at the moment the model server is asked: after a restart the message is there, its answer is `interrupted`", async () => {
		await using crash = await openWorld();
		const { person, sessionId } = await crash.visitor();
		const asked = Promise.withResolvers<void>();
		crash.model.answerWith((request) => {
			if (request.method === "POST") {
				crash.server.signal("SIGKILL");
				asked.resolve();
			}
			return undefined;
		});
		await Promise.race([person.stream({ sessionId, prompt: "survive" }).catch(() => undefined), asked.promise]);
		await asked.promise;
		await crash.server.exited;
		crash.model.answerWith(undefined);
		const again = await startServer({
			dataDir: crash.server.dataDir,
			port: crash.server.port,
			settings: { UPSTREAMS: `openai+${crash.model.baseUrl}` },
		});
		try {
			// The token is good still, and so is the address.
			const messages = await person.messages(sessionId);
			expect(messages.map(({ role, content, status, errorCode }) => ({ role, content, status, errorCode }))).toEqual([
				{ role: "user", content: "survive", status: "sent", errorCode: undefined },
				{ role: "assistant", content: "", status: "interrupted", errorCode: "interrupted" },
			]);
			// And the session takes the next turn.
			const stream = await person.stream({ sessionId, prompt: "and on" });
			await stream.until("end");
		} finally {
			await again.stop();
		}
	});
});

describe("the answer so far is stored at least once a second (G2)", () => {
	test("while it grows, the file lags behind the stream by little more than a second, and its status is `streaming`", async () => {
		const { person, sessionId } = await world.visitor();
		const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		const { generationId } = await stream.until("start");
		for (let second = 1; second <= 3; second += 1) {
			await Bun.sleep(700);
			const arrived = stream.text();
			// One second, and as much again for a busy machine.
			await eventually("what had arrived is stored", () => (world.server.rows(sessionId)[1]?.content ?? "").startsWith(arrived), 2000);
			expect(world.server.rows(sessionId)[1]?.status).toBe("streaming");
		}
		// So does the history, as a person sees it.
		const shown = (await person.messages(sessionId)).at(-1);
		expect(shown?.status).toBe("streaming");
		expect(shown?.content).toStartWith("t0 t1 t2 ");
		await person.call("POST", `/chat/generations/${generationId}/stop`);
		await stream.until("end");
	});

	test("kill -9 in the middle of an answer: after a restart it is `interrupted`, with the text up to a second before", async () => {
		await using crash = await openWorld();
		const { person, sessionId } = await crash.visitor();
		const stream = await person.stream({ sessionId, prompt: "[endless] [every 20]" });
		await stream.until("token");
		await Bun.sleep(1000);
		const early = stream.text();
		await eventually("what had arrived is stored", () => (crash.server.rows(sessionId)[1]?.content ?? "").startsWith(early), 2500);
		await crash.server.kill();
		expect(await stream.over()).toBe("broken");
		const again = await startServer({
			dataDir: crash.server.dataDir,
			port: crash.server.port,
			settings: { UPSTREAMS: `openai+${crash.model.baseUrl}` },
		});
		try {
			const answer = (await person.messages(sessionId)).at(-1);
			expect(answer?.status).toBe("interrupted");
			expect(answer?.errorCode).toBe("interrupted");
			expect(answer?.content).toStartWith(early);
			expect(stream.text()).toStartWith(answer?.content ?? "nothing");
		} finally {
			await again.stop();
		}
	});
});

describe("`end` comes after the answer is stored (G4)", () => {
	test("in the moment `end` arrives, the database file holds the whole answer as `sent`; 30 times", async () => {
		const { person, sessionId } = await world.visitor();
		for (let turn = 0; turn < 30; turn += 1) {
			const stream = await person.stream({ sessionId, prompt: `turn ${turn}` });
			await stream.until("end");
			const last = world.server.rows(sessionId).at(-1);
			expect(last).toMatchObject({ role: "assistant", content: "Hello from the fake model.", status: "sent" });
		}
	});

	test("the old client, which closes right at `end`, 50 times: nothing is lost", async () => {
		const { person, sessionId } = await world.visitor();
		for (let turn = 0; turn < 50; turn += 1) {
			const stream = await person.stream({ sessionId, prompt: `turn ${turn}`, messageId: `msg-${turn}` });
			await stream.until("end");
			stream.close();
		}
		const messages = await person.messages(sessionId);
		expect(messages.length).toBe(100);
		for (let turn = 0; turn < 50; turn += 1) {
			expect(messages[2 * turn]).toMatchObject({ role: "user", content: `turn ${turn}`, status: "sent" });
			expect(messages[2 * turn + 1]).toMatchObject({ role: "assistant", content: "Hello from the fake model.", status: "sent" });
		}
	});
});
