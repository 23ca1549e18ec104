// Deleting a person takes several commits. A process that ends between two of them leaves nothing that stays.

import { expect, test } from "bun:test";
import type { Store } from "../../src/ports/store.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { composeStore, createSqliteStore } from "../../src/store/sqlite/open.ts";
import { createInlineWriter, type Writer } from "../../src/store/sqlite/writer.ts";
import { aMessage, aSession, aUser, NOON } from "../contracts/store/samples.ts";
import { afterwards, temporaryPath } from "./temporary.ts";

const SESSIONS = 1200;

/** A store whose process is gone after so many commits of the deletion; what it would do next never happens. */
function openDoomed(path: string, commits: number): Store {
	const real = createInlineWriter({ path });
	let left = commits;
	const writer: Writer = {
		...real,
		write(name, args) {
			left -= 1;
			return left < 0 ? new Promise(() => {}) : real.write(name, args);
		},
	};
	return composeStore({ db: openConnection(path, "read"), writer, path });
}

const WAYS = [
	[1, "repairInterrupted"],
	[2, "repairInterrupted"],
	[2, "purgeLogins"],
	[3, "purgeLogins"],
] as const;

test.each(WAYS)(
	"a process that ends after %d commits of a deletion leaves no account, and %s removes the rest",
	async (commits, finish) => {
		const path = temporaryPath();
		const store = await createSqliteStore({ path, writer: "worker" });
		const [anna, bob] = [aUser(), aUser()];
		for (const user of [anna, bob]) await store.createUser(user);
		await Promise.all(Array.from({ length: SESSIONS }, () => store.createSession(aSession(anna.id))));
		const kept = aSession(bob.id);
		await store.createSession(kept);
		await store.appendMessage(aMessage(kept));
		await store.close();

		const doomed = openDoomed(path, commits);
		const outcome = await Promise.race([doomed.deleteUser(anna.id).then(() => "acknowledged"), Bun.sleep(500).then(() => "gone")]);
		await doomed.close();
		expect(outcome).toBe("gone");

		const next = await createSqliteStore({ path, writer: "inline" });
		expect(await next.findUserById(anna.id)).toBeUndefined();
		expect((await next.findAllSessions({ skip: 0, limit: 1 })).total).toBeGreaterThan(1);
		await next[finish](NOON);
		expect(await next.metrics({ active: 0, recent: 0 })).toMatchObject({ users: 1, sessions: 1, messages: 1 });
		await next.close();
		const db = openConnection(path, "read");
		afterwards(() => db.close());
		expect(db.query("SELECT * FROM removals").all()).toEqual([]);
		expect(db.query("SELECT user_id FROM session_totals").all()).toEqual([{ user_id: bob.id }]);
	},
);
