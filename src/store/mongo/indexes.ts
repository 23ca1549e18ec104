// THE table of indexes. Every query of this driver walks one of them, or `_id`; test/store/mongo-indexes.test.ts holds each command that is
// sent against this table. Here is also who makes them, and who refuses one that is in the way.

import type { IndexDescription } from "mongodb";
import { PocketError } from "../../domain/errors.ts";
import type { Access, Collections } from "./access.ts";
import { duplicateIndex, isInDoubt } from "./errors.ts";

type Index = {
	readonly key: Readonly<Record<string, 1 | -1>>;
	readonly unique?: true;
	/** Documents without the field are not in it: that is what makes a unique one bearable, and a flag's one small. */
	readonly sparse?: true;
};

/** The first ones of each kept collection are the replaced gateway's; with the same key and form under another name they are fine. */
export const INDEXES: Readonly<
	Record<Exclude<keyof Collections, "state" | "removals" | "peopleRemovals" | "processes">, readonly Index[]>
> = {
	users: [
		{ key: { email: 1 }, unique: true },
		{ key: { is_admin: 1 } },
		{ key: { created_at: 1 } },
		{ key: { first_admin: 1 }, unique: true, sparse: true },
		{ key: { invitation_id: 1 }, unique: true, sparse: true },
		// What a crash left (repair.ts).
		{ key: { "ending_logins.id": 1 }, sparse: true },
	],
	sessions: [
		{ key: { user_id: 1, created_at: -1 } },
		// One for each order in which a person's list can be asked for; `_id` decides between equals.
		{ key: { user_id: 1, created_at: 1, _id: 1 } },
		{ key: { user_id: 1, updated_at: 1, _id: 1 } },
		{ key: { user_id: 1, title: 1, _id: 1 } },
		// What is new, and who was active, for the metrics.
		{ key: { created_at: 1 } },
		{ key: { updated_at: 1, user_id: 1 } },
		// What a crash left (repair.ts).
		{ key: { "turn.id": 1 }, sparse: true },
		{ key: { "appending.id": 1 }, sparse: true },
	],
	messages: [
		{ key: { session_id: 1, created_at: 1 } },
		{ key: { user_id: 1 } },
		// The order of a session's branch in force, and of what left it.
		{ key: { session_id: 1, in_force: 1, created_at: 1, seq: 1, _id: 1 } },
		{ key: { turn_key: 1 }, unique: true, sparse: true },
		{ key: { generation_id: 1 }, sparse: true },
		{ key: { version_of: 1 }, sparse: true },
		// Only of answers that did not end well, or run: `sent` is not stored.
		{ key: { status: 1 }, sparse: true },
		// For the metrics.
		{ key: { role: 1, created_at: 1 } },
	],
	logins: [{ key: { user_id: 1, last_used_at: -1, _id: -1 } }, { key: { expires_at: 1 } }, { key: { revoked_at: 1 } }],
	refreshTokens: [{ key: { login_id: 1 } }],
	resetTokens: [{ key: { hash: 1 } }, { key: { expires_at: 1 } }],
	apiKeys: [{ key: { hash: 1 }, unique: true }, { key: { user_id: 1, _id: 1 } }, { key: { expires_at: 1 } }],
	// Its order is that of `_id`. No TTL index: the retention is a setting, and the hourly purge follows it in both stores.
	audit: [{ key: { user_id: 1, _id: 1 } }, { key: { by_id: 1, _id: 1 } }, { key: { action: 1, _id: 1 } }],
	invitations: [{ key: { hash: 1 }, unique: true }, { key: { expires_at: 1 } }, { key: { created_by: 1 } }],
};

const INDEX_LIMIT_MS = 10 * 60_000;
const TRY_LIMIT_MS = 60_000;

export type MissingIndexes = { readonly name: IndexedName; readonly indexes: readonly Index[] };

/**
 * The indexes that are missing, by collection. Codes: `already_exists` with the collection and the index named, when one with the same key
 * works differently; `store_unavailable`.
 */
export async function findMissingIndexes(access: Access): Promise<readonly MissingIndexes[]> {
	const found = await Promise.all(
		tableRows().map(async ([name, indexes]) => ({ name, indexes: await findMissing(access, name, indexes) })),
	);
	return found.filter(({ indexes }) => indexes.length > 0);
}

/** For people. */
export function nameOfIndexes(access: Access, { name, indexes }: MissingIndexes): string {
	return `indexes of ${access[name].collectionName}: ${indexes.map(indexName).join(", ")}`;
}

