// People, their logins and reset tokens, out of MongoDB and into it. What a crash left half done counts as its repair would end it
// (ending-logins.ts, passwords.ts), without writing to the source.

import { ObjectId } from "mongodb";
import type { Id } from "../../../domain/id.ts";
import { normalizeEmail } from "../../../domain/user.ts";
import type { CopyRecords, RefreshChain } from "../../../ports/copy.ts";
import type { Access } from "../access.ts";
import { loginFromDocument, loginToDocument, toId, toObjectId, userFromDocument, userToDocument } from "../conversion.ts";
import type { LoginDocument, RefreshTokenDocument, UserDocument } from "../documents.ts";
import { asMarked } from "../ending-logins.ts";
import { after, grouped, walk } from "./cursor.ts";
import type { Look } from "./look.ts";
import { insertAll } from "./writing.ts";

const BY_ID = { _id: 1 } as const;

/**
 * Always from the first on, because an address counts for the first person who has it. The replaced gateway took addresses as they were
 * typed; here they are looked for in lower case.
 */
export async function* readUsers({ users }: Access, from: Id | null, look: Look): AsyncGenerator<CopyRecords["users"]> {
	const emails = new Set<string>();
	for await (const document of walk(users, { sort: BY_ID })) {
		if (!(document._id instanceof ObjectId)) {
			look.refuse(document, "has an _id that is no ObjectId");
			continue;
		}
		const user = userFromDocument(document);
		const email = normalizeEmail(user.email);
		if (email === "") look.refuse(document, "has no e-mail address");
		else if (emails.has(email)) look.refuse(document, "has the e-mail address of another person");
		else {
			emails.add(email);
			look.accept(document);
			if (from === null || user.id > from) yield { ...user, email };
		}
	}
}

export async function writeUsers({ users }: Access, records: readonly CopyRecords["users"][]): Promise<void> {
	await insertAll(users, records.map(userToDocument));
}

export async function* readLogins(access: Access, from: Id | null, look: Look, lookAtTokens: Look): AsyncGenerator<CopyRecords["logins"]> {
	const { logins, refreshTokens, users } = access;
	const marks = new Map<string, Pick<UserDocument, "ending_logins">>();
	for await (const user of walk(users, { filter: { "ending_logins.id": { $exists: true } }, sort: BY_ID })) {
		marks.set(String(user._id), user);
	}
	const owned = grouped(walk(refreshTokens, { filter: after("login_id", from), sort: { login_id: 1, _id: 1 } }), ({ login_id }) =>
		String(login_id),
	);
	let tokens = await owned.next();
	for await (const document of walk(logins, { filter: after("_id", from), sort: BY_ID })) {
		if (!isLogin(document)) {
			look.refuse(document, "is no login");
			continue;
		}
		look.accept(document);
		const login = loginFromDocument(asMarked(document, marks.get(String(document.user_id)) ?? {}));
		// Tokens of logins that are gone lead nowhere.
		while (!tokens.done && String(tokens.value[0]?.login_id) < login.id) tokens = await owned.next();
		const own = !tokens.done && String(tokens.value[0]?.login_id) === login.id ? tokens.value : [];
		for (const token of own) lookAtTokens.accept(token);
		yield { ...login, tokens: chainOf(document, own) };
	}
	await owned.return(undefined);
}

function isLogin({ _id, user_id, created_at, last_used_at, expires_at }: LoginDocument): boolean {
	return _id instanceof ObjectId && user_id instanceof ObjectId && [created_at, last_used_at, expires_at].every((at) => at instanceof Date);
}

function chainOf({ newest, parent, rotated_at }: LoginDocument, tokens: readonly RefreshTokenDocument[]): RefreshChain {
	return {
		newest: newest === "" ? null : newest,
		parent,
		rotatedAt: parent === null ? null : (rotated_at?.getTime() ?? null),
		spent: tokens.map(({ _id }) => _id).filter((hash) => hash !== newest && hash !== parent),
	};
}

/** The tokens first: a login whose token nobody knows would be of no use. */
export async function writeLogins({ logins, refreshTokens }: Access, records: readonly CopyRecords["logins"][]): Promise<void> {
	const owners = records.flatMap(({ id, tokens: { newest, parent, spent } }) =>
		[newest, parent, ...spent].filter((hash) => hash !== null).map((hash) => ({ _id: hash, login_id: toObjectId(id) })),
	);
	for (let first = 0; first < owners.length; first += 1000) await insertAll(refreshTokens, owners.slice(first, first + 1000));
	await insertAll(
		logins,
		records.map(({ tokens, ...login }) => ({
			...loginToDocument(login, tokens.newest ?? ""),
			parent: tokens.parent,
			rotated_at: tokens.rotatedAt === null ? null : new Date(tokens.rotatedAt),
		})),
	);
}

export async function* readResetTokens(access: Access, from: Id | null, look: Look): AsyncGenerator<CopyRecords["resetTokens"]> {
	const { resetTokens, users } = access;
	for await (const document of walk(resetTokens, { filter: after("_id", from), sort: BY_ID })) {
		const { _id, hash, expires_at, spent } = document;
		if (!(_id instanceof ObjectId && expires_at instanceof Date)) {
			look.refuse(document, "is no reset token");
			continue;
		}
		if (spent && (await users.findOne({ _id }))?.password_hash === spent.password_hash) continue;
		look.accept(document);
		yield { userId: toId(_id), hash, expiresAt: expires_at.getTime() };
	}
}

export async function writeResetTokens({ resetTokens }: Access, records: readonly CopyRecords["resetTokens"][]): Promise<void> {
	await insertAll(
		resetTokens,
		records.map(({ userId, hash, expiresAt }) => ({ _id: toObjectId(userId), hash, expires_at: new Date(expiresAt) })),
	);
}
