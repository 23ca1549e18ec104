// No path of the MongoDB driver walks through a collection: every command that it sends, over every operation of the port, is held against
// the table of indexes, and explained by the server where the server can. And what is in the way of an index is a refusal, not a change.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MongoServerError } from "mongodb";
import { PocketError } from "../../src/domain/errors.ts";
import type { Store } from "../../src/ports/store.ts";
import { INDEXES } from "../../src/store/mongo/indexes.ts";
import {
	aKey,
	aLogin,
	aMessage,
	anEnd,
	anEntry,
	anInvitation,
	aSession,
	aTurn,
	aUser,
	expectCode,
	HOUR,
	NOON,
	storedSession,
} from "../contracts/store/samples.ts";
import { type FreshDatabase, freshDatabase, type MongoForTests, startForTests } from "./mongo-server.ts";

// A test that takes too long takes the server from all the others: on a busy machine the first one waits for everybody.
setDefaultTimeout(30_000);

type Command = { readonly name: string; readonly body: Readonly<Record<string, unknown>> };
/** One search that a command asks for. */
type Search = { readonly collection: string; readonly filter: object; readonly sort: object; readonly limit: number };

let mongo: MongoForTests;
let database: FreshDatabase;
beforeAll(async () => {
	mongo = await startForTests();
}, 300_000);
afterAll(() => mongo.stop());
beforeEach(() => {
	database = freshDatabase(mongo);
});
afterEach(() => database.drop());

const TABLES: Readonly<Record<string, keyof typeof INDEXES>> = {
	users: "users",
	sessions: "sessions",
	messages: "messages",
	users_logins: "logins",
	users_refresh_tokens: "refreshTokens",
	users_reset_tokens: "resetTokens",
	users_api_keys: "apiKeys",
	users_audit: "audit",
	users_invitations: "invitations",
};

/** Whole walks that are meant: at a start, or once an hour, through what is small. An entry that is needed no more fails. */
const SMALL_WALKS: readonly RegExp[] = [
	// One note for each session, or person, that was deleted since the last time.
	/^find sessions_removals \{\}/,
	/^find users_removals \{\}/,
	// As many as there are processes.
	/^find sessions_processes \{\}/,
	// One for each person who was invited and has not come: at a start, and sorted by age where they are shown.
	/^find users_invitations \{\}/,
	/^find users_invitations \{"expires_at":\{[^}]*\}\} \{"_id":-1\}/,
	// One for each person who has a link and has not used it.
	/^find users_reset_tokens \{"spent":/,
];

/** The driver keeps a sort as a Map, for its order. */
function fieldsOf(value: unknown): object {
	if (value instanceof Map) return Object.fromEntries(value);
	return typeof value === "object" && value !== null ? value : {};
}

function listOf(value: unknown): readonly object[] {
	return Array.isArray(value) ? value.map(fieldsOf) : [];
}

/** The searches of a command; none for one that only inserts or administers. */
function searchesOf({ name, body }: Command): Search[] {
	const collection = String(body[name]);
	const search = (filter: unknown, sort: unknown = {}, limit: unknown = 0): Search => ({
		collection,
		filter: fieldsOf(filter),
		sort: fieldsOf(sort),
		limit: Number(limit ?? 0),
	});
	switch (name) {
		case "find":
			return [search(body.filter, body.sort, body.limit)];
		case "findAndModify":
			return [search(body.query)];
		case "update":
			return listOf(body.updates).map((update) => search(Reflect.get(update, "q")));
		case "delete":
			return listOf(body.deletes).map((removal) => search(Reflect.get(removal, "q")));
		case "aggregate": {
			const [first] = listOf(body.pipeline);
			return [search(first === undefined ? {} : Reflect.get(first, "$match"))];
		}
		// Without a filter the collection's own number is given (the manual: db.collection.estimatedDocumentCount).
		case "count":
			return body.query === undefined ? [] : [search(body.query)];
		default:
			expect(["insert", "ping", "listIndexes", "createIndexes", "endSessions", "isMaster", "hello"]).toContain(name);
			return [];
	}
}

/** Whether a condition gives an index somewhere to begin: "is not" does not. */
function bounds(condition: unknown): "point" | "range" | undefined {
	if (typeof condition !== "object" || condition === null) return "point";
	const operators = Object.keys(condition).filter((name) => name.startsWith("$"));
	if (operators.length === 0 || operators.includes("$in") || operators.includes("$eq")) return "point";
	return operators.some((name) => ["$gt", "$gte", "$lt", "$lte"].includes(name)) ? "range" : undefined;
}

