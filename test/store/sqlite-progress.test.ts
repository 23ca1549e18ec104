// How the text of running answers stands in the SQLite file: few rows, none that is not needed, and what an older program left is kept.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import type { Message } from "../../src/domain/message.ts";
import type { Store } from "../../src/ports/store.ts";
import { migrate, STEPS } from "../../src/store/sqlite/migrations.ts";
import { createSqliteStore } from "../../src/store/sqlite/open.ts";
import { readParts } from "../../src/store/sqlite/parts.ts";
import { createProgress } from "../../src/store/sqlite/progress.ts";
import { createInlineWriter } from "../../src/store/sqlite/writer.ts";
import type { WriteArgs, WriteName } from "../../src/store/sqlite/writes/table.ts";
import { anEnd, aTurn, storedSession } from "../contracts/store/samples.ts";
import { eventually } from "../support/server.ts";
import { afterwards, temporaryPath } from "./temporary.ts";

async function opened(path: string): Promise<Store> {
	return createSqliteStore({ path, writer: "inline" });
}

function rowsIn(path: string): number {
	const db = new Database(path, { readonly: true });
	const { count } = db.query<{ count: number }, []>("SELECT count(*) AS count FROM answer_progress").get() ?? { count: -1 };
	db.close();
	return count;
}

async function runningAnswer(store: Store): Promise<Message> {
	const turn = aTurn(await storedSession(store));
	await store.beginTurn(turn);
	return turn.answer;
}

test("a save of any number of answers is one row, and none is left once they have ended", async () => {
	const path = temporaryPath();
	const store = await opened(path);
	const answers = [await runningAnswer(store), await runningAnswer(store), await runningAnswer(store)];
	for (const content of ["one", "one two", "one two three"])
		await store.saveProgress(answers.map(({ id }) => ({ messageId: id, content, reasoning: "" })));
	expect(rowsIn(path)).toBe(3);
	for (const answer of answers) await store.finishAnswer(anEnd(answer));
	expect(rowsIn(path)).toBe(0);
	await store.close();
});

test("an answer that goes on and on does not keep the rows of all the others: it is stored whole again", async () => {
	const path = temporaryPath();
	const store = await opened(path);
	const long = await runningAnswer(store);
	let content = "";
	for (let save = 0; save < 1300; save += 1) {
		content += `${save} `;
		await store.saveProgress([{ messageId: long.id, content, reasoning: content }]);
	}
	expect(rowsIn(path)).toBeLessThanOrEqual(600);
	await store.close();
	const next = await opened(path);
	expect((await next.findMessage(long.id, long.userId))?.content).toBe(content);
	expect(await next.repairInterrupted(Date.now())).toBe(1);
	expect(await next.findMessage(long.id, long.userId)).toMatchObject({ content, reasoning: content, status: "interrupted" });
	expect(rowsIn(path)).toBe(0);
	await next.close();
});

/** Two answers that run, and their progress by way of a writer that fails the writes named before. */
async function onFailingWriter() {
	const path = temporaryPath();
	const store = await opened(path);
	const [first, second] = [await runningAnswer(store), await runningAnswer(store)];
	const writer = createInlineWriter({ path });
	const db = new Database(path, { readonly: true });
	const failures: WriteName[] = [];
	const progress = createProgress({
		db,
		write: <N extends WriteName>(name: N, args: WriteArgs<N>) => {
			if (failures[0] !== name) return writer.write(name, args);
			failures.shift();
			return Promise.reject(new Error("the disk is away"));
		},
	});
	afterwards(async () => {
		db.close();
		await writer.close();
		await store.close();
	});
	/** What a crash at this moment would leave of an answer. */
	const leftOf = ({ id }: Message) => readParts(db).get(id)?.content;
	const text = ({ id }: Message, content: string) => ({ messageId: id, content, reasoning: "" });
	return { path, first, second, progress, failures, leftOf, text };
}

test("an answer whose end could not be stored keeps its text while others are stored and end", async () => {
	const { path, first, second, progress, failures, leftOf, text } = await onFailingWriter();
	await progress.save([text(first, "kept")]);
	await progress.save([text(second, "one")]);
	failures.push("finishAnswer");
	await expect(progress.finish(anEnd(first))).rejects.toThrow("the disk is away");
	await progress.save([text(second, "one two")]);
	expect(leftOf(first)).toBe("kept");
	expect(await progress.finish(anEnd(second))).toBe(true);
	expect(leftOf(first)).toBe("kept");
	expect(await progress.finish(anEnd(first))).toBe(true);
	expect(rowsIn(path)).toBe(0);
});

test("an answer whose save failed keeps what was stored of it before, and is stored whole with the next", async () => {
	const { first, second, progress, failures, leftOf, text } = await onFailingWriter();
	await progress.save([text(first, "one")]);
	failures.push("saveProgress");
	await expect(progress.save([text(first, "one two")])).rejects.toThrow("the disk is away");
	await progress.save([text(second, "other")]);
	expect(leftOf(first)).toBe("one");
	await progress.save([text(first, "one two three")]);
	expect(leftOf(first)).toBe("one two three");
	expect(leftOf(second)).toBe("other");
});

test("answers that end at the same moment leave no rows behind", async () => {
	const { path, first, second, progress, text } = await onFailingWriter();
	await progress.save([text(first, "one"), text(second, "two")]);
	expect(await Promise.all([progress.finish(anEnd(first)), progress.finish(anEnd(second))])).toEqual([true, true]);
	await eventually("no rows are left", () => rowsIn(path) === 0);
});

test("the text of an answer that a crash cut off under an older version survives the migration", async () => {
	const path = temporaryPath();
	migrate({ path, steps: STEPS.filter(({ version }) => version <= 3) });
	const before = new Database(path, { readwrite: true });
	const id = "6b041a9412dd6be4d314b5e0";
	before.run(
		`INSERT INTO users (id, email, password_hash, is_admin, disabled, created_at, updated_at) VALUES ('${id}', 'a@b.c', 'x', 0, 0, 1, 1)`,
	);
	before.run(`INSERT INTO sessions (id, user_id, title, created_at, updated_at, message_count) VALUES ('${id}', '${id}', 'T', 1, 1, 2)`);
	before.run(`INSERT INTO messages (id, session_id, user_id, role, content, created_at, status, in_force)
		VALUES ('${id}', '${id}', '${id}', 'assistant', '', 1, 'streaming', 1)`);
	before.run(
		`INSERT INTO answer_parts (message_id, ends_at, content, reasoning) VALUES ('${id}', 4, 'one ', ''), ('${id}', 12, 'two', 'hm, ')`,
	);
	before.close();
	migrate({ path });
	const store = await opened(path);
	await store.repairInterrupted(2);
	const after = new Database(path, { readonly: true });
	expect(after.query<object, []>("SELECT content, reasoning, status FROM messages").get()).toEqual({
		content: "one two",
		reasoning: "hm, ",
		status: "interrupted",
	});
	after.close();
	await store.close();
});