type IndexedName = keyof typeof INDEXES;

function tableRows(): readonly (readonly [IndexedName, readonly Index[]])[] {
	const { users, sessions, messages, logins, refreshTokens, resetTokens, apiKeys, audit, invitations } = INDEXES;
	return [
		["users", users],
		["sessions", sessions],
		["messages", messages],
		["logins", logins],
		["refreshTokens", refreshTokens],
		["resetTokens", resetTokens],
		["apiKeys", apiKeys],
		["audit", audit],
		["invitations", invitations],
	];
}

/** MongoDB's own naming, so that the replaced gateway's are found by name too. */
function indexName({ key }: Index): string {
	return Object.entries(key).flat().join("_");
}

async function findMissing(access: Access, name: IndexedName, indexes: readonly Index[]): Promise<readonly Index[]> {
	const collection = access[name].collectionName;
	const there = await access.step(() => listIndexes(access, name));
	return indexes.filter((index) => {
		const sameKey = there.find((found) => sameOrder(found.key, index.key));
		if (sameKey !== undefined) requireSameForm(collection, sameKey, index);
		const sameName = there.find((found) => found.name === indexName(index));
		if (sameKey === undefined && sameName !== undefined) throw inTheWay(collection, indexName(index), "has other fields than needed");
		return sameKey === undefined;
	});
}

type FoundIndex = { readonly name: string; readonly key: object; readonly form: Readonly<Record<string, unknown>> };

async function listIndexes(access: Access, name: IndexedName): Promise<readonly FoundIndex[]> {
	const found = await access[name].listIndexes().toArray();
	return found.map(({ name: indexName, key, ...form }) => ({ name: String(indexName), key: Object(key), form }));
}

/** The order of an index's fields is part of what it is. */
function sameOrder(one: object, other: object): boolean {
	return JSON.stringify(Object.entries(one)) === JSON.stringify(Object.entries(other));
}

/** What else can change which documents an index holds, refuses or removes. */
function requireSameForm(collection: string, { name, form }: FoundIndex, index: Index): void {
	if ((form.unique === true) !== (index.unique === true)) {
		throw inTheWay(collection, name, index.unique ? "is not unique" : "is unique");
	}
	if ((form.sparse === true) !== (index.sparse === true)) {
		throw inTheWay(collection, name, index.sparse ? "is not sparse" : "is sparse");
	}
	for (const member of ["partialFilterExpression", "expireAfterSeconds", "collation"]) {
		if (form[member] !== undefined) throw inTheWay(collection, name, `has ${member}`);
	}
	if (form.hidden === true) throw inTheWay(collection, name, "is hidden");
}

function inTheWay(collection: string, index: string, why: string): PocketError {
	return new PocketError("already_exists", {
		sentence: `The index ${index} of the collection ${collection} is in the way: it ${why}. Nothing was changed. Drop it (db.${collection}.dropIndex("${index}")) and start again; a right one is then made.`,
	});
}

/**
 * Makes them, and leaves others alone. A large collection takes minutes; asking again for an index that is being made waits for it. Codes:
 * `already_exists` when documents stand in the way of a unique one; `store_unavailable`.
 */
export async function makeIndexes(access: Access, { name, indexes }: MissingIndexes): Promise<void> {
	const specifications = indexes.map(
		({ key, unique, sparse }): IndexDescription => ({ key: { ...key }, ...(unique && { unique }), ...(sparse && { sparse }) }),
	);
	const deadline = performance.now() + INDEX_LIMIT_MS;
	while (true) {
		try {
			await access.step(() => access[name].createIndexes(specifications), TRY_LIMIT_MS);
			return;
		} catch (error) {
			if (duplicateIndex(error) !== undefined) throw duplicates(access[name].collectionName, specifications);
			if (!isInDoubt(error) || performance.now() > deadline) throw error;
			// Gone, or just busy with it? The first throws here.
			await access.step(() => access[name].listIndexes().toArray());
		}
	}
}

function duplicates(collection: string, specifications: readonly IndexDescription[]): PocketError {
	const fields = specifications.filter(({ unique }) => unique === true).map(({ key }) => Object.keys(key).join(", "));
	return new PocketError("already_exists", {
		sentence: `The collection ${collection} holds documents with the same ${fields.join(" or ")}, so its unique index cannot be made. Merge or remove the doubles and start again.`,
	});
}
