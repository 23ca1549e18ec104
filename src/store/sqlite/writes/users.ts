// Writes about people. Each runs inside the writer's transaction, so what it reads cannot change before it writes.

import type { Database } from "bun:sqlite";
import { fail } from "../../../domain/errors.ts";
import type { Id } from "../../../domain/id.ts";
import type { User } from "../../../domain/user.ts";
import { type SqlValues, type UserRow, userFromRow, userToRow } from "../rows.ts";
import { revokeLogins } from "./logins.ts";
import type { WriteArgs } from "./table.ts";

export function createUser(db: Database, user: User): undefined {
	const taken = db.query<{ id: Id }, [SqlValues]>("SELECT id FROM users WHERE email = $email").get({ email: user.email });
	if (taken !== null) fail("email_taken");
	insertUser(db, user);
}

export function insertUser(db: Database, user: User): void {
	db.query<never, [SqlValues]>(
		`INSERT INTO users (id, email, full_name, avatar_url, password_hash, is_admin, disabled, created_at, updated_at)
		VALUES ($id, $email, $full_name, $avatar_url, $password_hash, $is_admin, $disabled, $created_at, $updated_at)`,
	).run(userToRow(user));
}

/** A person who is there already (by id) only gets the rights; the rest of what is stored stays. */
export function createFirstAdmin(db: Database, user: User): undefined {
	if (countAdmins(db) > 0) fail("setup_done");
	const promoted = db
		.query<{ id: Id }, [SqlValues]>("UPDATE users SET is_admin = 1, updated_at = $updatedAt WHERE id = $id RETURNING id")
		.get({ id: user.id, updatedAt: user.updatedAt });
	if (promoted === null) createUser(db, { ...user, isAdmin: true });
}

export function updateUser(db: Database, { id, change, now }: WriteArgs<"updateUser">): User {
	const user = requireUser(db, id);
	const { fullName = user.fullName, avatarUrl = user.avatarUrl } = change;
	return writeUser(db, { ...user, fullName, avatarUrl, updatedAt: now });
}

export function setAdmin(db: Database, { id, isAdmin, now }: WriteArgs<"setAdmin">): User {
	const user = requireUser(db, id);
	if (!isAdmin && isLastAdmin(db, user)) fail("last_admin");
	return writeUser(db, { ...user, isAdmin, updatedAt: now });
}

export function setDisabled(db: Database, { id, disabled, now }: WriteArgs<"setDisabled">): User {
	const user = requireUser(db, id);
	if (disabled && isLastAdmin(db, user)) fail("last_admin");
	if (disabled) revokeLogins(db, { userId: id, now, except: null });
	return writeUser(db, { ...user, disabled, updatedAt: now });
}

export function lockOut(db: Database, { id, now }: WriteArgs<"lockOut">): User {
	return writeUser(db, { ...requireUser(db, id), isAdmin: false, disabled: true, updatedAt: now });
}

/** Administrators who can act: a disabled one counts as none. */
export function countAdmins(db: Database): number {
	const row = db.query<{ count: number }, []>("SELECT count(*) AS count FROM users WHERE is_admin = 1 AND disabled = 0").get();
	return row?.count ?? 0;
}

export function isLastAdmin(db: Database, user: User): boolean {
	return user.isAdmin && !user.disabled && countAdmins(db) === 1;
}

export function requireUser(db: Database, id: Id): User {
	const row = db.query<UserRow, [SqlValues]>("SELECT * FROM users WHERE id = $id").get({ id });
	return row === null ? fail("user_not_found") : userFromRow(row);
}

function writeUser(db: Database, user: User): User {
	db.query<never, [SqlValues]>(
		`UPDATE users
		SET full_name = $fullName, avatar_url = $avatarUrl, is_admin = $isAdmin, disabled = $disabled, updated_at = $updatedAt
		WHERE id = $id`,
	).run({
		id: user.id,
		fullName: user.fullName,
		avatarUrl: user.avatarUrl,
		isAdmin: user.isAdmin ? 1 : 0,
		disabled: user.disabled ? 1 : 0,
		updatedAt: user.updatedAt,
	});
	return user;
}
