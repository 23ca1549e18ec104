// What one person does in one visit, chosen by chance, and what must be true of it. Nothing is thrown: what is wrong is counted by kind.

import { readWithDrops } from "../faults/dropping-client.ts";
import type { EventStream } from "../support/event-stream.ts";
import type { Person } from "../support/server.ts";

export type Visits = ReturnType<typeof createVisits>;

type Ask = { readonly prompt: string; readonly whole: string; readonly count: number };
type Visit = (person: Person, sessionId: string) => Promise<void>;

const LONGEST = 60;
const PACE_MS = 50;

export function createVisits({ address, random }: { readonly address: string; readonly random: () => number }) {
	const counts = new Map<string, number>();
	const wrong = new Map<string, number>();
	let turns = 0;

	const below = (limit: number): number => Math.floor(random() * limit);

	const ask = (): Ask => {
		const count = 5 + below(LONGEST - 5);
		turns += 1;
		const whole = Array.from({ length: count }, (_, index) => `t${index} `).join("");
		return { prompt: `turn ${turns} [tokens ${count}] [every ${PACE_MS}]`, whole, count };
	};

	const require = (what: string, holds: boolean): void => {
		if (!holds) throw new Error(what);
	};

	const lastOf = async (person: Person, sessionId: string) => (await person.messages(sessionId)).at(-1);

	const readToEnd = async (stream: EventStream, whole: string): Promise<void> => {
		await stream.over();
		const last = stream.events().at(-1);
		require(`an answer ended with ${last?.type} ${last?.code ?? ""}`, last?.type === "end");
		require("an answer is not what the model said", stream.text() === whole);
	};

	const stays: Visit = async (person, sessionId) => {
		const { prompt, whole } = ask();
		await readToEnd(await person.stream({ sessionId, prompt }), whole);
	};

	const VISITS: Readonly<Record<string, Visit>> = {
		stays,
		drops: async (person, sessionId) => {
			const { prompt, whole, count } = ask();
			const cuts = Array.from({ length: 1 + below(4) }, () => below(1500));
			const turn = { sessionId, prompt, messageId: `m${turns}` };
			const resumeBy = below(2) === 0 ? "header" : "query";
			const { parts, ends } = await readWithDrops({ address, token: person.token, turn, cuts, resumeBy });
			require("an answer read in pieces is not what the model said", parts.map(({ content }) => content).join("") === whole);
			require("its numbers have holes", parts.length === count && parts.every(({ seq }, index) => seq === index + 1));
			require("it has not one end", ends === 1);
		},
		leaves: async (person, sessionId) => {
			const { prompt, whole, count } = ask();
			const stream = await person.stream({ sessionId, prompt });
			await stream.until("token");
			stream.close();
			await Bun.sleep(count * PACE_MS + 3000);
			require("an answer that nobody read is not whole", (await lastOf(person, sessionId))?.content === whole);
		},
		stops: async (person, sessionId) => {
			const { prompt, whole, count } = ask();
			const stream = await person.stream({ sessionId, prompt });
			const { generationId } = await stream.until("start");
			const at = 1 + below(count - 1);
			await stream.until(({ seq }) => seq === at);
			require("a stop was refused", (await person.call("POST", `/chat/generations/${generationId}/stop`)).status === 202);
			await stream.over();
			const answer = await lastOf(person, sessionId);
			const isWhole = stream.text() === whole && answer?.status === "sent";
			require("a stopped answer is not `stopped`", answer?.status === "stopped" || isWhole);
			require("a stopped answer has another text in the store", answer?.content === stream.text() && whole.startsWith(stream.text()));
		},
		regenerates: async (person, sessionId) => {
			await stays(person, sessionId);
			const before = await person.messages(sessionId);
			const stream = await person.streamAt("POST", `/chat/sessions/${sessionId}/regenerate`, {});
			await readToEnd(stream, before.at(-1)?.content ?? "");
			require("another answer changed how many there are", (await person.messages(sessionId)).length === before.length);
		},
		edits: async (person, sessionId) => {
			await stays(person, sessionId);
			const prompts = (await person.messages(sessionId)).filter(({ role }) => role === "user");
			const { prompt, whole } = ask();
			await readToEnd(await person.streamAt("PATCH", `/chat/messages/${prompts.at(-1)?.id}`, { content: prompt }), whole);
		},
		"sends twice": async (person, sessionId) => {
			const { prompt, whole } = ask();
			const turn = { sessionId, prompt, messageId: `m${turns}` };
			const streams = await Promise.all([person.stream(turn), person.stream(turn)]);
			for (const stream of streams) await readToEnd(stream, whole);
			const sent = (await person.messages(sessionId)).filter(({ content }) => content === prompt);
			require("a prompt that was sent twice is there twice", sent.length === 1);
		},
		deletes: async (person, sessionId) => {
			const stream = await person.stream({ sessionId, prompt: ask().prompt });
			await stream.until("token");
			require("a session was not deleted", (await person.call("DELETE", `/chat/sessions/${sessionId}`)).status === 204);
			await stream.over();
			require("a deleted session is there", (await person.call("GET", `/chat/sessions/${sessionId}`)).status === 404);
		},
	};
	const names = Object.keys(VISITS);

	return {
		/** A new session, a few turns of one kind or another in it, and away with it: the database must not grow without end. */
		visit: async (person: Person): Promise<void> => {
			const name = names[below(names.length)] ?? "stays";
			try {
				const sessionId = await person.createSession();
				await VISITS[name]?.(person, sessionId);
				if (name !== "deletes") await person.call("DELETE", `/chat/sessions/${sessionId}`);
				counts.set(name, (counts.get(name) ?? 0) + 1);
			} catch (error) {
				const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
				const kind = `${name}: ${reason.slice(0, 300)}`;
				wrong.set(kind, (wrong.get(kind) ?? 0) + 1);
			}
		},
		describe: (): string => {
			const done = [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
			return `${turns} turns; visits as they should be: ${done}`;
		},
		problems: (): readonly string[] => [...wrong].map(([kind, count]) => `${count} × ${kind}`),
	};
}
