// Each operation of the port that writes, with data for it, and what must hold after it was broken off anywhere (and repaired by the next
// start) or was done although a reply got lost. The breaking itself is for mongo-crash.test.ts.

import { expect } from "bun:test";
import { type Db, ObjectId } from "mongodb";
import { PocketError } from "../../src/domain/errors.ts";
import type { Session } from "../../src/domain/session.ts";
import type { Store, Turn } from "../../src/ports/store.ts";
import {
	aKey,
	aLogin,
	aMessage,
	anEnd,
	anInvitation,
	aSession,
	aTurn,
	aUser,
	expectCode,
	HOUR,
	MINUTE,
	NOON,
	storedSession,
} from "../contracts/store/samples.ts";

export type Prepared = {
	/** The operation; with its own ids, so that it is the same one whoever calls it. */
	act(store: Store): Promise<unknown>;
	/** `isDone`: it was acknowledged. Else it may have been done or not, but nothing in between. */
	check(store: Store, isDone: boolean): Promise<void>;
};

export type Scenario = { readonly name: string; prepare(store: Store, db: Db): Promise<Prepared> };

async function finishedTurn(store: Store, session: Session, number: number): Promise<Turn> {
	const turn = aTurn(session, { user: { content: `prompt ${number}` } });
	await store.beginTurn(turn);
	await store.finishAnswer(anEnd(turn.answer, { content: `answer ${number}`, now: NOON + number }));
	return turn;
}

async function contents(store: Store, session: Session): Promise<string[]> {
	const { messages, total } = await store.findMessages(session.id, { newest: 100 });
	expect(messages).toHaveLength(total);
	return messages.map(({ content, status }) => (status === "sent" ? content : `${content} (${status})`));
}

const BEFORE = ["prompt 1", "answer 1", "prompt 2", "answer 2"];

async function twoTurns(store: Store): Promise<{ session: Session; first: Turn; second: Turn }> {
	const session = await storedSession(store);
	return { session, first: await finishedTurn(store, session, 1), second: await finishedTurn(store, session, 2) };
}

/** The session takes a turn to its end, whatever happened in it. */
async function worksOn(store: Store, session: Session): Promise<void> {
	const had = await contents(store, session);
	await finishedTurn(store, session, 9);
	expect(await contents(store, session)).toEqual([...had, "prompt 9", "answer 9"]);
}

async function outcomeOf(work: Promise<unknown>): Promise<string> {
	try {
		await work;
		return "done";
	} catch (error) {
		if (error instanceof PocketError) return error.code;
		throw error;
	}
}

