// People with their logins, sessions and messages in any number, the same for the same size: a source to copy from, which keeps nothing
// in memory. With everything that makes a copy hard: versions, clocks that went back, equal times, odd characters.

import { type Id, parseId } from "../../src/domain/id.ts";
import type { Message } from "../../src/domain/message.ts";
import { previewOf } from "../../src/domain/session.ts";
import { COLLECTIONS, keyOf } from "../../src/move/order.ts";
import type { CopyCollection, CopyRecords, CopySource, CopyState, CopyTarget } from "../../src/ports/copy.ts";
import { openSqliteTarget } from "../../src/store/sqlite/copy/target.ts";

export type DatasetSize = { readonly people: number; readonly sessions: number; readonly messages: number };

const START = Date.UTC(2025, 0, 1);
const MINUTE = 60_000;

const ODD_TEXTS = ["плюс", "你好 😀", 'quote " and \\ back', "line\nfeed\r\n", "nul \0 inside", "\u2028\u2029", "e\u0301", "  "] as const;

/** `kind` keeps ids of different things apart. They grow with `index`. */
function datasetId(kind: number, index: number): Id {
	const seconds = Math.floor(START / 1000) + index;
	const id = parseId(
		`${seconds.toString(16).padStart(8, "0")}${kind.toString(16).padStart(4, "0")}${index.toString(16).padStart(12, "0")}`,
	);
	if (id === undefined) throw new Error("an id has 24 hexadecimal characters");
	return id;
}

const [PERSON, LOGIN, SESSION, MESSAGE, GENERATION, AUDIT, KEY, INVITATION, GONE] = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

export const personId = (index: number): Id => datasetId(PERSON, index);
export const messageIdOf = (index: number): Id => datasetId(MESSAGE, index);
export const sessionId = (index: number): Id => datasetId(SESSION, index);

export function datasetSource(size: DatasetSize): CopySource {
	const generators: { readonly [C in CopyCollection]: () => Generator<CopyRecords[C]> } = {
		users: () => users(size),
		logins: () => logins(size),
		resetTokens: () => resetTokens(size),
		apiKeys: () => apiKeys(size),
		invitations: () => invitations(size),
		removals: () => removals(size),
		sessions: () => sessions(size),
		messages: () => messages(size),
		audit: () => audit(size),
	};
	async function* read<C extends CopyCollection>(collection: C, after: Id | null): AsyncGenerator<CopyRecords[C]> {
		for (const record of generators[collection]()) if (after === null || keyOf(collection, record) > after) yield record;
	}
	return {
		kind: "sqlite",
		location: "generated",
		identity: "generated",
		read,
		inspect: (collection) => read(collection, null),
		close: () => Promise.resolve(),
	};
}

/** As `fillTarget`, into a new SQLite file. */
export async function fillDatabase(path: string, size: DatasetSize): Promise<{ rows: number; seconds: number }> {
	const target = openSqliteTarget(path);
	try {
		return await fillTarget(target, size);
	} finally {
		await target.close();
	}
}

/** Writes the whole of it, without reading it back. Gives rows and seconds. */
export async function fillTarget(target: CopyTarget, size: DatasetSize): Promise<{ rows: number; seconds: number }> {
	const source = datasetSource(size);
	const begun = performance.now();
	const state: CopyState = { source: source.identity, begunAt: START, finished: null, positions: {} };
	let rows = 0;
	await target.begin(state);
	for (const collection of COLLECTIONS) rows += await fillOne(target, source, collection, state);
	await target.settle();
	await target.finish({ ...state, finished: { at: START, digests: {} } });
	return { rows, seconds: (performance.now() - begun) / 1000 };
}

async function fillOne<C extends CopyCollection>(target: CopyTarget, source: CopySource, collection: C, state: CopyState): Promise<number> {
	let rows = 0;
	let batch: CopyRecords[C][] = [];
	for await (const record of source.read(collection, null)) {
		rows += 1;
		if (batch.push(record) < 2000) continue;
		await target.write(collection, batch, state);
		batch = [];
	}
	await target.write(collection, batch, state);
	return rows;
}

