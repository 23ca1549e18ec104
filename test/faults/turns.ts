// The turns of the kill loop: what was sent, what came back before the kill, what the store holds after it, and what a second sending
// of the same turn gives.

import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { EventStream } from "../support/event-stream.ts";
import type { ModelServer } from "../support/model-server.ts";
import type { Person, TestServer } from "../support/server.ts";
import type { KillFigures } from "./kill-loop.ts";

type Turn = {
	readonly person: Person;
	readonly sessionId: string;
	/** The client's id, which the prompt begins with. */
	readonly messageId: string;
	readonly prompt: string;
	/** What the model says to it. */
	readonly whole: string;
	/** The stored answer's id, as `start` told it. */
	answerId: string | undefined;
	isComplete: boolean;
	received: string;
};

type Row = {
	readonly id: string;
	readonly session_id: string;
	readonly role: string;
	readonly content: string;
	readonly status: string;
	readonly generation_id: string | null;
	readonly client_message_id: string | null;
};

export type Turns = ReturnType<typeof createTurns>;

const FINAL = ["sent", "stopped", "interrupted", "error"];
const TURNS_IN_A_SESSION = 6;

export function createTurns({ model, random }: { readonly model: ModelServer; readonly random: () => number }) {
	const all: Turn[] = [];
	/** Those of the round that runs. */
	let fresh: Turn[] = [];
	const sessions = new Map<Person, { readonly id: string; turns: number }>();
	let [acknowledged, lost, cutOff, storedUntold, begunAgain, wrongTexts, undefinedStates] = [0, 0, 0, 0, 0, 0, 0];

	const sessionOf = async (person: Person): Promise<string> => {
		const kept = sessions.get(person);
		if (kept !== undefined && kept.turns < TURNS_IN_A_SESSION) {
			kept.turns += 1;
			return kept.id;
		}
		const id = await person.createSession();
		sessions.set(person, { id, turns: 1 });
		return id;
	};

	const newTurn = (person: Person, sessionId: string): Turn => {
		const count = 1 + Math.floor(random() * 40);
		const messageId = `turn-${all.length + fresh.length}`;
		const prompt = `${messageId} [tokens ${count}] [every ${1 + Math.floor(random() * 20)}]`;
		const whole = Array.from({ length: count }, (_, index) => `t${index} `).join("");
		const turn: Turn = { person, sessionId, messageId, prompt, whole, answerId: undefined, isComplete: false, received: "" };
		fresh.push(turn);
		return turn;
	};

	const sendTurn = async ({ person, sessionId, prompt, messageId }: Turn): Promise<EventStream> => {
		const stream = await person.stream({ sessionId, prompt, messageId });
		await stream.over();
		return stream;
	};

	/** Everything that the store holds, read beside the program. */
	const readStore = ({ dataDir }: TestServer): { readonly rows: readonly Row[]; readonly integrity: string } => {
		const db = new Database(join(dataDir, "pocketllm.db"), { readonly: true });
		try {
			const rows = db
				.query<Row, []>("SELECT id, session_id, role, content, status, generation_id, client_message_id FROM messages ORDER BY seq")
				.all();
			const check = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check").get();
			return { rows, integrity: check?.integrity_check ?? "no answer" };
		} finally {
			db.close();
		}
	};

	/** The message of a turn and the one after it, which is its answer. */
	const find = (rows: readonly Row[], turn: Turn): { asked: Row | undefined; answer: Row | undefined } => {
		const ofSession = rows.filter((row) => row.session_id === turn.sessionId);
		const at = ofSession.findIndex((row) => row.client_message_id === turn.messageId);
		return { asked: ofSession[at], answer: at < 0 ? undefined : ofSession[at + 1] };
	};

	/** Sends a turn again that a kill cut off: it must be what the store holds, or begin now if the store holds nothing. */
	const sendAgain = async (turn: Turn, rows: readonly Row[]): Promise<void> => {
		cutOff += 1;
		const { asked, answer } = find(rows, turn);
		const stream = await sendTurn(turn);
		const last = stream.events().at(-1);
		if (asked === undefined) {
			begunAgain += 1;
			if (last?.type !== "end" || stream.text() !== turn.whole) wrongTexts += 1;
			turn.isComplete = true;
		} else {
			if (turn.answerId === undefined) storedUntold += 1;
			const expected = answer?.status === "sent" ? "end" : "error";
			if (stream.text() !== answer?.content || last?.type !== expected) wrongTexts += 1;
		}
		turn.answerId = stream.events()[0]?.messageId;
	};

	/** Whether somebody was told of it and it is not there. */
	const isLost = (turn: Turn, rows: readonly Row[]): boolean =>
		turn.answerId !== undefined && find(rows, turn).answer?.id !== turn.answerId;

	const isWrong = (turn: Turn, { asked, answer }: ReturnType<typeof find>): boolean => {
		if (asked === undefined || answer === undefined) return false;
		if (asked.content !== turn.prompt || answer.role !== "assistant") return true;
		return answer.status === "sent" ? answer.content !== turn.whole : turn.isComplete || !turn.whole.startsWith(answer.content);
	};

	return {
		/** Sends one new turn to its end, or to its connection's. */
		send: async (person: Person): Promise<void> => {
			let turn: Turn | undefined;
			try {
				turn = newTurn(person, await sessionOf(person));
				const stream = await sendTurn(turn);
				turn.answerId = stream.events()[0]?.messageId;
				turn.received = stream.text();
				turn.isComplete = stream.events().at(-1)?.type === "end";
			} catch {
				// The kill came between two requests, or before the header.
				sessions.delete(person);
			}
		},

		/** After a restart: looks at every turn of the round, and sends those again that were cut off. */
		check: async (server: TestServer): Promise<string> => {
			const { rows } = readStore(server);
			undefinedStates += rows.filter(({ status }) => !FINAL.includes(status)).length;
			const open = fresh.filter(({ isComplete }) => !isComplete);
			wrongTexts += fresh.filter((turn) => isWrong(turn, find(rows, turn))).length;
			const told = fresh.filter(({ answerId }) => answerId !== undefined).length;
			acknowledged += told;
			lost += fresh.filter((turn) => isLost(turn, rows)).length;
			const sent = fresh.length;
			await Promise.all(open.map((turn) => sendAgain(turn, rows)));
			all.push(...fresh);
			fresh = [];
			return `${sent} sent, ${told} acknowledged, ${open.length} cut off and sent again`;
		},

		/** Over all rounds, from the store as it is now. */
		figures: (server: TestServer): Omit<KillFigures, "rounds"> => {
			const { rows, integrity } = readStore(server);
			const requests = Map.groupBy(model.chats, ({ prompt }) => prompt);
			const answers = rows.filter(({ role }) => role === "assistant");
			return {
				sent: all.length,
				acknowledged,
				completed: all.filter(({ isComplete }) => isComplete).length,
				cutOff,
				storedUntold,
				begunAgain,
				interrupted: answers.filter(({ status }) => status === "interrupted").length,
				// Nor may a later round have lost anything of an earlier one.
				lost: lost + all.filter((turn) => isLost(turn, rows)).length,
				undefinedStates: undefinedStates + rows.filter(({ status }) => !FINAL.includes(status)).length,
				// Each prompt has one answer, and no generation two.
				doubled: Math.abs(rows.length - 2 * answers.length) + answers.length - new Set(answers.map((row) => row.generation_id)).size,
				askedTwice: [...requests.values()].filter((some) => some.length > 1).length,
				wrongTexts,
				integrity,
			};
		},
	};
}