function isIndexed({ collection, filter, sort, limit }: Search): boolean {
	const conditions = new Map(Object.entries(filter));
	const sortKeys = Object.entries(sort);
	if (bounds(conditions.get("_id") ?? { $ne: null }) === "point") return true;
	// A part of the order of ids; `at` says the same to the millisecond.
	const isById = [...conditions.keys()].every((name) => name === "_id" || name === "at");
	const isRange = isById && bounds(conditions.get("_id") ?? { $ne: null }) === "range";
	if (isRange && (sortKeys.length === 0 || JSON.stringify(sort) === '{"_id":-1}')) return true;
	const isWalkById = conditions.size === 0 && JSON.stringify(sort) === '{"_id":-1}' && limit > 0;
	if (isWalkById) return true;
	const table = TABLES[collection];
	const indexes = table === undefined ? [] : INDEXES[table];
	const fits = indexes.some(({ key, sparse }) => {
		const keys = Object.entries(key);
		const [first = ""] = keys[0] ?? [];
		const condition = conditions.get(first);
		const isMarked = sparse === true && JSON.stringify(condition) === '{"$exists":true}';
		if (!conditions.has(first) || (bounds(condition) === undefined && !isMarked)) return false;
		// What has one value each comes first; the rest must be the order that is asked for, in either direction.
		const points = keys.filter(([name], place) => keys.slice(0, place + 1).every(([before]) => isPoint(conditions, before)) && name !== "");
		const rest = keys.slice(points.length, points.length + sortKeys.length);
		const sameOrder = (sign: number): boolean => JSON.stringify(rest) === JSON.stringify(sortKeys.map(([name, way]) => [name, way * sign]));
		return sortKeys.length === 0 || sameOrder(1) || sameOrder(-1);
	});
	if (fits) return true;
	const branches = listOf(conditions.get("$or"));
	// The versions of one message, at most some dozens, are sorted in memory.
	const isSortable = sortKeys.length === 0 || conditions.size === 1;
	return branches.length > 0 && isSortable && branches.every((branch) => isIndexed({ collection, filter: branch, sort: {}, limit }));
}

function isPoint(conditions: ReadonlyMap<string, unknown>, name: string): boolean {
	return conditions.has(name) && bounds(conditions.get(name)) === "point";
}

