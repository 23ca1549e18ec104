// A process that writes without end and says each message's number once the store has acknowledged it. Its parent kills it.

import { createSqliteStore } from "../../../src/store/sqlite/open.ts";
import { aMessage, aTurn, storedSession } from "../../contracts/store/samples.ts";

const [, , path] = process.argv;
if (path === undefined) throw new Error("the path of a database is needed");
const store = await createSqliteStore({ path, writer: "worker" });
const running = await storedSession(store);
const { userMessage, answer } = aTurn(running);
await store.beginTurn({ userMessage, answer });
const session = await storedSession(store);
console.log(JSON.stringify({ running: running.id, session: session.id }));

let number = 0;
async function writeForEver(): Promise<never> {
	while (true) {
		number += 1;
		const own = number;
		await store.appendMessage(aMessage(session, { content: String(own) }));
		await store.saveProgress([{ messageId: answer.id, content: "half ".repeat(own), reasoning: "" }]);
		console.log(own);
	}
}
await Promise.all(Array.from({ length: 8 }, writeForEver));
