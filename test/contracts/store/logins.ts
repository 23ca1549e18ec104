// The store's suite: logins, the rotation of refresh tokens, password resets.

import { describe, expect, test } from "bun:test";
import type { Login } from "../../../src/domain/login.ts";
import type { RefreshRotation, Store } from "../../../src/ports/store.ts";
import type { Current } from "../store.ts";
import { aLogin, aUser, DAY, expectCode, HOUR, NOON, newId, tally } from "./samples.ts";

const GRACE = 10_000;
const IDLE = 7 * DAY;

async function storedLogin(store: Store, change: Partial<Login> = {}): Promise<Login> {
	const user = aUser();
	await store.createUser(user);
	const login = aLogin(user.id, change);
	await store.createLogin(login, `${login.id}-0`, user.passwordHash);
	return login;
}

/** Presents the token number `step` of a login's chain. */
function rotation(login: Login, step: number, now: number): RefreshRotation {
	return { hash: `${login.id}-${step}`, successorHash: `${login.id}-${step + 1}`, now, graceMs: GRACE, idleMs: IDLE, address: "192.0.2.7" };
}

async function isAlive(store: Store, login: Login): Promise<boolean> {
	const found = await store.findLogin(login.id);
	return found !== undefined && found.login.revokedAt === null;
}

