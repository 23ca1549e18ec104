// Lines 1, 2 and 7, against time: what is used once, the last administrator, and rights that are taken while they are in use.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { type Account, type Gateway, PASSWORD, QUICK_HASHES } from "../http/gateway.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { attack } from "./table.ts";

const ROUNDS = 8;

/** Every race, on a server that `start` gives. */
export function describeRaces(
	where: string,
	start: (settings: Readonly<Record<string, string>>) => Promise<readonly [Gateway, Gateway?]>,
): void {
	describe(`races ${where}`, () => {
		let model: ModelServer;
		let gateway: Gateway;
		/** Another server of the same service; where there can be one only, the same. */
		let beside: Gateway;
		let admin: Account;
		let people = 0;
		beforeAll(async () => {
			model = startModelServer();
			const servers = await start({ ...QUICK_HASHES, UPSTREAMS: `openai+${model.baseUrl}?slots=32` });
			gateway = servers[0];
			beside = servers[1] ?? servers[0];
			admin = await gateway.claimSetup();
		}, 60_000);
		afterAll(async () => {
			await Promise.all([gateway.stop(), ...(beside === gateway ? [] : [beside.stop()])]);
			model.stop();
		}, 30_000);

		const somebody = () => gateway.signup(`race${people++}@box.local`);
		const change = (by: Account, who: Account, body: object, at = gateway) =>
			at.call("PATCH", `/admin/users/${who.id}`, { token: by.token, body });
		const times = <T>(count: number, make: (index: number) => Promise<T>) =>
			Promise.all(Array.from({ length: count }, (_, index) => make(index)));
		const secretIn = (link: string) => link.split("#")[1] ?? "";

		/** Who is an administrator and can sign in, as the account itself sees it. */
		async function administratorsAmong(accounts: readonly Account[]): Promise<number> {
			let count = 0;
			for (const { email } of accounts) {
				const reply = await gateway.call("POST", "/auth/login", { body: { email, password: PASSWORD } });
				if (reply.at("user.is_admin") === true) count += 1;
			}
			return count;
		}

		/** Ways to take an administrator away. */
		const removals: Readonly<Record<string, (by: Account, who: Account, at: Gateway) => Promise<unknown>>> = {
			demotes: (by, who, at) => change(by, who, { is_admin: false }, at),
			toggles: (by, who, at) => at.call("POST", `/admin/users/${who.id}/toggle-admin`, { token: by.token }),
			disables: (by, who, at) => change(by, who, { disabled: true }, at),
			deletes: (by, who, at) => at.call("DELETE", `/admin/users/${who.id}`, { token: by.token }),
			"demotes and disables": (by, who, at) => change(by, who, { is_admin: false, disabled: true }, at),
			"deletes the own account": (by, _who, at) => at.call("DELETE", "/users/me", { token: by.token, body: { password: PASSWORD } }),
		};

		attack(
			1,
			"two administrators who remove each other, or themselves, at the same moment, in every mix of ways",
			async () => {
				let inputs = 0;
				const ways = Object.entries(removals);
				for (const [first, one] of ways) {
					for (const [second, other] of ways) {
						const pair = await startPair();
						try {
							await Promise.all([one(pair.left, pair.right, gateway), other(pair.right, pair.left, beside)]);
							inputs += 1;
							const left = await administratorsAmong([pair.left, pair.right]);
							expect([first, second, left >= 1]).toEqual([first, second, true]);
						} finally {
							await pair.restore();
						}
					}
				}
				return { inputs, held: "at least one administrator was left each time" };
			},
			120_000,
		);

		/** Two administrators who are the only ones; `restore` gives the house its own administrator back. */
		async function startPair(): Promise<{ left: Account; right: Account; restore: () => Promise<void> }> {
			const [left, right] = [await somebody(), await somebody()];
			await change(admin, left, { is_admin: true });
			await change(admin, right, { is_admin: true });
			expect((await change(left, admin, { is_admin: false })).status).toBe(200);
			return {
				left,
				right,
				restore: async () => {
					for (const { email } of [left, right]) {
						const login = await gateway.call("POST", "/auth/login", { body: { email, password: PASSWORD } });
						if (login.at("user.is_admin") !== true) continue;
						const reply = await gateway.call("PATCH", `/admin/users/${admin.id}`, {
							token: login.textAt("token"),
							body: { is_admin: true },
						});
						expect(reply.status).toBe(200);
						// Nobody but the house's administrator stays one.
						for (const { id } of [left, right]) await gateway.call("DELETE", `/admin/users/${id}`, { token: admin.token });
						return;
					}
					throw new Error("no administrator is left");
				},
			};
		}

		attack(1, "the last administrator, demoted, disabled and deleted by 20 calls at once from five logins of its own", async () => {
			const logins = await times(5, () => gateway.login(admin.email));
			const statuses = new Set<number>();
			await times(20, async (index) => {
				const by = logins[index % 5] ?? admin;
				const way = [removals.demotes, removals.disables, removals.deletes, removals.toggles, removals["deletes the own account"]][
					index % 5
				];
				const reply = await way?.(by, admin, index % 2 === 0 ? gateway : beside);
				if (typeof reply === "object" && reply !== null && "status" in reply) statuses.add(Number(reply.status));
			});
			expect([...statuses].filter((status) => status < 400)).toEqual([]);
			expect(await administratorsAmong([admin])).toBe(1);
			return { inputs: 20, held: `refused (${[...statuses].sort().join(", ")}); it is still there` };
		});

		attack(2, "one invitation used 20 times at once, and revoked while it is used", async () => {
			let inputs = 0;
			for (let round = 0; round < ROUNDS; round += 1) {
				const made = await gateway.call("POST", "/admin/invitations", { token: admin.token, body: {} });
				const invite = secretIn(made.textAt("link"));
				const isRevoked = round % 2 === 1;
				const [replies] = await Promise.all([
					times(20, (index) =>
						gateway.call("POST", "/auth/signup", { body: { email: `guest${round}-${index}@box.local`, password: PASSWORD, invite } }),
					),
					isRevoked ? gateway.call("DELETE", `/admin/invitations/${made.textAt("id")}`, { token: admin.token }) : undefined,
				]);
				inputs += replies.length;
				const accounts = replies.filter(({ status }) => status === 200).length;
				expect(replies.filter(({ status }) => ![200, 403].includes(status)).map(({ status }) => status)).toEqual([]);
				expect(isRevoked ? accounts <= 1 : accounts === 1).toBe(true);
				expect(
					(await gateway.call("POST", "/auth/signup", { body: { email: `late${round}@box.local`, password: PASSWORD, invite } })).status,
				).toBe(403);
			}
			return { inputs, held: "one account each; at most one where it was revoked meanwhile" };
		});

		attack(7, "one reset link used 20 times at once with 20 passwords, while its owner refreshes", async () => {
			let inputs = 0;
			for (let round = 0; round < ROUNDS; round += 1) {
				const account = await somebody();
				const link = await gateway.call("POST", `/admin/users/${account.id}/reset-link`, { token: admin.token });
				const token = secretIn(link.textAt("link"));
				const passwordOf = (index: number) => `new-Ladder-${round}-${index}`;
				const [replies, refreshed] = await Promise.all([
					times(20, (index) => gateway.call("POST", "/auth/password-reset/confirm", { body: { token, newPassword: passwordOf(index) } })),
					times(5, () => gateway.call("POST", "/auth/refresh", { body: { refreshToken: account.refreshToken } })),
				]);
				inputs += replies.length;
				const winners = replies.flatMap(({ status }, index) => (status === 204 ? [index] : []));
				expect(winners.length).toBe(1);
				const tries = [PASSWORD, ...replies.map((_, index) => passwordOf(index))];
				const good: string[] = [];
				for (const password of tries) {
					if ((await gateway.call("POST", "/auth/login", { body: { email: account.email, password } })).status === 200) good.push(password);
				}
				expect(good).toEqual([passwordOf(winners[0] ?? -1)]);
				// Whatever the refreshes were given before it, it is good no longer.
				for (const reply of refreshed.filter(({ status }) => status === 200)) {
					expect((await gateway.call("GET", "/auth/me", { token: reply.textAt("token") })).status).toBe(401);
					expect((await gateway.call("POST", "/auth/refresh", { body: { refreshToken: reply.textAt("refreshToken") } })).status).toBe(401);
				}
			}
			return { inputs, held: "one password each, the winner's; every login from before has ended, refreshed or not" };
		});

		attack(7, "disabling, deleting and a new password while streams run and refreshes, turns and keys race", async () => {
			let inputs = 0;
			const ends: Readonly<Record<string, (account: Account) => Promise<unknown>>> = {
				disabled: (account) => change(admin, account, { disabled: true }),
				deleted: (account) => gateway.call("DELETE", `/admin/users/${account.id}`, { token: admin.token }),
				"signed out by an administrator": (account) => gateway.call("DELETE", `/admin/users/${account.id}/logins`, { token: admin.token }),
			};
			for (const [what, end] of Object.entries(ends)) {
				const account = await somebody();
				const other = await gateway.login(account.email);
				const { token } = account;
				const sessionId = (await gateway.call("POST", "/chat/sessions", { token, body: {} })).textAt("id");
				const began = performance.now();
				const stream = gateway.call("POST", "/chat/stream", { token, body: { sessionId, prompt: "[endless] [every 20]" } });
				while ((await gateway.call("GET", `/chat/sessions/${sessionId}/generation`, { token })).status === 204) await Bun.sleep(5);
				const [, refreshes, turns, keys] = await Promise.all([
					end(account),
					times(10, () => gateway.call("POST", "/auth/refresh", { body: { refreshToken: other.refreshToken } })),
					times(5, () => gateway.call("POST", "/chat/sessions", { token: other.token, body: {} })),
					times(5, (index) => gateway.call("POST", "/auth/keys", { token: other.token, body: { name: `k${index}` } })),
				]);
				inputs += refreshes.length + turns.length + keys.length;
				const tokens = [token, other.token, ...refreshes.filter(({ status }) => status === 200).map((reply) => reply.textAt("token"))];
				for (const one of tokens) {
					inputs += 1;
					expect([what, (await gateway.call("GET", "/auth/me", { token: one })).status]).toEqual([what, 401]);
				}
				const living = keys.filter(({ status }) => status === 201).map((reply) => reply.textAt("key"));
				// A key that was made in time is its owner's: it lives on after a sign-out, and not without its account.
				for (const key of living) {
					const { status } = await gateway.call("GET", "/auth/me", { token: key });
					expect([what, status]).toEqual([what, { disabled: 403, deleted: 401 }[what] ?? 200]);
				}
				for (const reply of refreshes.filter(({ status }) => status === 200)) {
					expect((await gateway.call("POST", "/auth/refresh", { body: { refreshToken: reply.textAt("refreshToken") } })).status).toBe(401);
				}
				const told = (await stream).text;
				expect(told).toContain('"type":"error"');
				expect(performance.now() - began).toBeLessThan(8000);
			}
			return { inputs, held: "every token, also those that raced, was refused at once; streams ended within five seconds" };
		});

		attack(1, "somebody who is demoted in the middle of administration calls that go on", async () => {
			const second = await somebody();
			const victim = await somebody();
			await change(admin, second, { is_admin: true });
			const ended: { readonly isLate: boolean; readonly status: number }[] = [];
			let demoted: number | undefined;
			let late = 0;
			const demotion = Bun.sleep(50).then(async () => {
				demoted = (await change(admin, second, { is_admin: false })).status;
			});
			// As many callers as there may be without the database being what is attacked.
			const calling = times(12, async (index) => {
				while (late < 30) {
					const isLate = demoted !== undefined;
					if (isLate) late += 1;
					const { status } = await change(second, victim, { is_admin: index % 2 === 0 });
					ended.push({ isLate, status });
				}
			});
			await Promise.all([demotion, calling]);
			expect(demoted).toBe(200);
			expect(ended.some(({ status }) => status === 200)).toBe(true);
			expect(ended.filter(({ isLate, status }) => isLate && status !== 403)).toEqual([]);
			// Not a right that was given in time is one's own to give back.
			expect((await change(second, second, { is_admin: true })).status).toBe(403);
			return { inputs: ended.length + 1, held: "each call that began after the demotion was 403" };
		});

		attack(9, "two browsers of one person: one prompt twice, a stop, a deletion and an edit at the same moment", async () => {
			const here = await somebody();
			const there = await gateway.login(here.email);
			let inputs = 0;
			for (let round = 0; round < ROUNDS; round += 1) {
				const sessionId = (await gateway.call("POST", "/chat/sessions", { token: here.token, body: {} })).textAt("id");
				const turn = (token: string) =>
					gateway.call("POST", "/chat/stream", { token, body: { sessionId, prompt: "[tokens 20] [every 5]", messageId: `turn${round}` } });
				const asked = model.chats.length;
				const replies = await Promise.all([turn(here.token), turn(there.token), turn(here.token), turn(there.token)]);
				inputs += replies.length;
				for (const reply of replies) expect([reply.status, reply.text.includes('"type":"end"')]).toEqual([200, true]);
				expect(model.chats.length - asked).toBe(1);
				expect((await gateway.call("GET", `/chat/sessions/${sessionId}/messages`, { token: here.token })).at("total")).toBe(2);
				const after = await Promise.all([
					gateway.call("DELETE", `/chat/sessions/${sessionId}`, { token: here.token }),
					gateway.call("POST", "/chat/message", { token: there.token, body: { sessionId, prompt: "And now?" } }),
					gateway.call("POST", `/chat/sessions/${sessionId}/regenerate`, { token: there.token }),
					gateway.call("PATCH", `/chat/sessions/${sessionId}`, { token: there.token, body: { title: "x" } }),
					gateway.call("DELETE", `/chat/sessions/${sessionId}/messages`, { token: there.token }),
				]);
				inputs += after.length;
				expect(after.map(({ status }) => status).filter((status) => status === 500)).toEqual([]);
				expect((await gateway.call("GET", `/chat/sessions/${sessionId}`, { token: here.token })).status).toBe(404);
				expect(await gateway.call("GET", `/chat/sessions/${sessionId}/messages`, { token: here.token })).toMatchObject({ status: 404 });
			}
			return { inputs, held: "one generation for four calls; nothing was written into the deleted session, no 500" };
		});
	});
}
