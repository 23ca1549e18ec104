// The lists of everything, at any depth: the page is exact, and getting there stops nobody else for long.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { migrate } from "../../src/store/sqlite/migrations.ts";
import { createSqliteStore } from "../../src/store/sqlite/open.ts";
import { afterwards, temporaryPath } from "./temporary.ts";

const ROWS = 130_000;

test("a page of 130,000 sessions is the same rows wherever it begins, counted from the nearer end, in steps", async () => {
	const path = temporaryPath();
	migrate({ path });
	const db = new Database(path);
	db.run(
		`WITH RECURSIVE numbers (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < ${ROWS})
		INSERT INTO sessions (id, user_id, title, created_at, updated_at, message_count)
		SELECT format('%024x', value), format('%024x', 1), value, 0, 0, 0 FROM numbers`,
	);
	db.close();
	const store = await createSqliteStore({ path, writer: "inline" });
	afterwards(() => store.close());
	for (const skip of [0, 1, 24_999, 25_000, 25_001, 50_000, 64_990, 65_000, 65_010, 80_000, 105_001, ROWS - 50, ROWS - 20, ROWS - 1]) {
		const { items, total } = await store.findAllSessions({ skip, limit: 50 });
		const expected = Array.from({ length: Math.min(50, ROWS - skip) }, (_, index) => String(ROWS - skip - index));
		expect([skip, total, items.map(({ title }) => title)]).toEqual([skip, ROWS, expected]);
	}
	for (const skip of [ROWS, ROWS + 1, 1_000_000_000]) expect((await store.findAllSessions({ skip, limit: 50 })).items).toEqual([]);
	expect((await store.findAllMessages({ skip: 0, limit: 50 })).items).toEqual([]);
});
