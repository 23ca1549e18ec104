// Runs on a small file system of its own: fills it, and says as JSON what each kind of write gave before, meanwhile and afterwards.

import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { PocketError } from "../../../src/domain/errors.ts";
import { createSqliteStore } from "../../../src/store/sqlite/open.ts";
import { aLogin, aMessage, anEnd, aSession, aTurn, aUser, newId, storedSession } from "../../contracts/store/samples.ts";

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("a folder is needed");
const path = join(folder, "pocketllm.db");
const ballast = join(folder, "ballast");

function fill(): void {
	const handle = openSync(ballast, "w");
	try {
		while (true) writeSync(handle, Buffer.alloc(4096));
	} catch {
		// Full: that was the aim.
	} finally {
		closeSync(handle);
	}
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
	return promise.then(
		() => "done",
		(error: unknown) => (error instanceof PocketError ? error.code : String(error)),
	);
}

const store = await createSqliteStore({ path, writer: "worker" });
const session = await storedSession(store);
const busy = aSession(session.userId);
await store.createSession(busy);
const { userMessage, answer } = aTurn(busy);
await store.beginTurn({ userMessage, answer });
while (statSync(`${path}-reserve`, { throwIfNoEntry: false })?.size !== 4 * 1024 * 1024) await Bun.sleep(20);
fill();

// What still fits into pages that are there already may be stored; a full disk shows after that.
let accepted = 0;
while ((await codeOf(store.appendMessage(aMessage(session, { content: "x".repeat(3000) })))) === "done") accepted += 1;
const full = {
	turn: await codeOf(store.beginTurn(aTurn(session))),
	signup: await codeOf(store.createUser(aUser())),
	read: (await store.findMessages(session.id, { newest: 1 })).total,
	login: await codeOf(store.createLogin(aLogin(session.userId), newId(), aUser().passwordHash)),
	progress: await codeOf(store.saveProgress([{ messageId: answer.id, content: "half", reasoning: "" }])),
	end: await codeOf(store.finishAnswer(anEnd(answer))),
	check: await codeOf(store.check()),
};
rmSync(ballast);
const after = { turn: await codeOf(store.beginTurn(aTurn(session))), reserve: statSync(`${path}-reserve`).size };
await store.close();
console.log(JSON.stringify({ accepted, full, after }));
