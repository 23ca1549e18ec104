// What the lists, the pages of messages and a send cost as the history grows: the same operations with 10,000 messages and with a million,
// in both stores, side by side. On the port and in this process: what HTTP adds is measured elsewhere.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PocketError } from "../../src/domain/errors.ts";
import { createIdSource, type Id } from "../../src/domain/id.ts";
import type { Message } from "../../src/domain/message.ts";
import type { Store } from "../../src/ports/store.ts";
import { openMongoTarget } from "../../src/store/mongo/copy/open.ts";
import { createMongoStore } from "../../src/store/mongo/open.ts";
import { createSqliteStore } from "../../src/store/sqlite/open.ts";
import { createRandom } from "../faults/random.ts";
import { type DatasetSize, fillDatabase, fillTarget, messageIdOf, personId, sessionId } from "../support/dataset.ts";
import { addressOf, startMongo } from "../support/mongo.ts";
import { newDataFolder } from "./server.ts";
import { spreadOf } from "./statistics.ts";
import { ratio, show, table } from "./table.ts";

export type StoreBenchOptions = {
	/** Messages of the large store; ten to a session, a hundred sessions to a person. */
	readonly messages: number;
	/** Samples of each operation, and the seconds after which fewer are enough. */
	readonly samples: number;
	readonly seconds: number;
	readonly stores: readonly StoreName[];
	readonly say: (line: string) => void;
};

export const STORE_NAMES = ["sqlite", "mongodb"] as const;
export type StoreName = (typeof STORE_NAMES)[number];

export type StoreRow = {
	readonly store: StoreName;
	/** Whether that is the server in Java of the tests. */
	readonly isStandIn: boolean;
	readonly operation: string;
	readonly messages: number;
	/** In milliseconds; NaN when there was no answer. */
	readonly p50: number;
	readonly p99: number;
	readonly samples: number;
};

const SMALL = 10_000;
const SESSIONS_OF_A_PERSON = 100;
const MESSAGES_OF_A_SESSION = 10;

function sizeOf(messages: number): DatasetSize {
	const sessions = messages / MESSAGES_OF_A_SESSION;
	return { people: sessions / SESSIONS_OF_A_PERSON, sessions, messages };
}

export async function measureStores(options: StoreBenchOptions): Promise<readonly StoreRow[]> {
	const rows: StoreRow[] = [];
	for (const messages of [SMALL, options.messages]) {
		for (const store of options.stores) rows.push(...(await (store === "sqlite" ? measureSqlite : measureMongo)(messages, options)));
	}
	return rows;
}

async function measureSqlite(messages: number, options: StoreBenchOptions): Promise<readonly StoreRow[]> {
	const folder = newDataFolder();
	mkdirSync(folder, { recursive: true });
	const path = join(folder, "pocketllm.db");
	const { seconds } = await fillDatabase(path, sizeOf(messages));
	options.say(`SQLite holds ${messages} messages, after ${seconds.toFixed(0)} s`);
	const store = await createSqliteStore({ path, writer: "worker" });
	try {
		return await measure({ store, name: "sqlite", isStandIn: false, messages, options });
	} finally {
		await store.close();
		rmSync(folder, { recursive: true, force: true });
	}
}

async function measureMongo(messages: number, options: StoreBenchOptions): Promise<readonly StoreRow[]> {
	const mongo = await startMongo({ memoryMb: 8000 });
	const uri = addressOf(mongo.url, `pocketllm_bench_${process.pid}_${messages}`);
	const place = { uri, database: "unused", collections: { users: "users", sessions: "sessions", messages: "messages" } };
	try {
		const target = await openMongoTarget(place);
		const { seconds } = await fillTarget(target, sizeOf(messages));
		await target.close();
		options.say(`MongoDB holds ${messages} messages, after ${seconds.toFixed(0)} s`);
		const store = await createMongoStore(place);
		if (mongo.pid !== 0) await readAllLists(store, sizeOf(messages));
		const rows = await measure({ store, name: "mongodb", isStandIn: mongo.pid !== 0, messages, options });
		await store.close();
		return rows;
	} finally {
		await mongo.stop();
	}
}

/** A mongod has in memory what was just written; the stand-in has what it read before, and first reads and decodes it from its file. */
async function readAllLists(store: Store, { people }: DatasetSize): Promise<void> {
	for (let person = 0; person < people; person += 1) await listOf(store, person);
}

function listOf(store: Store, person: number): Promise<unknown> {
	return store.findSessions({ userId: personId(person), sortBy: "updatedAt", sortOrder: "desc", skip: 0, limit: 20 });
}

type Subject = {
	readonly store: Store;
	readonly name: StoreName;
	readonly isStandIn: boolean;
	readonly messages: number;
	readonly options: StoreBenchOptions;
};