/** Calls every operation of the port, on data in which most of them find something. */
async function callEverything(store: Store): Promise<void> {
	const [anna, bob] = [aUser({ isAdmin: true }), aUser()];
	await store.createFirstAdmin(anna);
	await store.createUser(bob);
	await store.findUserById(anna.id);
	await store.findUserByEmail(anna.email);
	await store.findUsers({ skip: 0, limit: 10 });
	await store.updateUser(bob.id, { fullName: "Bob" }, NOON);
	await store.setAdmin(bob.id, true, NOON);
	await store.setAdmin(bob.id, false, NOON);
	await store.setDisabled(bob.id, true, NOON);
	await store.setDisabled(bob.id, false, NOON);
	await store.countAdmins();
	const invitation = anInvitation({ createdBy: anna.id });
	await store.createInvitation(invitation, "invitation");
	await store.createInvitation(anInvitation(), "spare");
	await store.findInvitation("invitation", NOON);
	await store.findInvitations(NOON, { skip: 0, limit: 10 });
	await store.createInvitedUser(aUser(), "invitation", NOON);
	await expectCode(store.deleteInvitation(invitation.id), "invitation_not_found");
	const login = aLogin(anna.id);
	const { passwordHash: verifiedHash } = anna;
	await store.createLogin(login, "0", verifiedHash);
	await store.findLogin(login.id);
	await store.findLoginByRefreshHash("0");
	await store.findLogins({ userId: anna.id, now: NOON, idleMs: HOUR, skip: 0, limit: 10 });
	await store.touchLogin(login.id, "192.0.2.1", NOON);
	for (let turn = 0; turn < 2; turn += 1) {
		await store.rotateRefreshToken({ hash: "0", successorHash: "1", now: NOON, graceMs: 10, idleMs: HOUR, address: null });
	}
	await store.replacePasswordHash(anna.id, verifiedHash, "one");
	await store.changePassword({ userId: anna.id, verifiedHash: "one", passwordHash: "two", keptLogin: login.id, now: NOON });
	await store.createResetToken("token", anna.id, NOON + HOUR);
	await store.resetPassword("token", "three", NOON);
	await store.setPassword(bob.id, "set", NOON);
	await store.revokeLogin(login.id, NOON);
	await store.revokeLogins(anna.id, NOON, login.id);
	const session = aSession(anna.id);
	await store.createSession(session);
	await store.findSession(session.id, anna.id);
	for (const sortBy of ["createdAt", "updatedAt", "title"] as const) {
		for (const sortOrder of ["asc", "desc"] as const) await store.findSessions({ userId: anna.id, sortBy, sortOrder, skip: 5, limit: 10 });
	}
	await store.walkSessions(anna.id, null, 10);
	await store.walkSessions(anna.id, session, 10);
	await store.updateSession(session.id, anna.id, { title: "x" }, NOON);
	const turn = aTurn(session, { user: { clientMessageId: "t" } });
	await store.beginTurn(turn);
	await expectCode(store.beginTurn(aTurn(session)), "generation_in_progress");
	await store.saveProgress([{ messageId: turn.answer.id, content: "x", reasoning: "" }]);
	await store.finishAnswer(anEnd(turn.answer));
	await store.finishAnswer(anEnd(turn.answer));
	await store.findTurn(session.id, "t");
	await store.findTurnOfGeneration(turn.answer.generationId ?? session.id, anna.id);
	await store.findMessage(turn.answer.id, anna.id);
	await store.beginTurn({ ...aTurn(session), replacesFrom: turn.userMessage.id });
	await store.findVersions(turn.userMessage);
	await database.bury();
	await store.repairInterrupted(NOON);
	await store.appendMessage(aMessage(session));
	await store.findMessages(session.id, { newest: 5 });
	await store.findMessages(session.id, { offset: 1, limit: 5 });
	await store.findMessages(session.id, { before: turn.answer.id, limit: 5 });
	for (const inForce of [true, false]) {
		const walk = { sessionId: session.id, inForce, limit: 5 };
		await store.walkMessages({ ...walk, after: null });
		await store.walkMessages({ ...walk, after: turn.answer.id });
	}
	await store.findAllSessions({ skip: 1, limit: 5 });
	await store.findAllMessages({ skip: 1, limit: 5 });
	await store.metrics({ active: NOON, recent: NOON });
	await store.clearMessages(session.id, anna.id, NOON);
	await store.deleteSession(session.id, anna.id);
	const guest = aUser({ isAdmin: true });
	await store.createUser(guest);
	await store.createLogin(aLogin(guest.id), "guest", guest.passwordHash);
	await store.deleteUser(guest.id);
	await store.lockOut(anna.id, NOON);
	await store.createFirstAdmin(bob);
	await store.purgeLogins(NOON + HOUR);
	const key = aKey(anna.id);
	await store.createKey(key, "hash");
	await store.findKeys(anna.id);
	await store.findKey(key.id);
	await store.findKeyByHash("hash");
	await store.touchKey(key.id, NOON, NOON);
	await store.deleteKey(key.id, anna.id);
	await store.deleteKeys(anna.id);
	await store.purgeKeys(NOON);
	await store.appendAudit(anEntry());
	for (const filter of [{}, { userId: anna.id }, { action: "login" }, { userId: anna.id, action: "login" }] as const) {
		await store.findAudit({ ...filter, limit: 10 });
		await store.findAudit({ ...filter, since: NOON, before: anna.id, limit: 10 });
	}
	await store.purgeAudit(NOON);
	await store.check();
}

/** The port, with every call counted by its name. */
function counted(store: Store): { readonly store: Store; readonly missing: () => string[] } {
	const called = new Set<string | symbol>();
	const proxy = new Proxy(store, {
		get(target, name) {
			called.add(name);
			return Reflect.get(target, name);
		},
	});
	return { store: proxy, missing: () => Object.keys(store).filter((name) => !called.has(name) && name !== "kind" && name !== "close") };
}

