// Writes about logins, their refresh tokens, and password reset tokens. Only hashes of tokens come here.

import type { Database } from "bun:sqlite";
import { fail } from "../../../domain/errors.ts";
import type { Id } from "../../../domain/id.ts";
import type { Login } from "../../../domain/login.ts";
import type { RefreshOutcome, RefreshRotation } from "../../../ports/store.ts";
import { type LoginRow, loginToRow, type SqlValues } from "../rows.ts";
import type { WriteArgs } from "./table.ts";

export function createLogin(db: Database, { login, refreshHash, verifiedHash }: WriteArgs<"createLogin">): undefined {
	const person = db
		.query<{ id: Id }, [SqlValues]>("SELECT id FROM users WHERE id = $userId AND password_hash = $verifiedHash AND disabled = 0")
		.get({ userId: login.userId, verifiedHash });
	if (person === null) fail("invalid_credentials");
	insertLogin(db, login);
	insertToken(db, refreshHash, login.id);
}

export function insertLogin(db: Database, login: Login): void {
	db.query<never, [SqlValues]>(
		`INSERT INTO logins (id, user_id, seed, created_at, last_used_at, expires_at, revoked_at, address, device)
		VALUES ($id, $user_id, $seed, $created_at, $last_used_at, $expires_at, $revoked_at, $address, $device)`,
	).run(loginToRow(login));
}

/** `updated_at` stays: the person changed nothing. */
export function replacePasswordHash(db: Database, { userId, from, to }: WriteArgs<"replacePasswordHash">): boolean {
	const person = db
		.query<{ id: Id }, [SqlValues]>("UPDATE users SET password_hash = $to WHERE id = $userId AND password_hash = $from RETURNING id")
		.get({ userId, from, to });
	return person !== null;
}

export function changePassword(db: Database, change: WriteArgs<"changePassword">): undefined {
	const { userId, verifiedHash, passwordHash, keptLogin, now } = change;
	const person = db
		.query<{ id: Id }, [SqlValues]>(
			`UPDATE users SET password_hash = $passwordHash, updated_at = $now
			WHERE id = $userId AND password_hash = $verifiedHash RETURNING id`,
		)
		.get({ userId, verifiedHash, passwordHash, now });
	if (person === null) fail("wrong_password");
	revokeLogins(db, { userId, now, except: keptLogin });
	dropResetToken(db, userId);
}

export function setPassword(db: Database, { userId, passwordHash, now }: WriteArgs<"setPassword">): undefined {
	const person = db
		.query<{ id: Id }, [SqlValues]>("UPDATE users SET password_hash = $passwordHash, updated_at = $now WHERE id = $userId RETURNING id")
		.get({ userId, passwordHash, now });
	if (person === null) fail("user_not_found");
	revokeLogins(db, { userId, now, except: null });
	dropResetToken(db, userId);
}

/** A link for a forgotten password is for the password that was forgotten, not for the one after it. */
function dropResetToken(db: Database, userId: Id): void {
	db.query<never, [SqlValues]>("DELETE FROM reset_tokens WHERE user_id = $userId").run({ userId });
}

export function touchLogin(db: Database, { id, address, now }: WriteArgs<"touchLogin">): undefined {
	db.query<never, [SqlValues]>("UPDATE logins SET last_used_at = $now, address = $address WHERE id = $id AND revoked_at IS NULL").run({
		id,
		address,
		now,
	});
}

type TokenRow = LoginRow & { spent_at: number | null; successor_hash: string | null; successor_spent_at: number | null };

export function rotateRefreshToken(db: Database, rotation: RefreshRotation): RefreshOutcome {
	const { hash, successorHash, now } = rotation;
	const token = db
		.query<TokenRow, [SqlValues]>(
			`SELECT logins.*, token.spent_at, token.successor_hash, successor.spent_at AS successor_spent_at
			FROM refresh_tokens AS token
			JOIN logins ON logins.id = token.login_id
			LEFT JOIN refresh_tokens AS successor ON successor.hash = token.successor_hash
			WHERE token.hash = $hash`,
		)
		.get({ hash });
	if (token === null || hasEnded(token, rotation)) return "unknown";
	if (token.spent_at === null) {
		db.query<never, [SqlValues]>("UPDATE refresh_tokens SET spent_at = $now, successor_hash = $successorHash WHERE hash = $hash").run({
			hash,
			successorHash,
			now,
		});
		insertToken(db, successorHash, token.id);
		touchLogin(db, { id: token.id, address: rotation.address, now });
		return "rotated";
	}
	// The clock may have been set back since; a grace must not become a day by that.
	const isWithinGrace = Math.abs(now - token.spent_at) <= rotation.graceMs;
	const isDirectParent = token.successor_spent_at === null && token.successor_hash === successorHash;
	if (isWithinGrace && isDirectParent) return "repeated";
	revokeLogin(db, { id: token.id, now });
	return "reused";
}

function hasEnded(login: LoginRow, { now, idleMs }: RefreshRotation): boolean {
	return login.revoked_at !== null || login.expires_at <= now || login.last_used_at + idleMs <= now;
}

function insertToken(db: Database, hash: string, loginId: Id): void {
	db.query<never, [SqlValues]>("INSERT INTO refresh_tokens (hash, login_id) VALUES ($hash, $loginId)").run({ hash, loginId });
}

export function revokeLogin(db: Database, { id, now }: WriteArgs<"revokeLogin">): undefined {
	db.query<never, [SqlValues]>("UPDATE logins SET revoked_at = $now WHERE id = $id AND revoked_at IS NULL").run({ id, now });
}

export function revokeLogins(db: Database, { userId, now, except }: WriteArgs<"revokeLogins">): undefined {
	db.query<never, [SqlValues]>(
		"UPDATE logins SET revoked_at = $now WHERE user_id = $userId AND revoked_at IS NULL AND id IS NOT $except",
	).run({ userId, now, except });
}

export function createResetToken(db: Database, { hash, userId, expiresAt }: WriteArgs<"createResetToken">): undefined {
	db.query<never, [SqlValues]>(
		`INSERT INTO reset_tokens (hash, user_id, expires_at) VALUES ($hash, $userId, $expiresAt)
		ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at`,
	).run({ hash, userId, expiresAt });
}

export function resetPassword(db: Database, { hash, passwordHash, now }: WriteArgs<"resetPassword">): Id {
	const token = db
		.query<{ user_id: Id }, [SqlValues]>("DELETE FROM reset_tokens WHERE hash = $hash AND expires_at > $now RETURNING user_id")
		.get({ hash, now });
	if (token === null) return fail("invalid_reset_token");
	const user = db
		.query<{ id: Id }, [SqlValues]>("UPDATE users SET password_hash = $passwordHash, updated_at = $now WHERE id = $id RETURNING id")
		.get({ id: token.user_id, passwordHash, now });
	if (user === null) return fail("invalid_reset_token");
	revokeLogins(db, { userId: user.id, now, except: null });
	return user.id;
}

/** A login's refresh tokens go with it, and not before: a spent one that comes back must still end its family. */
export function purgeLogins(db: Database, { before }: WriteArgs<"purgeLogins">): undefined {
	db.query<never, [SqlValues]>("DELETE FROM logins WHERE expires_at < $before OR revoked_at < $before").run({ before });
	db.query<never, [SqlValues]>("DELETE FROM reset_tokens WHERE expires_at < $before").run({ before });
	db.query<never, [SqlValues]>("DELETE FROM invitations WHERE expires_at < $before").run({ before });
}