function* users({ people }: DatasetSize): Generator<CopyRecords["users"]> {
	for (let index = 0; index < people; index += 1) {
		yield {
			id: personId(index),
			email: `person${index}@example.org`,
			fullName: index % 3 === 0 ? null : `Person ${index} ${ODD_TEXTS[index % 3]}`,
			avatarUrl: index % 4 === 0 ? `https://example.org/${index}.png` : null,
			passwordHash: `$argon2id$v=19$m=65536,t=2,p=1$${Buffer.from(`salt${index}`).toString("base64url")}$aGFzaA`,
			isAdmin: index === 0,
			disabled: index % 50 === 7,
			createdAt: START + index * MINUTE,
			updatedAt: START + index * MINUTE + 5,
		};
	}
}

function* logins({ people }: DatasetSize): Generator<CopyRecords["logins"]> {
	for (let index = 0; index < people; index += 1) {
		const hash = (turn: number): string => hashOf(`${index}.${turn}`);
		const turns = index % 4;
		const createdAt = START + index * MINUTE;
		yield {
			id: datasetId(LOGIN, index),
			userId: personId(index),
			seed: hash(-1),
			createdAt,
			lastUsedAt: createdAt + turns * MINUTE,
			expiresAt: createdAt + 30 * 24 * 60 * MINUTE,
			revokedAt: index % 9 === 4 ? createdAt + MINUTE : null,
			address: index % 3 === 0 ? null : `192.0.2.${index % 250}`,
			device: index % 3 === 0 ? null : "curl/8",
			tokens: {
				newest: hash(turns),
				parent: turns > 0 ? hash(turns - 1) : null,
				rotatedAt: turns > 0 ? createdAt + turns * MINUTE : null,
				spent: Array.from({ length: Math.max(0, turns - 1) }, (_, turn) => hash(turn)).sort(),
			},
		};
	}
}

function* resetTokens({ people }: DatasetSize): Generator<CopyRecords["resetTokens"]> {
	for (let index = 0; index < people; index += 10) {
		yield { userId: personId(index), hash: hashOf(`reset ${index}`), expiresAt: START + index };
	}
}

function* apiKeys({ people }: DatasetSize): Generator<CopyRecords["apiKeys"]> {
	for (let index = 0; index < people; index += 4) {
		yield {
			id: datasetId(KEY, index),
			userId: personId(index),
			name: `key ${index}`,
			prefix: `pk_${index}`,
			hash: hashOf(`key ${index}`),
			scopes: index % 8 === 0 ? ["chat", "read"] : ["read"],
			createdAt: START + index,
			expiresAt: index % 8 === 0 ? null : START + index * MINUTE,
			lastUsedAt: index % 12 === 0 ? null : START + index * 2,
		};
	}
}

function* invitations({ people }: DatasetSize): Generator<CopyRecords["invitations"]> {
	for (let index = 0; index < people; index += 5) {
		yield {
			id: datasetId(INVITATION, index),
			note: index % 10 === 0 ? null : `for ${index}`,
			createdBy: index % 15 === 0 ? null : personId(0),
			createdAt: START + index,
			expiresAt: START + index + MINUTE,
			hash: hashOf(`invitation ${index}`),
		};
	}
}

function* removals({ people }: DatasetSize): Generator<CopyRecords["removals"]> {
	for (let index = 0; index < people; index += 10) yield { userId: datasetId(GONE, index) };
}