export const SCENARIOS: readonly Scenario[] = [
	{
		name: "beginning a turn",
		async prepare(store) {
			const { session } = await twoTurns(store);
			const turn = aTurn(session, { user: { content: "prompt 3", clientMessageId: "c" } });
			return {
				act: (by) => by.beginTurn(turn),
				async check(by, isDone) {
					const found = await by.findTurn(session.id, "c");
					if (isDone) {
						expect(found?.answer.status).toBe("streaming");
						expect(await by.finishAnswer(anEnd(turn.answer, { content: "answer 3" }))).toBe(true);
						expect(await contents(by, session)).toEqual([...BEFORE, "prompt 3", "answer 3"]);
					} else if (found === undefined) {
						expect(await contents(by, session)).toEqual(BEFORE);
						const again = aTurn(session, { user: { content: "prompt 3", clientMessageId: "c" } });
						await by.beginTurn(again);
						await by.finishAnswer(anEnd(again.answer));
					} else {
						expect(await contents(by, session)).toEqual([...BEFORE, "prompt 3", " (interrupted)"]);
					}
					await worksOn(by, session);
				},
			};
		},
	},
	{
		name: "editing a prompt",
		async prepare(store) {
			const { session, first } = await twoTurns(store);
			const turn = aTurn(session, { user: { content: "edited", versionOf: first.userMessage.id } });
			return {
				act: (by) => by.beginTurn({ ...turn, replacesFrom: first.userMessage.id }),
				async check(by, isDone) {
					if (isDone) expect(await by.finishAnswer(anEnd(turn.answer, { content: "new" }))).toBe(true);
					const now = await contents(by, session);
					if (isDone) expect(now).toEqual(["edited", "new"]);
					else expect([BEFORE, ["edited", " (interrupted)"]]).toContainEqual(now);
					await worksOn(by, session);
				},
			};
		},
	},
	{
		name: "making an answer anew",
		async prepare(store) {
			const { session, second } = await twoTurns(store);
			const { answer } = aTurn(session, { answer: { versionOf: second.answer.id } });
			return {
				act: (by) => by.beginTurn({ userMessage: second.userMessage, answer, keepsPrompt: true, replacesFrom: second.answer.id }),
				async check(by, isDone) {
					if (isDone) expect(await by.finishAnswer(anEnd(answer, { content: "new" }))).toBe(true);
					const now = await contents(by, session);
					const kept = BEFORE.slice(0, 3);
					if (isDone) expect(now).toEqual([...kept, "new"]);
					else expect([BEFORE, [...kept, " (interrupted)"]]).toContainEqual(now);
					await worksOn(by, session);
				},
			};
		},
	},
	{
		name: "adding a message",
		async prepare(store) {
			const { session } = await twoTurns(store);
			const message = aMessage(session, { content: "added", clientMessageId: "m" });
			return {
				act: (by) => by.appendMessage(message),
				async check(by, isDone) {
					const now = await contents(by, session);
					if (isDone) expect(now).toEqual([...BEFORE, "added"]);
					else expect([BEFORE, [...BEFORE, "added"]]).toContainEqual(now);
					await worksOn(by, session);
				},
			};
		},
	},
	{
		name: "adding a message to a session of the replaced gateway",
		async prepare(store, db) {
			const { session } = await twoTurns(store);
			await db.collection("sessions").updateMany({}, { $unset: { order_at: "", seq: "", message_count: "" } });
			await db.collection("messages").updateMany({}, { $unset: { seq: "", prompt_id: "", ended_at: "" } });
			const message = aMessage(session, { content: "added" });
			return {
				act: (by) => by.appendMessage(message),
				async check(by, isDone) {
					const now = await contents(by, session);
					if (isDone) expect(now).toEqual([...BEFORE, "added"]);
					else expect([BEFORE, [...BEFORE, "added"]]).toContainEqual(now);
					await worksOn(by, session);
				},
			};
		},
	},
	{
		name: "ending an answer",
		async prepare(store) {
			const session = await storedSession(store);
			const turn = aTurn(session, { user: { content: "prompt" } });
			await store.beginTurn(turn);
			await store.saveProgress([{ messageId: turn.answer.id, content: "half", reasoning: "" }]);
			const end = anEnd(turn.answer, { content: "whole" });
			return {
				act: async (by) => expect(await by.finishAnswer(end)).toBe(true),
				async check(by, isDone) {
					const now = await contents(by, session);
					if (isDone) expect(now).toEqual(["prompt", "whole"]);
					else expect(["whole", "half (interrupted)"]).toContain(now[1] ?? "");
					// The same end again learns whether it counts.
					expect(await by.finishAnswer(end)).toBe(now[1] === "whole");
					expect((await by.findSession(session.id, session.userId))?.lastMessage).toBe(now[1] === "whole" ? "whole" : "half");
					await worksOn(by, session);
				},
			};
		},
	},
	{
		name: "clearing the messages",
		async prepare(store) {
			const { session } = await twoTurns(store);
			return {
				act: (by) => by.clearMessages(session.id, session.userId, NOON + HOUR),
				async check(by, isDone) {
					const now = await contents(by, session);
					if (isDone) expect(now).toEqual([]);
					else expect([BEFORE, []]).toContainEqual(now);
					await worksOn(by, session);
				},
			};
		},
	},
	{
		name: "deleting a session",
		async prepare(store) {
			const { session } = await twoTurns(store);
			return {
				act: (by) => by.deleteSession(session.id, session.userId),
				async check(by, isDone) {
					const isThere = (await by.findSession(session.id, session.userId)) !== undefined;
					if (isDone) expect(isThere).toBe(false);
					if (isThere) await worksOn(by, session);
					else expect((await by.findAllMessages({ skip: 0, limit: 1 })).total).toBe(0);
				},
			};
		},
	},
	{
		name: "making an account",
		async prepare() {
			const user = aUser();
			return {
				act: (by) => by.createUser(user),
				async check(by, isDone) {
					const found = await by.findUserByEmail(user.email);
					if (isDone) expect(found).toEqual(user);
					const again = by.createUser(aUser({ email: user.email }));
					expect(await outcomeOf(again)).toBe(found === undefined ? "done" : "email_taken");
				},
			};
		},
	},
	{
		name: "making the first administrator",
		async prepare() {
			const user = aUser({ isAdmin: true });
			return {
				act: (by) => by.createFirstAdmin(user),
				async check(by, isDone) {
					const admins = await by.countAdmins();
					if (isDone) expect(admins).toBe(1);
					expect(await outcomeOf(by.createFirstAdmin(aUser({ isAdmin: true })))).toBe(admins === 1 ? "setup_done" : "done");
					expect(await by.countAdmins()).toBe(1);
				},
			};
		},
	},
	{
		name: "taking an administrator's rights",
		async prepare(store) {
			const admins = [aUser({ isAdmin: true }), aUser({ isAdmin: true })] as const;
			for (const admin of admins) await store.createUser(admin);
			return {
				act: (by) => by.setAdmin(admins[0].id, false, NOON + 1),
				async check(by, isDone) {
					const count = await by.countAdmins();
					expect(isDone ? [1] : [1, 2]).toContain(count);
					const stays = (await by.findUserById(admins[0].id))?.isAdmin === true ? admins[0] : admins[1];
					if (count === 2) await by.setAdmin(admins[1].id, false, NOON + 2);
					await expectCode(by.setAdmin(stays.id, false, NOON + 3), "last_admin");
				},
			};
		},
	},
	{
		name: "signing in",
		async prepare(store) {
			const user = aUser();
			await store.createUser(user);
			const login = aLogin(user.id);
			return {
				act: (by) => by.createLogin(login, "0", user.passwordHash),
				async check(by, isDone) {
					const byToken = await by.findLoginByRefreshHash("0");
					if (isDone) expect(byToken).toEqual(login);
					if (byToken !== undefined) expect(await by.findLogin(login.id)).toEqual({ login, user });
					await by.purgeLogins(login.expiresAt + 1);
					expect([await by.findLogin(login.id), await by.findLoginByRefreshHash("0")]).toEqual([undefined, undefined]);
				},
			};
		},
	},
	{
		name: "rotating a refresh token",
		async prepare(store) {
			const user = aUser();
			await store.createUser(user);
			const login = aLogin(user.id);
			await store.createLogin(login, "0", user.passwordHash);
			const rotation = { hash: "0", successorHash: "1", now: NOON + 1, graceMs: MINUTE, idleMs: HOUR, address: null };
			return {
				act: async (by) => expect(["rotated", "repeated"]).toContain(await by.rotateRefreshToken(rotation)),
				async check(by, isDone) {
					const again = await by.rotateRefreshToken({ ...rotation, now: NOON + 2 });
					expect(isDone ? ["repeated"] : ["rotated", "repeated"]).toContain(again);
					expect(await by.rotateRefreshToken({ ...rotation, hash: "1", successorHash: "2", now: NOON + 3 })).toBe("rotated");
				},
			};
		},
	},
	{
		name: "changing a password",
		async prepare(store) {
			const user = aUser();
			await store.createUser(user);
			const [kept, other] = [aLogin(user.id), aLogin(user.id)];
			await store.createLogin(kept, "kept", user.passwordHash);
			await store.createLogin(other, "other", user.passwordHash);
			const { passwordHash: verifiedHash } = user;
			return {
				act: (by) => by.changePassword({ userId: user.id, verifiedHash, passwordHash: "new", keptLogin: kept.id, now: NOON + 1 }),
				async check(by, isDone) {
					const isChanged = (await by.findUserById(user.id))?.passwordHash === "new";
					if (isDone) expect(isChanged).toBe(true);
					expect((await by.findLogin(other.id))?.login.revokedAt).toBe(isChanged ? NOON + 1 : null);
					expect((await by.findLogin(kept.id))?.login.revokedAt).toBeNull();
					const signIn = by.createLogin(aLogin(user.id), "late", isChanged ? "new" : verifiedHash);
					expect(await outcomeOf(signIn)).toBe("done");
				},
			};
		},
	},
	{
		name: "resetting a password",
		async prepare(store) {
			const user = aUser();
			await store.createUser(user);
			const login = aLogin(user.id);
			await store.createLogin(login, "0", user.passwordHash);
			await store.createResetToken("link", user.id, NOON + HOUR);
			return {
				act: (by) => by.resetPassword("link", "new", NOON + 1),
				async check(by, isDone) {
					const isChanged = (await by.findUserById(user.id))?.passwordHash === "new";
					if (isDone) expect(isChanged).toBe(true);
					expect((await by.findLogin(login.id))?.login.revokedAt).toBe(isChanged ? NOON + 1 : null);
					// Nobody who was not told that it worked loses the link.
					expect(await outcomeOf(by.resetPassword("link", "newer", NOON + 2))).toBe(isChanged ? "invalid_reset_token" : "done");
				},
			};
		},
	},
	{
		name: "setting somebody's password",
		async prepare(store) {
			const user = aUser();
			await store.createUser(user);
			const login = aLogin(user.id);
			await store.createLogin(login, "0", user.passwordHash);
			await store.createResetToken("link", user.id, NOON + HOUR);
			return {
				act: (by) => by.setPassword(user.id, "set", NOON + 1),
				async check(by, isDone) {
					const isSet = (await by.findUserById(user.id))?.passwordHash === "set";
					if (isDone) expect(isSet).toBe(true);
					expect((await by.findLogin(login.id))?.login.revokedAt).toBe(isSet ? NOON + 1 : null);
					if (isSet) await expectCode(by.resetPassword("link", "late", NOON + 2), "invalid_reset_token");
				},
			};
		},
	},
	{
		name: "making a personal key",
		async prepare(store) {
			const user = aUser();
			await store.createUser(user);
			const key = aKey(user.id);
			return {
				act: (by) => by.createKey(key, "hash"),
				async check(by, isDone) {
					const found = await by.findKeyByHash("hash");
					if (isDone || found !== undefined) expect(found?.key).toEqual(key);
					expect(await by.findKeys(user.id)).toHaveLength(found === undefined ? 0 : 1);
				},
			};
		},
	},
	{
		name: "disabling an administrator",
		async prepare(store) {
			const admins = [aUser({ isAdmin: true }), aUser({ isAdmin: true })] as const;
			for (const admin of admins) await store.createUser(admin);
			const [first, second] = admins;
			const login = aLogin(first.id);
			await store.createLogin(login, "0", first.passwordHash);
			return {
				act: (by) => by.setDisabled(first.id, true, NOON + 1),
				async check(by, isDone) {
					const isDisabled = (await by.findUserById(first.id))?.disabled === true;
					if (isDone) expect(isDisabled).toBe(true);
					expect((await by.findLogin(login.id))?.login.revokedAt).toBe(isDisabled ? NOON + 1 : null);
					expect(await by.countAdmins()).toBe(isDisabled ? 1 : 2);
					if (isDisabled) await expectCode(by.setDisabled(second.id, true, NOON + 2), "last_admin");
				},
			};
		},
	},
	{
		name: "an account with an invitation",
		async prepare(store) {
			const invitation = anInvitation();
			await store.createInvitation(invitation, "token");
			const guest = aUser();
			return {
				act: (by) => by.createInvitedUser(guest, "token", NOON),
				async check(by, isDone) {
					const isIn = (await by.findUserById(guest.id)) !== undefined;
					if (isDone) expect(isIn).toBe(true);
					expect((await by.findInvitations(NOON, { skip: 0, limit: 9 })).total).toBe(isIn ? 0 : 1);
					// It makes one account, whether that was heard of or not.
					expect(await outcomeOf(by.createInvitedUser(aUser(), "token", NOON))).toBe(isIn ? "invalid_invitation" : "done");
					expect((await by.findUsers({ skip: 0, limit: 9 })).items).toHaveLength(1);
				},
			};
		},
	},
	{
		name: "revoking an invitation",
		async prepare(store) {
			const invitation = anInvitation();
			await store.createInvitation(invitation, "token");
			return {
				act: (by) => by.deleteInvitation(invitation.id),
				async check(by, isDone) {
					const isThere = (await by.findInvitation("token", NOON)) !== undefined;
					if (isDone) expect(isThere).toBe(false);
					expect(await outcomeOf(by.deleteInvitation(invitation.id))).toBe(isThere ? "done" : "invitation_not_found");
				},
			};
		},
	},
	{
		name: "deleting a person",
		async prepare(store, db) {
			const admins = [aUser({ isAdmin: true }), aUser({ isAdmin: true })] as const;
			for (const admin of admins) await store.createUser(admin);
			const [first, second] = admins;
			await store.createLogin(aLogin(first.id), "0", first.passwordHash);
			await store.createResetToken("link", first.id, NOON + HOUR);
			await store.createInvitation(anInvitation({ createdBy: first.id }), "token");
			await store.createKey(aKey(first.id), "key");
			const sessions = [aSession(first.id), aSession(first.id)];
			for (const session of sessions) {
				await store.createSession(session);
				await finishedTurn(store, session, 1);
			}
			const kept = aSession(second.id);
			await store.createSession(kept);
			await finishedTurn(store, kept, 1);
			/** All that names the person, anywhere. */
			const traces = async () => {
				const _id = new ObjectId(first.id);
				const places = [
					["users", { _id }],
					["users_logins", { user_id: _id }],
					["users_refresh_tokens", {}],
					["users_reset_tokens", { _id }],
					["users_invitations", { created_by: _id }],
					["users_api_keys", { user_id: _id }],
					["sessions", { user_id: _id }],
					["messages", { user_id: _id }],
				] as const;
				return Promise.all(places.map(([name, filter]) => db.collection(name).countDocuments(filter)));
			};
			return {
				act: (by) => by.deleteUser(first.id),
				async check(by, isDone) {
					const isThere = (await by.findUserById(first.id)) !== undefined;
					if (isDone) expect(isThere).toBe(false);
					expect(await traces()).toEqual(isThere ? [1, 1, 1, 1, 1, 1, 2, 4] : [0, 0, 0, 0, 0, 0, 0, 0]);
					if (!isThere) await expectCode(by.deleteUser(second.id), "last_admin");
					expect(await contents(by, kept)).toEqual(["prompt 1", "answer 1"]);
				},
			};
		},
	},
	{
		name: "revoking a personal key",
		async prepare(store) {
			const user = aUser();
			await store.createUser(user);
			const key = aKey(user.id);
			await store.createKey(key, "hash");
			return {
				act: (by) => by.deleteKey(key.id, user.id),
				async check(by, isDone) {
					if (isDone) expect(await by.findKey(key.id)).toBeUndefined();
				},
			};
		},
	},
];