async function measure({ store, name, isStandIn, messages, options }: Subject): Promise<readonly StoreRow[]> {
	const size = sizeOf(messages);
	const random = createRandom(7);
	const newId = createIdSource(Date.now, (count) => crypto.getRandomValues(new Uint8Array(count)));
	const anySession = (): number => Math.floor(random() * size.sessions);
	const operations: Readonly<Record<string, () => Promise<unknown>>> = {
		"session list": () => listOf(store, Math.floor(random() * size.people)),
		"messages, newest": () => store.findMessages(sessionId(anySession()), { newest: 500 }),
		"messages, offset": () => store.findMessages(sessionId(anySession()), { offset: 4, limit: 4 }),
		"messages, before": async () => {
			const session = anySession();
			return store.findMessages(sessionId(session), { before: messageId(session), limit: 4 });
		},
		"a send": () => send(store, anySession(), size, newId),
		"all messages, 90 % in": () => store.findAllMessages({ skip: Math.floor(messages * 0.9), limit: 50 }),
		"all messages, half in": () => store.findAllMessages({ skip: Math.floor(messages / 2), limit: 50 }),
	};
	const rows: StoreRow[] = [];
	for (const [operation, act] of Object.entries(operations)) {
		const times = await sample(act, options).catch((error: unknown) => noAnswer(error, isStandIn));
		const { p50, p99 } = spreadOf(times);
		rows.push({ store: name, isStandIn, operation, messages, p50, p99, samples: times.length });
	}
	return rows;
}

/** The stand-in may be too slow for the driver's patience; a real server is not. */
function noAnswer(error: unknown, isStandIn: boolean): Float64Array {
	if (isStandIn && error instanceof PocketError && error.code === "store_unavailable") return new Float64Array();
	throw error;
}

async function sample(act: () => Promise<unknown>, { samples, seconds }: StoreBenchOptions): Promise<Float64Array> {
	const times: number[] = [];
	const deadline = performance.now() + seconds * 1000;
	for (let warmUp = 0; warmUp < Math.min(20, samples / 5) && performance.now() < deadline; warmUp += 1) await act();
	while (times.length < samples && (times.length < 3 || performance.now() < deadline)) {
		const begun = performance.now();
		await act();
		times.push(performance.now() - begun);
	}
	return Float64Array.from(times);
}

function messageId(session: number): Id {
	return messageIdOf(session * MESSAGES_OF_A_SESSION + 6);
}

/** A whole turn: the prompt durable, and the answer's end. */
async function send(store: Store, session: number, { people }: DatasetSize, newId: () => Id): Promise<void> {
	const now = Date.now();
	const generationId = newId();
	const message: Message = {
		id: newId(),
		sessionId: sessionId(session),
		userId: personId(session % people),
		role: "user",
		content: "Why is the sky blue?",
		createdAt: now,
		status: "sent",
		errorCode: null,
		reasoning: null,
		model: null,
		generationId,
		clientMessageId: generationId,
		versionOf: null,
		inForce: true,
		finishReason: null,
		usage: null,
		timings: null,
	};
	const answer: Message = { ...message, id: newId(), role: "assistant", content: "", status: "streaming", clientMessageId: null };
	await store.beginTurn({ userMessage: message, answer });
	await store.finishAnswer({
		messageId: answer.id,
		sessionId: answer.sessionId,
		content: "Because short waves are scattered more.",
		reasoning: null,
		status: "sent",
		errorCode: null,
		model: "smol",
		finishReason: "stop",
		usage: null,
		timings: null,
		now,
	});
}

export function storesText(rows: readonly StoreRow[]): string {
	const large = Math.max(...rows.map(({ messages }) => messages));
	const head = ["", "operation", `${SMALL} p50`, `${large} p50`, "growth", `${large} p99`, "samples"];
	const lines = rows
		.filter(({ messages }) => messages === large)
		.map((row) => {
			const small = rows.find(({ store, operation, messages }) => store === row.store && operation === row.operation && messages === SMALL);
			const growth = ratio(row.p50 / (small?.p50 ?? Number.NaN));
			return [row.store, row.operation, show(small?.p50 ?? Number.NaN), show(row.p50), growth, show(row.p99), String(row.samples)];
		});
	const about = "Milliseconds on the store's port; 10 messages to a session, 100 sessions to a person\n";
	return [about, table(head, lines, 2), ...notes(rows, large)].join("\n");
}

function notes(rows: readonly StoreRow[], large: number): readonly string[] {
	const judged = ["session list", "messages, newest", "messages, offset", "messages, before", "a send"];
	const grown = rows.filter(({ store, operation, messages, p50 }) => {
		const small = rows.find((row) => row.store === store && row.operation === operation && row.messages === SMALL);
		return store === "sqlite" && messages === large && judged.includes(operation) && p50 > 2 * (small?.p50 ?? Number.NaN);
	});
	const list = rows.find(({ store, operation, messages }) => store === "sqlite" && operation === "session list" && messages === large);
	return [
		"",
		...(list === undefined
			? []
			: [
					`SQLite: ${grown.length === 0 ? "nothing grew beyond ×2" : `beyond ×2: ${grown.map(({ operation }) => operation).join(", ")}`}; p99 of the list ${show(list.p99)} ms (limit 5)`,
				]),
		...(rows.some(({ isStandIn }) => isStandIn)
			? [
					"mongodb is the Java stand-in of the tests. Its indexes find by their first field, and what they find is sorted each time;",
					"a page of everything it sorts whole. Each list was read once before, so that it is in memory. MONGODB_TEST_URI names a mongod to measure; that each query of the driver walks an index",
					"is shown by test/store/mongo-indexes.test.ts.",
				]
			: []),
	];
}
