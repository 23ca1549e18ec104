// Lines 9 and 10, for what belongs to accounts: another person's logins and invitations are not there, lists are bounded. That every route has
// its row in the access table is held against the router itself in test/http/access.test.ts.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { type Account, type Gateway, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { attack } from "./table.ts";

describe("another person's account", () => {
	let gateway: Gateway;
	let admin: Account;
	let anna: Account;
	let bert: Account;
	beforeAll(async () => {
		gateway = await startGateway({ settings: QUICK_HASHES });
		admin = await gateway.claimSetup();
		anna = await gateway.signup("anna@box.local");
		bert = await gateway.signup("bert@box.local");
	}, 60_000);
	afterAll(() => gateway.stop(), 30_000);

	const UNKNOWN = "0123456789abcdef01234567";
	const goesOn = async () => (await gateway.call("GET", "/auth/me", { token: anna.token })).status === 200;

	attack(9, "another person's login, by its id in either case, beside one that does not exist", async () => {
		const mine = await gateway.call("GET", "/auth/sessions", { token: anna.token });
		const id = mine.textAt("sessions.0.id");
		let inputs = 0;
		for (const { token } of [bert, admin]) {
			const answers = new Set<string>();
			for (const wrong of [id, id.toUpperCase(), UNKNOWN, anna.id, bert.id]) {
				const reply = await gateway.call("DELETE", `/auth/sessions/${wrong}`, { token });
				answers.add(`${reply.status} ${reply.at("code")} ${reply.at("detail")}`);
				inputs += 1;
			}
			expect([...answers]).toEqual([expect.stringMatching(/^404 login_not_found /)]);
			expect((await gateway.call("DELETE", `/admin/users/${bert.id}/logins?login=${id}`, { token })).status).toBe(
				token === admin.token ? 404 : 403,
			);
			inputs += 1;
		}
		expect(await goesOn()).toBe(true);
		return { inputs, held: "404 for each, in the same words; the login went on" };
	});

	attack(9, "ending all of one's own logins, and deleting oneself, with somebody else named in query and body", async () => {
		const carol = await gateway.signup("carol@box.local");
		const named = { id: anna.id, user_id: anna.id, userId: anna.id, email: anna.email };
		const query = new URLSearchParams(named).toString();
		expect((await gateway.call("DELETE", `/auth/sessions?${query}`, { token: carol.token, body: named })).status).toBe(204);
		const again = await gateway.login(carol.email);
		const gone = await gateway.call("DELETE", `/users/me?${query}`, {
			token: again.token,
			body: { ...named, password: "a-Tall-ladder-77" },
		});
		expect(gone.status).toBe(204);
		expect((await gateway.call("GET", `/admin/users/${carol.id}`, { token: admin.token })).status).toBe(404);
		expect(await goesOn()).toBe(true);
		return { inputs: 2, held: "only the caller's own were ended and deleted" };
	});

	attack(10, "bounds, signs and words in skip and limit of every list about people", async () => {
		const lists = ["/auth/sessions", "/admin/users", `/admin/users/${anna.id}/logins`, "/admin/invitations", "/users/"];
		const wrong = [
			"limit=0",
			"limit=101",
			"limit=-1",
			"limit=1e9",
			"limit=x",
			"limit=",
			"skip=-1",
			"skip=1e99",
			"skip=99999999999",
			"limit[]=5",
			"limit=5;drop",
		];
		let inputs = 0;
		for (const path of lists) {
			for (const query of wrong) {
				const reply = await gateway.call("GET", `${path}?${query}`, { token: admin.token });
				inputs += 1;
				if (reply.status === 200) {
					// A name that is no parameter of ours is ignored.
					expect([path, query]).toEqual([path, "limit[]=5"]);
					continue;
				}
				expect([path, query, reply.status]).toEqual([path, query, 422]);
			}
			for (const query of ["limit=100&skip=10000000", "limit=1", "limit=%31"]) {
				const reply = await gateway.call("GET", `${path}?${query}`, { token: admin.token });
				inputs += 1;
				expect([path, query, reply.status]).toEqual([path, query, 200]);
			}
		}
		return { inputs, held: "422 beyond the bounds, at most a page within them" };
	});

	attack(10, "300 logins of one person: a page of them at a time, the newest used first", async () => {
		const dora = await gateway.signup("dora@box.local");
		for (let round = 0; round < 30; round += 1) await Promise.all(Array.from({ length: 10 }, () => gateway.login(dora.email)));
		const seen = new Set<string>();
		for (let skip = 0; skip < 400; skip += 100) {
			const reply = await gateway.call("GET", `/auth/sessions?skip=${skip}&limit=100`, { token: dora.token });
			const { sessions, total }: { sessions: { id: string; lastUsedAt: string }[]; total: number } = JSON.parse(reply.text);
			expect(total).toBe(301);
			expect(sessions.length).toBe(Math.min(100, 301 - skip));
			const times = sessions.map(({ lastUsedAt }) => Date.parse(lastUsedAt));
			expect(times).toEqual(times.toSorted((a, b) => b - a));
			for (const { id } of sessions) seen.add(id);
		}
		expect(seen.size).toBe(301);
		expect((await gateway.call("DELETE", "/auth/sessions?except=current", { token: dora.token })).status).toBe(204);
		expect((await gateway.call("GET", "/auth/sessions", { token: dora.token })).at("total")).toBe(1);
		return { inputs: 301, held: "four pages with each login once; 300 were ended in one call" };
	});
});