export function loginContract(current: Current): void {
	describe("logins", () => {
		test("a login comes back with its person, by id and by its refresh token", async () => {
			const { store } = current;
			const user = aUser({ isAdmin: true });
			await store.createUser(user);
			const login = aLogin(user.id, { createdAt: NOON + 5, lastUsedAt: NOON + 6 });
			await store.createLogin(login, "hash", user.passwordHash);
			expect(await store.findLogin(login.id)).toEqual({ login, user });
			expect(await store.findLoginByRefreshHash("hash")).toEqual(login);
			expect(await store.findLogin(newId())).toBeUndefined();
			expect(await store.findLoginByRefreshHash("other")).toBeUndefined();
		});

		test("a login of nobody, of a disabled account, or after another password than the account's is refused, and nothing is stored", async () => {
			const { store } = current;
			const [user, disabled] = [aUser(), aUser({ disabled: true })];
			await store.createUser(user);
			await store.createUser(disabled);
			const refused = [
				[aLogin(newId()), user.passwordHash],
				[aLogin(disabled.id), disabled.passwordHash],
				[aLogin(user.id), "$argon2id$former"],
			] as const;
			for (const [login, verified] of refused) {
				await expectCode(store.createLogin(login, login.id, verified), "invalid_credentials");
				expect(await store.findLogin(login.id)).toBeUndefined();
				expect(await store.findLoginByRefreshHash(login.id)).toBeUndefined();
			}
		});

		test("revoking ends a login once; again, or one that never was, is harmless", async () => {
			const { store } = current;
			const login = await storedLogin(store);
			await store.revokeLogin(login.id, NOON + 1);
			await store.revokeLogin(login.id, NOON + 2);
			await store.revokeLogin(newId(), NOON);
			expect((await store.findLogin(login.id))?.login.revokedAt).toBe(NOON + 1);
			expect(await store.rotateRefreshToken(rotation(login, 0, NOON + 3))).toBe("unknown");
		});

		test("revoking all logins of a person spares the named one and everybody else", async () => {
			const { store } = current;
			const kept = await storedLogin(store);
			const ended = aLogin(kept.userId);
			await store.createLogin(ended, "ended", aUser().passwordHash);
			const stranger = await storedLogin(store);
			await store.revokeLogins(kept.userId, NOON + 1, kept.id);
			expect([await isAlive(store, kept), await isAlive(store, ended), await isAlive(store, stranger)]).toEqual([true, false, true]);
			await store.revokeLogins(kept.userId, NOON + 2);
			expect([await isAlive(store, kept), await isAlive(store, stranger)]).toEqual([false, true]);
			expect((await store.findLogin(ended.id))?.login.revokedAt).toBe(NOON + 1);
		});

		test("a person's logins that go on are listed, the last used first", async () => {
			const { store } = current;
			const [user, other] = [aUser(), aUser()];
			for (const person of [user, other]) await store.createUser(person);
			const living = [
				aLogin(user.id, { lastUsedAt: NOON + 2, address: null, device: null }),
				aLogin(user.id, { lastUsedAt: NOON + 3 }),
				aLogin(user.id, { lastUsedAt: NOON + 1, expiresAt: NOON + HOUR + 1 }),
			];
			const over = [
				aLogin(user.id, { expiresAt: NOON + HOUR }),
				aLogin(user.id, { revokedAt: NOON }),
				aLogin(user.id, { lastUsedAt: NOON + HOUR - IDLE }),
			];
			for (const login of [...living, ...over]) await store.createLogin(login, login.id, user.passwordHash);
			await store.createLogin(aLogin(other.id), "other", other.passwordHash);
			const ask = { userId: user.id, now: NOON + HOUR, idleMs: IDLE };
			const [second, first, third] = living;
			const expected = [first, second, third].flatMap((login) => (login === undefined ? [] : [login]));
			expect(await store.findLogins({ ...ask, skip: 0, limit: 10 })).toEqual({ items: expected, total: 3 });
			expect(await store.findLogins({ ...ask, skip: 1, limit: 1 })).toEqual({ items: expected.slice(1, 2), total: 3 });
			expect(await store.findLogins({ ...ask, userId: newId(), skip: 0, limit: 10 })).toEqual({ items: [], total: 0 });
		});

		test("a use is noted with its time and place while the login goes on", async () => {
			const { store } = current;
			const login = await storedLogin(store);
			await store.touchLogin(login.id, "2001:db8::1", NOON + HOUR);
			expect((await store.findLogin(login.id))?.login).toEqual({ ...login, address: "2001:db8::1", lastUsedAt: NOON + HOUR });
			await store.revokeLogin(login.id, NOON + 2 * HOUR);
			await store.touchLogin(login.id, null, NOON + 3 * HOUR);
			expect((await store.findLogin(login.id))?.login).toMatchObject({ address: "2001:db8::1", lastUsedAt: NOON + HOUR });
			await store.touchLogin(newId(), null, NOON);
		});

		test("purging removes what ended before that time and nothing else", async () => {
			const { store } = current;
			const expired = await storedLogin(store, { expiresAt: NOON - 1 });
			const revoked = await storedLogin(store);
			await store.revokeLogin(revoked.id, NOON - 1);
			const justRevoked = await storedLogin(store);
			await store.revokeLogin(justRevoked.id, NOON);
			const alive = await storedLogin(store);
			await store.rotateRefreshToken(rotation(alive, 0, NOON));
			await store.createResetToken("old", expired.userId, NOON - 1);
			await store.createResetToken("good", alive.userId, NOON + HOUR);
			await store.purgeLogins(NOON);
			expect(await store.findLogin(expired.id)).toBeUndefined();
			expect(await store.findLoginByRefreshHash(`${expired.id}-0`)).toBeUndefined();
			expect(await store.findLogin(revoked.id)).toBeUndefined();
			expect(await store.findLogin(justRevoked.id)).toBeDefined();
			expect(await isAlive(store, alive)).toBe(true);
			// The spent token is still known, so that its return would end the family.
			expect((await store.findLoginByRefreshHash(`${alive.id}-0`))?.id).toBe(alive.id);
			await expectCode(store.resetPassword("old", "hash", NOON - 2), "invalid_reset_token");
			expect(await store.resetPassword("good", "hash", NOON)).toBe(alive.userId);
		});
	});

	describe("refresh tokens", () => {
		test("each is used once: its successor takes its place, and the login was used then", async () => {
			const { store } = current;
			const login = await storedLogin(store);
			expect(await store.rotateRefreshToken(rotation(login, 0, NOON + HOUR))).toBe("rotated");
			expect(await store.rotateRefreshToken(rotation(login, 1, NOON + 2 * HOUR))).toBe("rotated");
			expect((await store.findLogin(login.id))?.login).toEqual({ ...login, lastUsedAt: NOON + 2 * HOUR });
			await store.rotateRefreshToken({ ...rotation(login, 2, NOON + 3 * HOUR), address: null });
			expect((await store.findLogin(login.id))?.login).toMatchObject({ lastUsedAt: NOON + 3 * HOUR, address: null });
			expect((await store.findLoginByRefreshHash(`${login.id}-2`))?.id).toBe(login.id);
		});

		test("20 at the same time leave one living family with one newest token", async () => {
			const { store } = current;
			const other = await current.another();
			const login = await storedLogin(store);
			const outcomes = await Promise.all(
				Array.from({ length: 20 }, (_, turn) => (turn % 2 === 0 ? store : other).rotateRefreshToken(rotation(login, 0, NOON + turn))),
			);
			await other.close();
			expect(outcomes.filter((outcome) => outcome === "rotated")).toHaveLength(1);
			expect(outcomes.filter((outcome) => outcome === "repeated")).toHaveLength(19);
			expect(await isAlive(store, login)).toBe(true);
			expect(await store.rotateRefreshToken(rotation(login, 1, NOON + HOUR))).toBe("rotated");
		});

		test("the direct parent is repeated up to the end of the grace, and ends the family after it", async () => {
			const { store } = current;
			const login = await storedLogin(store);
			await store.rotateRefreshToken(rotation(login, 0, NOON));
			expect(await store.rotateRefreshToken(rotation(login, 0, NOON + GRACE))).toBe("repeated");
			expect(await isAlive(store, login)).toBe(true);
			expect(await store.rotateRefreshToken(rotation(login, 0, NOON + GRACE + 1))).toBe("reused");
			expect((await store.findLogin(login.id))?.login.revokedAt).toBe(NOON + GRACE + 1);
			expect(await store.rotateRefreshToken(rotation(login, 1, NOON + GRACE + 2))).toBe("unknown");
		});

		test("an older token ends the family even within the grace", async () => {
			const { store } = current;
			const login = await storedLogin(store);
			await store.rotateRefreshToken(rotation(login, 0, NOON));
			await store.rotateRefreshToken(rotation(login, 1, NOON + 1));
			expect(await store.rotateRefreshToken(rotation(login, 0, NOON + 2))).toBe("reused");
			expect(await isAlive(store, login)).toBe(false);
			expect(await store.rotateRefreshToken(rotation(login, 2, NOON + 3))).toBe("unknown");
			expect(await store.rotateRefreshToken(rotation(login, 0, NOON + 4))).toBe("unknown");
		});

		test("reuse ends its own family only", async () => {
			const { store } = current;
			const login = await storedLogin(store);
			const sibling = aLogin(login.userId);
			await store.createLogin(sibling, `${sibling.id}-0`, aUser().passwordHash);
			await store.rotateRefreshToken(rotation(login, 0, NOON));
			await store.rotateRefreshToken(rotation(login, 0, NOON + DAY));
			expect(await isAlive(store, login)).toBe(false);
			expect(await store.rotateRefreshToken(rotation(sibling, 0, NOON + DAY))).toBe("rotated");
		});

		test("an unknown token, an expired login and an idle one give unknown", async () => {
			const { store } = current;
			const idle = await storedLogin(store);
			const expired = await storedLogin(store, { expiresAt: NOON + HOUR });
			expect(await store.rotateRefreshToken({ ...rotation(idle, 0, NOON), hash: "never" })).toBe("unknown");
			expect(await store.rotateRefreshToken(rotation(expired, 0, NOON + HOUR))).toBe("unknown");
			expect(await store.rotateRefreshToken(rotation(idle, 0, NOON + IDLE))).toBe("unknown");
			expect(await store.rotateRefreshToken(rotation(idle, 0, NOON + IDLE - 1))).toBe("rotated");
			expect(await store.rotateRefreshToken(rotation(idle, 1, NOON + 2 * IDLE - 2))).toBe("rotated");
		});
	});

	describe("passwords", () => {
		test("a new password ends every other login of that person, and nobody else's", async () => {
			const { store } = current;
			const kept = await storedLogin(store);
			const { passwordHash: verifiedHash } = aUser();
			const ended = aLogin(kept.userId);
			await store.createLogin(ended, "ended", verifiedHash);
			const stranger = await storedLogin(store);
			const change = { userId: kept.userId, verifiedHash, passwordHash: "$argon2id$new", keptLogin: kept.id, now: NOON + 1 };
			await store.changePassword(change);
			expect(await store.findUserById(kept.userId)).toMatchObject({ passwordHash: "$argon2id$new", updatedAt: NOON + 1 });
			expect([await isAlive(store, kept), await isAlive(store, ended), await isAlive(store, stranger)]).toEqual([true, false, true]);
		});

		test("it is refused when the password is another one by now, or the person is gone; nothing changes then", async () => {
			const { store } = current;
			const kept = await storedLogin(store);
			const other = aLogin(kept.userId);
			await store.createLogin(other, "other", aUser().passwordHash);
			const change = { verifiedHash: "$argon2id$former", passwordHash: "$argon2id$new", keptLogin: kept.id, now: NOON + 1 };
			await expectCode(store.changePassword({ ...change, userId: kept.userId }), "wrong_password");
			await expectCode(store.changePassword({ ...change, userId: newId() }), "wrong_password");
			expect(await store.findUserById(kept.userId)).toMatchObject({ passwordHash: aUser().passwordHash, updatedAt: NOON });
			expect(await isAlive(store, other)).toBe(true);
		});

		test("of 20 logins with the former password, from two openings of the data, none outlives a change at the same time", async () => {
			const { store } = current;
			const other = await current.another();
			const kept = await storedLogin(store);
			const { passwordHash: verifiedHash } = aUser();
			const logins = Array.from({ length: 20 }, () => aLogin(kept.userId));
			const enter = (some: readonly Login[]) =>
				some.map((login, turn) => (turn % 2 === 0 ? store : other).createLogin(login, login.id, verifiedHash));
			const change = { userId: kept.userId, verifiedHash, passwordHash: "$argon2id$new", keptLogin: kept.id, now: NOON + 1 };
			const { codes } = await tally([...enter(logins.slice(0, 10)), store.changePassword(change), ...enter(logins.slice(10))]);
			await other.close();
			for (const code of codes) expect(code).toBe("invalid_credentials");
			for (const login of logins) expect(await isAlive(store, login)).toBe(false);
			expect(await isAlive(store, kept)).toBe(true);
		});

		test("one that is set for somebody ends every login of that person, and nobody else's", async () => {
			const { store } = current;
			const [login, stranger] = [await storedLogin(store), await storedLogin(store)];
			await store.setPassword(login.userId, "$argon2id$set", NOON + 1);
			expect(await store.findUserById(login.userId)).toMatchObject({ passwordHash: "$argon2id$set", updatedAt: NOON + 1 });
			expect([await isAlive(store, login), await isAlive(store, stranger)]).toEqual([false, true]);
			await expectCode(store.createLogin(aLogin(login.userId), "late", aUser().passwordHash), "invalid_credentials");
			await store.createLogin(aLogin(login.userId), "anew", "$argon2id$set");
		});

		test("a reset link is for the password that was forgotten, not for one that was set since", async () => {
			const { store } = current;
			const [kept, other] = [await storedLogin(store), await storedLogin(store)];
			const { passwordHash: verifiedHash } = aUser();
			for (const { userId } of [kept, other]) await store.createResetToken(userId, userId, NOON + HOUR);
			await store.changePassword({ userId: kept.userId, verifiedHash, passwordHash: "new", keptLogin: kept.id, now: NOON });
			await store.setPassword(other.userId, "new", NOON);
			for (const { userId } of [kept, other]) await expectCode(store.resetPassword(userId, "late", NOON), "invalid_reset_token");
		});

		test("two changes at the same time: one counts", async () => {
			const { store } = current;
			const kept = await storedLogin(store);
			const { passwordHash: verifiedHash } = aUser();
			const change = { userId: kept.userId, verifiedHash, keptLogin: kept.id, now: NOON + 1 };
			const changes = ["one", "two"].map((passwordHash) => store.changePassword({ ...change, passwordHash }));
			expect(await tally(changes)).toEqual({ done: 1, codes: ["wrong_password"] });
		});

		test("a hash is replaced by another of the same password only while it is the account's", async () => {
			const { store } = current;
			const login = await storedLogin(store);
			const { passwordHash } = aUser();
			expect(await store.replacePasswordHash(login.userId, passwordHash, "$argon2id$better")).toBe(true);
			expect(await store.findUserById(login.userId)).toMatchObject({ passwordHash: "$argon2id$better", updatedAt: NOON });
			await store.createResetToken("token", login.userId, NOON + HOUR);
			await store.resetPassword("token", "$argon2id$reset", NOON + 1);
			expect(await store.replacePasswordHash(login.userId, "$argon2id$better", "$argon2id$late")).toBe(false);
			expect(await store.findUserById(login.userId)).toMatchObject({ passwordHash: "$argon2id$reset" });
			expect(await store.replacePasswordHash(newId(), passwordHash, "$argon2id$late")).toBe(false);
		});
	});

	describe("password resets", () => {
		test("a reset sets the password once and ends every login of that person, nobody else's", async () => {
			const { store } = current;
			const login = await storedLogin(store);
			const stranger = await storedLogin(store);
			await store.createResetToken("token", login.userId, NOON + HOUR);
			expect(await store.resetPassword("token", "$argon2id$reset", NOON + 1)).toBe(login.userId);
			expect(await store.findUserById(login.userId)).toMatchObject({ passwordHash: "$argon2id$reset", updatedAt: NOON + 1 });
			expect([await isAlive(store, login), await isAlive(store, stranger)]).toEqual([false, true]);
			await expectCode(store.resetPassword("token", "$argon2id$again", NOON + 2), "invalid_reset_token");
			expect(await store.findUserById(login.userId)).toMatchObject({ passwordHash: "$argon2id$reset" });
		});

		test("10 uses of one reset token at the same time: one counts", async () => {
			const { store } = current;
			const login = await storedLogin(store);
			await store.createResetToken("token", login.userId, NOON + HOUR);
			const { done, codes } = await tally(Array.from({ length: 10 }, (_, turn) => store.resetPassword("token", `hash${turn}`, NOON)));
			expect(done).toBe(1);
			expect(new Set(codes)).toEqual(new Set(["invalid_reset_token"]));
		});

		test("an unknown, an expired and a replaced reset token are refused", async () => {
			const { store } = current;
			const login = await storedLogin(store);
			await expectCode(store.resetPassword("never", "hash", NOON), "invalid_reset_token");
			await store.createResetToken("first", login.userId, NOON + HOUR);
			await store.createResetToken("second", login.userId, NOON + HOUR);
			await expectCode(store.resetPassword("first", "hash", NOON), "invalid_reset_token");
			await expectCode(store.resetPassword("second", "hash", NOON + HOUR), "invalid_reset_token");
			expect(await isAlive(store, login)).toBe(true);
			expect(await store.resetPassword("second", "hash", NOON + HOUR - 1)).toBe(login.userId);
		});

		test("a reset token of nobody is refused", async () => {
			await current.store.createResetToken("token", newId(), NOON + HOUR);
			await expectCode(current.store.resetPassword("token", "hash", NOON), "invalid_reset_token");
		});
	});
}