describe("every command of every operation", () => {
	let commands: Command[];
	beforeEach(async () => {
		commands = [];
		const store = await database.open({ watch: (name, body) => commands.push({ name, body }) });
		const { store: seen, missing } = counted(store);
		await callEverything(seen);
		expect(missing()).toEqual([]);
		// What the replaced gateway left takes other ways.
		const old = await storedSession(store);
		await database.db.collection("sessions").updateMany({}, { $unset: { order_at: "" } });
		await store.findMessages(old.id, { newest: 5 });
		await store.appendMessage(aMessage(old));
		await store.close();
	});

	test("searches by an index of the table, in its order", () => {
		expect(commands.length).toBeGreaterThan(150);
		const walks = commands.flatMap((command) =>
			searchesOf(command)
				.filter((search) => search.collection !== "users_state" && !isIndexed(search))
				.map(({ collection, filter, sort }) => `${command.name} ${collection} ${JSON.stringify(filter)} ${JSON.stringify(sort)}`),
		);
		expect(walks.filter((walk) => !SMALL_WALKS.some((pattern) => pattern.test(walk)))).toEqual([]);
		expect(SMALL_WALKS.filter((pattern) => !walks.some((walk) => pattern.test(walk)))).toEqual([]);
	});

	test("asks for what was promised to be durable", () => {
		const writes = commands.filter(({ name }) => ["insert", "update", "delete", "findAndModify"].includes(name));
		expect(writes.length).toBeGreaterThan(50);
		expect(writes.filter(({ body }) => JSON.stringify(body.writeConcern) !== '{"w":"majority","j":true}')).toEqual([]);
	});

	test("never replaces a document, and never writes to the replaced gateway's with anything but $set and its kind", () => {
		const updates = commands
			.filter(({ name }) => name === "update" || name === "findAndModify")
			.flatMap(({ name, body }) => (name === "update" ? listOf(body.updates).map((update) => Reflect.get(update, "u")) : [body.update]));
		const operators = new Set(updates.flatMap((update) => Object.keys(fieldsOf(update))));
		expect([...operators].sort()).toEqual(["$inc", "$max", "$pull", "$push", "$set", "$unset"]);
	});

	test("is explained by the server without a walk through a collection, where the server explains", async () => {
		const plans: string[] = [];
		for (const { name, body } of commands) {
			if (searchesOf({ name, body }).length === 0 || String(body[name]).endsWith("_state")) continue;
			const { lsid: _, $db: __, txnNumber: ___, $clusterTime: ____, writeConcern: _____, ...explained } = body;
			try {
				const plan = await database.db.command({ explain: explained });
				if (JSON.stringify(plan).includes('"COLLSCAN"')) plans.push(`${name} ${JSON.stringify(explained)}`);
			} catch (error) {
				if (!(error instanceof MongoServerError) || error.code !== 59) throw error;
				console.warn("this server does not explain; the table of indexes stands for it");
				return;
			}
		}
		expect(plans.filter((plan) => !plan.includes('"spent"') && !plan.includes("_removals") && !plan.includes("_invitations"))).toEqual([]);
	});
});

describe("what is in the way of an index", () => {
	async function refusal(): Promise<PocketError> {
		try {
			await (await database.open()).close();
		} catch (error) {
			if (error instanceof PocketError) return error;
			throw error;
		}
		throw new Error("the store opened");
	}

	async function indexesNow(): Promise<string> {
		const found = await Promise.all(["users", "sessions", "messages"].map((name) => database.db.collection(name).listIndexes().toArray()));
		return JSON.stringify(found);
	}

	test.each([
		["users", { email: 1 }, {}, "email_1", "is not unique"],
		["sessions", { user_id: 1, created_at: -1 }, { unique: true }, "user_id_1_created_at_-1", "is unique"],
		["messages", { turn_key: 1 }, { unique: true }, "turn_key_1", "is not sparse"],
		["messages", { user_id: 1 }, { expireAfterSeconds: 60 }, "user_id_1", "has expireAfterSeconds"],
		["users", { is_admin: 1 }, { partialFilterExpression: { is_admin: true } }, "is_admin_1", "has partialFilterExpression"],
		["users", { full_name: 1 }, { name: "email_1" }, "email_1", "has other fields"],
	] as const)(
		"another form of an index is refused with its collection and its name, and nothing is changed: %s %o %o",
		async (collection, key, options, name, why) => {
			await database.db.collection(collection).createIndex(key, options);
			const before = await indexesNow();
			const { code, message } = await refusal();
			expect(code).toBe("already_exists");
			for (const part of [collection, name, why]) expect(message).toContain(part);
			expect(await indexesNow()).toBe(before);
		},
	);

	test("people with the same address are refused with the collection and the field", async () => {
		await database.db.collection("users").insertMany([{ email: "a@example.org" }, { email: "a@example.org" }]);
		const { code, message } = await refusal();
		expect(code).toBe("already_exists");
		expect(message).toContain("users");
		expect(message).toContain("email");
		expect(message).not.toContain("a@example.org");
	});

	test("the same index under another name is taken, and opening twice makes nothing twice", async () => {
		await database.db.collection("users").createIndex({ email: 1 }, { unique: true, name: "by_address" });
		await (await database.open()).close();
		const once = await indexesNow();
		expect(once).toContain("by_address");
		expect(once).not.toContain('"email_1"');
		await (await database.open()).close();
		expect(await indexesNow()).toBe(once);
	});

	test("a database of a newer program is refused with both versions, and nothing is changed", async () => {
		await database.db.collection<{ _id: string; version: number }>("users_state").insertOne({ _id: "schema", version: 7 });
		const { code, message } = await refusal();
		expect(code).toBe("store_too_new");
		expect(message).toContain("version 7");
		expect(await indexesNow()).not.toContain("turn_key");
	});
});