function hashOf(text: string): string {
	return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

function* sessions(size: DatasetSize): Generator<CopyRecords["sessions"]> {
	for (let index = 0; index < size.sessions; index += 1) {
		const createdAt = START + index * MINUTE;
		const count = messagesIn(size, index);
		const last = count === 0 ? undefined : messageOf(size, index, count - 1);
		yield {
			id: sessionId(index),
			userId: personId(index % size.people),
			title: index % 5 === 0 ? "New Chat" : `Session ${index} ${ODD_TEXTS[index % ODD_TEXTS.length]}`,
			metadata: METADATA[index % METADATA.length] ?? null,
			model: index % 6 === 0 ? "smol" : null,
			systemPrompt: index % 11 === 0 ? "Be brief." : null,
			createdAt,
			updatedAt: last?.createdAt ?? createdAt,
			lastMessageAt: last?.createdAt ?? null,
			lastMessage: last === undefined ? null : previewOf(last.content),
		};
	}
}

/** The last one is not to be had in BSON as it is. */
const METADATA = [null, {}, { source: "import", n: 3 }, { nested: { list: [1, "two", null, true] } }, { "a.b": 1, $set: 2 }] as const;

function messagesIn({ sessions, messages }: DatasetSize, index: number): number {
	return Math.floor(messages / sessions) + (index < messages % sessions ? 1 : 0);
}

function messagesBefore({ sessions, messages }: DatasetSize, index: number): number {
	return index * Math.floor(messages / sessions) + Math.min(index, messages % sessions);
}

function* messages(size: DatasetSize): Generator<Message> {
	for (let session = 0; session < size.sessions; session += 1) {
		const count = messagesIn(size, session);
		for (let place = 0; place < count; place += 1) yield messageOf(size, session, place);
	}
}

function* audit({ people }: DatasetSize): Generator<CopyRecords["audit"]> {
	for (let index = 0; index < people; index += 1) {
		yield {
			id: datasetId(AUDIT, index),
			at: START + index,
			action: index % 2 === 0 ? "login" : "login_failed",
			userId: index % 5 === 0 ? null : personId(index),
			byId: index % 3 === 0 ? null : personId(0),
			address: index % 4 === 0 ? null : "2001:db8::1",
			device: index % 4 === 0 ? null : "curl/8",
			detail: index % 7 === 0 ? "laptop" : null,
		};
	}
}

const ENDINGS = ["sent", "sent", "sent", "sent", "stopped", "interrupted", "error"] as const;
const WORDS = "An answer belongs to the server and not to the connection, so that nobody loses it. ";

function messageOf(size: DatasetSize, session: number, place: number): Message {
	const number = messagesBefore(size, session) + place;
	const turn = place >> 1;
	const isPrompt = place % 2 === 0;
	// Now and then the clock goes back, or stands.
	const shift = place % 10 === 8 ? -5 * MINUTE : place % 10 === 4 ? -1000 : 0;
	const createdAt = START + session * MINUTE + place * 1000 + shift;
	const isOld = place % 14 >= 12;
	const ending = ENDINGS[(session + turn) % ENDINGS.length] ?? "sent";
	const text = isPrompt ? `Why ${number}? ${ODD_TEXTS[number % ODD_TEXTS.length]}` : WORDS.repeat(1 + (number % 9));
	const answered = {
		status: ending,
		errorCode: ending === "error" ? ("upstream_timeout" as const) : null,
		reasoning: number % 6 === 1 ? "Let me think." : null,
		model: "smol",
		finishReason: ending === "sent" ? "stop" : null,
		usage: { promptTokens: number, completionTokens: 40 },
		timings: { queuedMs: 0.5, firstTokenMs: 12, totalMs: 345.25 },
	};
	const asked = { status: "sent" as const, errorCode: null, reasoning: null, model: null, finishReason: null, usage: null, timings: null };
	return {
		id: datasetId(MESSAGE, number),
		sessionId: sessionId(session),
		userId: personId(session % size.people),
		role: isPrompt ? "user" : "assistant",
		content: text,
		createdAt,
		generationId: datasetId(GENERATION, number - (isPrompt ? 0 : 1)),
		clientMessageId: isPrompt ? `turn-${turn}` : null,
		versionOf: isOld || place % 14 < 2 || !isPrompt ? null : datasetId(MESSAGE, number - (place % 14)),
		inForce: !isOld,
		...(isPrompt ? asked : answered),
	};
}
