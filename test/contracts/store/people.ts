// The store's suite: disabling and deleting people, and walking through all that a person has.

import { describe, expect, test } from "bun:test";
import type { Message } from "../../../src/domain/message.ts";
import type { Session } from "../../../src/domain/session.ts";
import type { User } from "../../../src/domain/user.ts";
import type { Store } from "../../../src/ports/store.ts";
import type { Current } from "../store.ts";
import { aKey, aLogin, aMessage, anEnd, anInvitation, aSession, aTurn, aUser, expectCode, HOUR, NOON, newId, tally } from "./samples.ts";

/** An administrator and another one, so that nobody is the last. */
async function twoAdmins(store: Store): Promise<readonly [User, User]> {
	const admins = [aUser({ isAdmin: true }), aUser({ isAdmin: true })] as const;
	for (const admin of admins) await store.createUser(admin);
	return admins;
}

export function peopleContract(current: Current): void {
	describe("disabling", () => {
		test("ends every login of the account, and enabling brings none back", async () => {
			const { store } = current;
			const [anna, bob] = [aUser(), aUser()];
			for (const user of [anna, bob]) await store.createUser(user);
			const [hers, his] = [aLogin(anna.id), aLogin(bob.id)];
			await store.createLogin(hers, "hers", anna.passwordHash);
			await store.createLogin(his, "his", bob.passwordHash);
			expect(await store.setDisabled(anna.id, true, NOON + 1)).toEqual({ ...anna, disabled: true, updatedAt: NOON + 1 });
			expect((await store.findLogin(hers.id))?.login.revokedAt).toBe(NOON + 1);
			await expectCode(store.createLogin(aLogin(anna.id), "late", anna.passwordHash), "invalid_credentials");
			expect(await store.setDisabled(anna.id, false, NOON + 2)).toEqual({ ...anna, updatedAt: NOON + 2 });
			expect((await store.findLogin(hers.id))?.login.revokedAt).toBe(NOON + 1);
			expect((await store.findLogin(his.id))?.login.revokedAt).toBeNull();
			await store.createLogin(aLogin(anna.id), "anew", anna.passwordHash);
		});

		test("spares the last administrator who can act, in whatever order", async () => {
			const { store } = current;
			const [anna, bob] = await twoAdmins(store);
			await store.setDisabled(anna.id, true, NOON + 1);
			await store.setDisabled(anna.id, true, NOON + 2);
			await expectCode(store.setDisabled(bob.id, true, NOON + 3), "last_admin");
			expect(await store.findUserById(bob.id)).toEqual(bob);
			await store.setDisabled(anna.id, false, NOON + 4);
			await store.setDisabled(bob.id, true, NOON + 5);
			expect(await store.countAdmins()).toBe(1);
		});

		test("two administrators who disable, demote or delete each other at the same time: one stays", async () => {
			const { store } = current;
			const acts: readonly ((user: User) => Promise<unknown>)[] = [
				(user) => store.setDisabled(user.id, true, NOON),
				(user) => store.setAdmin(user.id, false, NOON),
				(user) => store.deleteUser(user.id),
			];
			for (const [index, act] of acts.entries()) {
				const [anna, bob] = await twoAdmins(store);
				const other = acts[(index + 1) % acts.length] ?? act;
				expect(await tally([act(anna), other(bob)])).toEqual({ done: 1, codes: ["last_admin"] });
				expect(await store.countAdmins()).toBe(1);
				const [left] = (await store.findUsers({ skip: 0, limit: 10 })).items.filter((user) => user.isAdmin && !user.disabled);
				if (left === undefined) throw new Error("one stays");
				await store.lockOut(left.id, NOON);
			}
		});
	});

	describe("deleting a person", () => {
		/** A person with something of everything. */
		async function withEverything(store: Store): Promise<{ user: User; sessions: readonly Session[]; loginId: User["id"] }> {
			const user = aUser();
			await store.createUser(user);
			const login = aLogin(user.id);
			await store.createLogin(login, `${login.id}-0`, user.passwordHash);
			await store.rotateRefreshToken({
				hash: `${login.id}-0`,
				successorHash: `${login.id}-1`,
				now: NOON,
				graceMs: 0,
				idleMs: HOUR,
				address: null,
			});
			await store.createResetToken(`${login.id}-reset`, user.id, NOON + HOUR);
			await store.createInvitation(anInvitation({ createdBy: user.id }), `${login.id}-invitation`);
			await store.createKey(aKey(user.id), `${login.id}-key`);
			const sessions = [aSession(user.id), aSession(user.id), aSession(user.id)];
			for (const session of sessions) {
				await store.createSession(session);
				const turn = aTurn(session, { user: { clientMessageId: "once" } });
				await store.beginTurn(turn);
				await store.saveProgress([{ messageId: turn.answer.id, content: "half", reasoning: "" }]);
				if (session !== sessions[0]) await store.finishAnswer(anEnd(turn.answer));
			}
			return { user, sessions, loginId: login.id };
		}

		test("takes the account and all that is theirs, and nothing of anybody else's", async () => {
			const { store } = current;
			const [anna, bob] = [await withEverything(store), await withEverything(store)];
			await store.deleteUser(anna.user.id);
			expect(await store.findUserById(anna.user.id)).toBeUndefined();
			expect(await store.findUserByEmail(anna.user.email)).toBeUndefined();
			expect(await store.findLogin(anna.loginId)).toBeUndefined();
			for (const hash of [`${anna.loginId}-0`, `${anna.loginId}-1`]) expect(await store.findLoginByRefreshHash(hash)).toBeUndefined();
			await expectCode(store.resetPassword(`${anna.loginId}-reset`, "hash", NOON), "invalid_reset_token");
			for (const session of anna.sessions) {
				expect(await store.findSession(session.id, anna.user.id)).toBeUndefined();
				expect(await store.findMessages(session.id, { newest: 10 })).toEqual({ messages: [], total: 0 });
			}
			expect(await store.metrics({ active: 0, recent: 0 })).toMatchObject({ users: 1, sessions: 3, messages: 6, newMessages: 6 });
			expect((await store.findSessions({ userId: bob.user.id, sortBy: "title", sortOrder: "asc", skip: 0, limit: 9 })).total).toBe(3);
			expect((await store.findInvitations(NOON, { skip: 0, limit: 9 })).total).toBe(1);
			expect([await store.findKeys(anna.user.id), await store.findKeyByHash(`${anna.loginId}-key`)]).toEqual([[], undefined]);
			expect(await store.findKeys(bob.user.id)).toHaveLength(1);
			expect(await store.findUserById(bob.user.id)).toEqual(bob.user);
			await expectCode(store.deleteUser(anna.user.id), "user_not_found");
		});

		test("frees the address", async () => {
			const { store } = current;
			const { user } = await withEverything(store);
			await store.deleteUser(user.id);
			const next = aUser({ email: user.email });
			await store.createUser(next);
			expect(await store.findUserByEmail(user.email)).toEqual(next);
		});

		test("while an answer runs: what comes of it goes nowhere, and no session or turn can begin", async () => {
			const { store } = current;
			const { user, sessions } = await withEverything(store);
			const [session] = sessions;
			if (session === undefined) throw new Error("there are three");
			const running = (await store.findMessages(session.id, { newest: 1 })).messages[0];
			if (running === undefined) throw new Error("it has messages");
			await store.deleteUser(user.id);
			await store.saveProgress([{ messageId: running.id, content: "more", reasoning: "" }]);
			expect(await store.finishAnswer(anEnd(running))).toBe(false);
			await expectCode(store.beginTurn(aTurn(session)), "session_not_found");
			await expectCode(store.appendMessage(aMessage(session)), "session_not_found");
			await expectCode(store.createSession(aSession(user.id)), "user_not_found");
			await expectCode(store.createLogin(aLogin(user.id), "late", user.passwordHash), "invalid_credentials");
			expect(await store.metrics({ active: 0, recent: 0 })).toMatchObject({ users: 0, sessions: 0, messages: 0 });
		});

		test("sessions that are made at the same time, from another opening of the data, go with it", async () => {
			const { store } = current;
			const other = await current.another();
			const { user } = await withEverything(store);
			const sessions = Array.from({ length: 10 }, () => aSession(user.id));
			const { codes } = await tally([...sessions.map((session) => other.createSession(session)), store.deleteUser(user.id)]);
			for (const code of codes) expect(code).toBe("user_not_found");
			await store.repairInterrupted(NOON);
			await other.close();
			expect((await store.findAllSessions({ skip: 0, limit: 10 })).items).toEqual([]);
		});

		test("never takes the last administrator, and counts a disabled one as none", async () => {
			const { store } = current;
			const [anna, bob] = await twoAdmins(store);
			await store.setDisabled(bob.id, true, NOON);
			await expectCode(store.deleteUser(anna.id), "last_admin");
			await store.deleteUser(bob.id);
			await expectCode(store.deleteUser(anna.id), "last_admin");
			expect(await store.findUserById(anna.id)).toEqual(anna);
		});

		test("twice at the same time is done once", async () => {
			const { store } = current;
			const { user } = await withEverything(store);
			const { codes } = await tally([store.deleteUser(user.id), store.deleteUser(user.id)]);
			for (const code of codes) expect(code).toBe("user_not_found");
			expect(await store.findUserById(user.id)).toBeUndefined();
		});

		test("of 1,500 messages in one session and 600 sessions leaves none", async () => {
			const { store } = current;
			const user = aUser();
			await store.createUser(user);
			const sessions = Array.from({ length: 600 }, () => aSession(user.id));
			for (let at = 0; at < sessions.length; at += 100)
				await Promise.all(sessions.slice(at, at + 100).map((one) => store.createSession(one)));
			const [long] = sessions;
			if (long === undefined) throw new Error("there are 600");
			for (let count = 0; count < 1500; count += 100) {
				await Promise.all(Array.from({ length: 100 }, () => store.appendMessage(aMessage(long))));
			}
			await store.deleteUser(user.id);
			expect(await store.metrics({ active: 0, recent: 0 })).toMatchObject({ users: 0, sessions: 0, messages: 0, userMessages: 0 });
		}, 60_000);
	});

	describe("walking", () => {
		async function walkSessions(store: Store, user: User, limit: number): Promise<Session[]> {
			const found: Session[] = [];
			while (true) {
				const piece = await store.walkSessions(user.id, found.at(-1) ?? null, limit);
				expect(piece.length).toBeLessThanOrEqual(limit);
				if (piece.length === 0) return found;
				found.push(...piece);
			}
		}

		test("through a person's sessions, oldest first, in pieces of any size", async () => {
			const { store } = current;
			const [user, other] = [aUser(), aUser()];
			await store.createUser(user);
			await store.createUser(other);
			// Of two at the same moment the id decides.
			const sessions = [3, 1, 1, 1, 2, 0].map((minutes) => aSession(user.id, { createdAt: NOON + minutes }));
			for (const session of [...sessions, aSession(other.id)]) await store.createSession(session);
			const expected = sessions.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
			for (const limit of [1, 2, 4, 100]) {
				const found = await walkSessions(store, user, limit);
				expect(found.map(({ id }) => id)).toEqual(expected);
			}
			expect((await walkSessions(store, user, 100))[0]).toEqual(sessions[5] ?? aSession(user.id));
		});

		test("goes on behind a session that was deleted meanwhile", async () => {
			const { store } = current;
			const user = aUser();
			await store.createUser(user);
			const sessions = [0, 1, 2].map((minutes) => aSession(user.id, { createdAt: NOON + minutes }));
			for (const session of sessions) await store.createSession(session);
			const [first] = await store.walkSessions(user.id, null, 1);
			if (first === undefined) throw new Error("there are three");
			await store.deleteSession(first.id, user.id);
			const rest = await store.walkSessions(user.id, first, 10);
			expect(rest.map(({ id }) => id)).toEqual(sessions.slice(1).map(({ id }) => id));
		});

		test("through a session's messages, those in force and those kept as versions apart, in pieces of any size", async () => {
			const { store } = current;
			const user = aUser();
			await store.createUser(user);
			const session = aSession(user.id);
			await store.createSession(session);
			const turns = [aTurn(session), aTurn(session), aTurn(session)];
			for (const turn of turns) {
				await store.beginTurn(turn);
				await store.finishAnswer(anEnd(turn.answer));
			}
			const [first, second, third] = turns;
			if (first === undefined || second === undefined || third === undefined) throw new Error("there are three");
			const edited = aTurn(session, { user: { versionOf: second.userMessage.id } });
			await store.beginTurn({ ...edited, replacesFrom: second.userMessage.id });
			const walk = async (inForce: boolean, limit: number): Promise<Message[]> => {
				const found: Message[] = [];
				while (true) {
					const piece = await store.walkMessages({ sessionId: session.id, inForce, after: found.at(-1)?.id ?? null, limit });
					if (piece.length === 0) return found;
					found.push(...piece);
				}
			};
			const idsOf = (some: readonly (typeof first)[]) => some.flatMap(({ userMessage, answer }) => [userMessage.id, answer.id]);
			for (const limit of [1, 3, 100]) {
				expect((await walk(true, limit)).map(({ id }) => id)).toEqual(idsOf([first, edited]));
				expect((await walk(false, limit)).map(({ id, inForce }) => [id, inForce])).toEqual(idsOf([second, third]).map((id) => [id, false]));
			}
			expect(await store.walkMessages({ sessionId: session.id, inForce: true, after: newId(), limit: 9 })).toEqual([]);
			expect(await store.walkMessages({ sessionId: newId(), inForce: true, after: null, limit: 9 })).toEqual([]);
		});
	});
}
