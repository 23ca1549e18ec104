// Logins and the rotation of their refresh tokens. Which token is the newest stands in the login itself, so that one write rotates it; a
// collection beside it says of every token, spent or not, whose it is. Only hashes of tokens come here.

import type { ObjectId } from "mongodb";
import { fail } from "../../domain/errors.ts";
import type { Login } from "../../domain/login.ts";
import type { LoginStore, RefreshOutcome, RefreshRotation } from "../../ports/store.ts";
import { type Access, insertOnce, LONG_STEP_MS } from "./access.ts";
import { loginFromDocument, loginToDocument, toObjectId, userFromDocument } from "./conversion.ts";
import type { LoginDocument } from "./documents.ts";
import { asMarked, type LoginsEnder } from "./ending-logins.ts";

type LoginOperations = Omit<LoginStore, "createResetToken" | "resetPassword" | "replacePasswordHash" | "changePassword" | "setPassword">;

const PURGED_AT_ONCE = 500;

type LoginDeps = { readonly access: Access; readonly ender: LoginsEnder };

export function createLoginOperations({ access, ender }: LoginDeps): LoginOperations {
	const { operate, step, logins, refreshTokens, resetTokens, invitations, users } = access;

	/** Twenty at once may note the same one: whose a token is never changes. */
	const noteOwner = (hash: string, loginId: ObjectId): Promise<void> =>
		insertOnce(step, {
			insert: () => refreshTokens.insertOne({ _id: hash, login_id: loginId }),
			isThere: () => Promise.resolve(true),
			onDuplicate: () => undefined,
		});

	async function findByHash(hash: string): Promise<LoginDocument | null> {
		const token = await step(() => refreshTokens.findOne({ _id: hash }));
		const login = token === null ? null : await step(() => logins.findOne({ _id: token.login_id }));
		if (login === null) return null;
		const user = await step(() => users.findOne({ _id: login.user_id }, { projection: { ending_logins: 1 } }));
		return user !== null && (await ender.finish(user)) ? asMarked(login, user) : login;
	}

	const remove = (_id: ObjectId): Promise<unknown> => step(() => logins.deleteOne({ _id }));

	/**
	 * Without transactions the other way round: the login is stored, and taken back unless the account is then still as it was verified. A
	 * new password is set before the logins are ended, so a login that sees the former one is there to be ended. Its refresh token comes
	 * last: a login without one is of no use to anybody, and ends by itself.
	 */
	async function create(login: Login, refreshHash: string, verifiedHash: string): Promise<void> {
		const _id = toObjectId(login.id);
		await insertOnce(step, {
			insert: () => logins.insertOne(loginToDocument(login, refreshHash)),
			isThere: () => Promise.resolve(true),
			onDuplicate: () => {
				throw new Error("a login's id was used twice");
			},
		});
		const user = await step(() => users.findOne({ _id: toObjectId(login.userId) }));
		if (user === null || user.password_hash !== verifiedHash || user.disabled === true) {
			await remove(_id);
			return fail("invalid_credentials");
		}
		if (user.ending_logins) {
			// Left by a crash: ends the former ones before this one counts.
			await remove(_id);
			await ender.finish(user);
			return create(login, refreshHash, verifiedHash);
		}
		await noteOwner(refreshHash, _id);
	}

	const revoke = (_id: ObjectId, now: number): Promise<unknown> =>
		step(() => logins.updateOne({ _id, revoked_at: null }, { $set: { revoked_at: new Date(now) } }));

	/**
	 * The successor's owner is noted before it becomes the newest: the other way round a crash between the two would leave a token that is
	 * good and that nobody knows. As it is, one is known that nobody has, until the same rotation comes again (successors are made from
	 * their parents, so it is the same token).
	 */
	async function rotate(rotation: RefreshRotation): Promise<RefreshOutcome> {
		const { hash, successorHash, now } = rotation;
		let login = await findByHash(hash);
		if (login === null || hasEnded(login, rotation)) return "unknown";
		if (login.newest === hash) {
			const { _id } = login;
			await noteOwner(successorHash, _id);
			const at = new Date(now);
			const set = { newest: successorHash, parent: hash, rotated_at: at, last_used_at: at, address: rotation.address };
			const rotated = await step(() => logins.updateOne({ _id, newest: hash, revoked_at: null }, { $set: set }));
			if (rotated.matchedCount === 1) return "rotated";
			// Somebody was faster, or we were and did not hear of it.
			login = await step(() => logins.findOne({ _id }));
			if (login === null || hasEnded(login, rotation)) return "unknown";
		}
		// The clock may have been set back since; a grace must not become a day by that.
		const isWithinGrace = login.rotated_at !== null && Math.abs(now - login.rotated_at.getTime()) <= rotation.graceMs;
		const isDirectParent = login.parent === hash && login.newest === successorHash;
		if (isWithinGrace && isDirectParent) return "repeated";
		await revoke(login._id, now);
		return "reused";
	}

	return {
		createLogin: (login, refreshHash, verifiedHash) => operate(() => create(login, refreshHash, verifiedHash)),

		findLogin: (id) =>
			operate(async () => {
				const login = await step(() => logins.findOne({ _id: toObjectId(id) }));
				const user = login === null ? null : await step(() => users.findOne({ _id: login.user_id }));
				if (login === null || user === null) return undefined;
				await ender.finish(user);
				return { login: loginFromDocument(asMarked(login, user)), user: userFromDocument(user) };
			}),

		findLoginByRefreshHash: (hash) =>
			operate(async () => {
				const login = await findByHash(hash);
				return login === null ? undefined : loginFromDocument(login);
			}),

		findLogins: ({ userId, now, idleMs, skip, limit }) =>
			operate(async () => {
				const _id = toObjectId(userId);
				const user = await step(() => users.findOne({ _id }, { projection: { ending_logins: 1 } }));
				if (user !== null) await ender.finish(user);
				const living = {
					user_id: _id,
					revoked_at: null,
					expires_at: { $gt: new Date(now) },
					last_used_at: { $gt: new Date(now - idleMs) },
				};
				const [found, total] = await Promise.all([
					step(() => logins.find(living).sort({ last_used_at: -1, _id: -1 }).skip(skip).limit(limit).toArray()),
					step(() => logins.countDocuments(living)),
				]);
				return { items: found.map(loginFromDocument), total };
			}),

		touchLogin: (id, address, now) =>
			operate(async () => {
				const set = { last_used_at: new Date(now), address };
				await step(() => logins.updateOne({ _id: toObjectId(id), revoked_at: null }, { $set: set }));
			}),

		rotateRefreshToken: (rotation) => operate(() => rotate(rotation)),

		revokeLogin: (id, now) =>
			operate(async () => {
				await revoke(toObjectId(id), now);
			}),

		revokeLogins: (userId, now, except) =>
			operate(async () => {
				const others = except === undefined ? {} : { _id: { $ne: toObjectId(except) } };
				await step(() =>
					logins.updateMany({ user_id: toObjectId(userId), revoked_at: null, ...others }, { $set: { revoked_at: new Date(now) } }),
				);
			}),

		/**
		 * Tokens go with their login, and not before: a spent one that comes back must still end its family. They go first, since nothing
		 * would find them without it.
		 */
		purgeLogins: (before) =>
			operate(async () => {
				const date = new Date(before);
				let ids: ObjectId[];
				do {
					const ended = await step(() =>
						logins
							.find({ $or: [{ expires_at: { $lt: date } }, { revoked_at: { $lt: date } }] }, { projection: { _id: 1 } })
							.limit(PURGED_AT_ONCE)
							.toArray(),
					);
					ids = ended.map(({ _id }) => _id);
					if (ids.length === 0) break;
					await step(() => refreshTokens.deleteMany({ login_id: { $in: ids } }), LONG_STEP_MS);
					await step(() => logins.deleteMany({ _id: { $in: ids } }), LONG_STEP_MS);
				} while (ids.length === PURGED_AT_ONCE);
				await step(() => resetTokens.deleteMany({ expires_at: { $lt: date } }));
				await step(() => invitations.deleteMany({ expires_at: { $lt: date } }));
			}),
	};
}

function hasEnded(login: LoginDocument, { now, idleMs }: RefreshRotation): boolean {
	return login.revoked_at !== null || login.expires_at.getTime() <= now || login.last_used_at.getTime() + idleMs <= now;
}
