// Nothing that is stored is forgotten by a copy: every table and every collection has its row in the drivers' tables, or is named there
// with a reason, and every column of a table comes back.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { MongoClient } from "mongodb";
import { openCollections } from "../../src/store/mongo/access.ts";
import { MONGO_COLLECTIONS, NOT_COPIED as NOT_COPIED_COLLECTIONS } from "../../src/store/mongo/copy/collections.ts";
import { NOT_COPIED as NOT_COPIED_TABLES, SQLITE_COLLECTIONS } from "../../src/store/sqlite/copy/collections.ts";
import { migrate } from "../../src/store/sqlite/migrations.ts";
import { fillDatabase } from "../support/dataset.ts";
import { temporaryPath } from "./temporary.ts";

test("every table of the SQLite schema is copied, or is named with a reason why not", () => {
	const path = temporaryPath();
	migrate({ path });
	const db = new Database(path, { readonly: true });
	const tables = db.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").all();
	db.close();
	const known = [...Object.values(SQLITE_COLLECTIONS).flatMap(({ tables: held }) => held), ...Object.keys(NOT_COPIED_TABLES)];
	expect(tables.map(({ name }) => name).sort()).toEqual([...known].sort());
});

test("every collection of the MongoDB driver is copied, or is named with a reason why not", () => {
	const client = new MongoClient("mongodb://127.0.0.1:1");
	const collections = Object.keys(openCollections(client.db("x"), { users: "u", sessions: "s", messages: "m" }));
	const known = [
		...Object.values(MONGO_COLLECTIONS).flatMap(({ holds }) => holds.map(([name]) => String(name))),
		...Object.keys(NOT_COPIED_COLLECTIONS),
	];
	expect(collections.sort()).toEqual(known.sort());
});

test("the test data fills every column of every table that is copied, each with different values", async () => {
	const path = temporaryPath();
	await fillDatabase(path, { people: 30, sessions: 60, messages: 910 });
	const db = new Database(path, { readonly: true });
	const empty: string[] = [];
	const held = Object.values(SQLITE_COLLECTIONS).flatMap(({ tables }) => tables);
	// Text of answers that are being made: test/store/mongo-copy.test.ts has one.
	for (const table of held.filter((name) => name !== "answer_progress")) {
		const columns = db.query<{ name: string }, [string]>("SELECT name FROM pragma_table_info(?)").all(table);
		for (const { name } of columns) {
			const [row] = db.query<{ values: number }, []>(`SELECT count(DISTINCT coalesce("${name}", '')) AS "values" FROM "${table}"`).all();
			if ((row?.values ?? 0) < 2) empty.push(`${table}.${name}`);
		}
	}
	db.close();
	expect(empty).toEqual([]);
});
