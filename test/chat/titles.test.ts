// POST /chat/sessions/{id}/generate-title: from the model, else from the prompt's first words; at most 60 characters.

import { describe, expect, test } from "bun:test";
import { ending, frame, lastChunk, response, streamHead } from "../support/model-answers.ts";
import type { Person } from "../support/server.ts";
import { openWorld, useWorld } from "./world.ts";

const world = useWorld();

/** The model server's next answers, whatever it is asked. */
function modelSays(text: string): void {
	world.model.answerWith((request) =>
		request.method === "POST" ? [streamHead(), frame({ content: text }), ...ending("stop", 1, 1), lastChunk] : undefined,
	);
}

async function say(person: Person, sessionId: string, prompt: string): Promise<void> {
	await (await person.stream({ sessionId, prompt })).until("end");
}

describe("generate-title", () => {
	for (const [said, title] of [
		["Baking bread at home", "Baking bread at home"],
		['"Baking bread at home."', "Baking bread at home"],
		["Title: **Baking bread**\n\nThis title is short.", "Baking bread"],
		["\n\n# Baking bread", "Baking bread"],
		[`${"Bread and ".repeat(20)}butter`, "Bread and ".repeat(6).trim()],
	] as const) {
		test(`the model says ${JSON.stringify(said.slice(0, 40))}: the title is ${JSON.stringify(title)}, and stored`, async () => {
			const { person, sessionId } = await world.visitor();
			await say(person, sessionId, "How do I bake bread?");
			modelSays(said);
			const reply = await person.call("POST", `/chat/sessions/${sessionId}/generate-title`);
			world.model.answerWith(undefined);
			expect([reply.status, reply.body]).toEqual([200, { title }]);
			expect(title.length).toBeLessThanOrEqual(60);
			expect((await person.call("GET", `/chat/sessions/${sessionId}`)).body.title).toBe(title);
		});
	}

	test("the model is shown the first exchange, and nothing of this is added to the history", async () => {
		const { person, sessionId } = await world.visitor();
		await say(person, sessionId, "How do I bake bread?");
		await say(person, sessionId, "And cake?");
		expect((await person.call("POST", `/chat/sessions/${sessionId}/generate-title`)).status).toBe(200);
		const asked = JSON.stringify(world.model.chats.at(-1)?.body);
		expect(asked).toContain("How do I bake bread?");
		expect(asked).toContain("Hello from the fake model.");
		expect(asked).not.toContain("And cake?");
		expect((await person.messages(sessionId)).length).toBe(4);
	});

	test("falls back to the first words of the prompt when the model server fails", async () => {
		const { person, sessionId } = await world.visitor();
		const prompt = "How do I bake bread with rye flour and without yeast in a small oven on a boat?";
		await say(person, sessionId, prompt);
		world.model.answerWith((request) => (request.method === "POST" ? response(500, "text/plain", "no") : undefined));
		const { status, body } = await person.call("POST", `/chat/sessions/${sessionId}/generate-title`);
		world.model.answerWith(undefined);
		expect(status).toBe(200);
		expect(body.title).toBe("How do I bake bread with rye flour and without yeast in a…");
		expect(body.title?.length).toBeLessThanOrEqual(60);
	});

	test("falls back when the model says nothing usable", async () => {
		for (const said of ["", "\n\n", '""', "<think>only thoughts</think>"]) {
			const { person, sessionId } = await world.visitor();
			await say(person, sessionId, "Bread, please");
			modelSays(said);
			const { body } = await person.call("POST", `/chat/sessions/${sessionId}/generate-title`);
			world.model.answerWith(undefined);
			expect(body.title).toBe("Bread, please");
		}
	});

	test("falls back when there is no model server any more", async () => {
		await using gone = await openWorld();
		const { person, sessionId } = await gone.visitor();
		await say(person, sessionId, "Bread, please");
		gone.model.stop();
		expect((await person.call("POST", `/chat/sessions/${sessionId}/generate-title`)).body.title).toBe("Bread, please");
	});

	test("an empty session keeps its title", async () => {
		const { person, sessionId } = await world.visitor();
		expect((await person.call("POST", `/chat/sessions/${sessionId}/generate-title`)).body.title).toBe("New Chat");
		const title = "a name that somebody gave it ".repeat(4).trim();
		await person.call("PATCH", `/chat/sessions/${sessionId}`, { title });
		expect((await person.call("POST", `/chat/sessions/${sessionId}/generate-title`)).body.title).toBe(title);
	});

	test("another person's session is 404, and a malformed id 422", async () => {
		const { sessionId } = await world.visitor();
		const stranger = await world.server.signup();
		expect((await stranger.call("POST", `/chat/sessions/${sessionId}/generate-title`)).status).toBe(404);
		expect((await stranger.call("POST", "/chat/sessions/nonsense/generate-title")).status).toBe(422);
	});
});
