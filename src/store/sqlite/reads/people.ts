// Reads about people and their logins.

import type { Database } from "bun:sqlite";
import type { Login } from "../../../domain/login.ts";
import type { User } from "../../../domain/user.ts";
import type { LoginQuery, LoginStore, Page, Range, UserStore } from "../../../ports/store.ts";
import { type LoginRow, loginFromRow, type SqlValues, type UserRow, userFromRow } from "../rows.ts";
import { countAdmins } from "../writes/users.ts";
import type { Read } from "./read.ts";

type PeopleReads = Pick<UserStore, "findUserById" | "findUserByEmail" | "findUsers" | "countAdmins"> &
	Pick<LoginStore, "findLogin" | "findLoginByRefreshHash" | "findLogins">;

export function createPeopleReads({ db, read }: { readonly db: Database; readonly read: Read }): PeopleReads {
	return {
		findUserById: (id) => read(() => userOrNothing(db.query<UserRow, [SqlValues]>("SELECT * FROM users WHERE id = $id").get({ id }))),
		findUserByEmail: (email) =>
			read(() => userOrNothing(db.query<UserRow, [SqlValues]>("SELECT * FROM users WHERE email = $email").get({ email }))),
		findUsers: (range) => read(() => findUsers(db, range)),
		countAdmins: () => read(() => countAdmins(db)),
		findLogin: (id) => read(() => findLogin(db, id)),
		findLogins: (query) => read(() => findLogins(db, query)),
		findLoginByRefreshHash: (hash) => read(() => findLoginByRefreshHash(db, hash)),
	};
}

function userOrNothing(row: UserRow | null): User | undefined {
	return row === null ? undefined : userFromRow(row);
}

function findUsers(db: Database, { skip, limit }: Range): Page<User> {
	const rows = db.query<UserRow, [SqlValues]>("SELECT * FROM users ORDER BY seq DESC LIMIT $limit OFFSET $skip").all({ limit, skip });
	const total = db.query<{ count: number }, []>("SELECT count FROM totals WHERE name = 'users'").get();
	return { items: rows.map(userFromRow), total: total?.count ?? 0 };
}

type LoginWithUserRow = UserRow & {
	login_id: Login["id"];
	seed: string;
	login_created_at: number;
	last_used_at: number;
	expires_at: number;
	revoked_at: number | null;
	address: string | null;
	device: string | null;
};

function findLogin(db: Database, id: Login["id"]): { readonly login: Login; readonly user: User } | undefined {
	const row = db
		.query<LoginWithUserRow, [SqlValues]>(
			`SELECT users.*, logins.id AS login_id, logins.seed, logins.created_at AS login_created_at, logins.last_used_at, logins.expires_at,
				logins.revoked_at, logins.address, logins.device
			FROM logins JOIN users ON users.id = logins.user_id
			WHERE logins.id = $id`,
		)
		.get({ id });
	if (row === null) return undefined;
	const login = loginFromRow({ ...row, id: row.login_id, user_id: row.id, created_at: row.login_created_at });
	return { login, user: userFromRow(row) };
}

function findLoginByRefreshHash(db: Database, hash: string): Login | undefined {
	const row = db
		.query<LoginRow, [SqlValues]>(
			"SELECT logins.* FROM refresh_tokens JOIN logins ON logins.id = refresh_tokens.login_id WHERE refresh_tokens.hash = $hash",
		)
		.get({ hash });
	return row === null ? undefined : loginFromRow(row);
}

function findLogins(db: Database, { userId, now, idleMs, skip, limit }: LoginQuery): Page<Login> {
	const living = { userId, now, usedAfter: now - idleMs };
	const rows = db
		.query<LoginRow, [SqlValues]>(
			`SELECT * FROM logins
			WHERE user_id = $userId AND revoked_at IS NULL AND expires_at > $now AND last_used_at > $usedAfter
			ORDER BY last_used_at DESC, id DESC LIMIT $limit OFFSET $skip`,
		)
		.all({ ...living, skip, limit });
	const total = db
		.query<{ count: number }, [SqlValues]>(
			`SELECT count(*) AS count FROM logins
			WHERE user_id = $userId AND revoked_at IS NULL AND expires_at > $now AND last_used_at > $usedAfter`,
		)
		.get(living);
	return { items: rows.map(loginFromRow), total: total?.count ?? 0 };
}
