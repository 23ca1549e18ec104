// How everything reaches the server: whole operations, which `close` waits for and whose errors are told in our codes, made of steps, each
// one command with a deadline and one more try. Which commands, and in which order, is for the files by noun.

import type { Collection, Db } from "mongodb";
import { PocketError } from "../../domain/errors.ts";
import type {
	ApiKeyDocument,
	AuditDocument,
	InvitationDocument,
	LoginDocument,
	MessageDocument,
	ProcessDocument,
	RefreshTokenDocument,
	RemovalDocument,
	ResetTokenDocument,
	SessionDocument,
	StateDocument,
	UserDocument,
} from "./documents.ts";
import { duplicateIndex, isAway, isInDoubt, translate } from "./errors.ts";

export type CollectionNames = { readonly users: string; readonly sessions: string; readonly messages: string };

export type Collections = {
	readonly users: Collection<UserDocument>;
	readonly sessions: Collection<SessionDocument>;
	readonly messages: Collection<MessageDocument>;
	readonly logins: Collection<LoginDocument>;
	readonly refreshTokens: Collection<RefreshTokenDocument>;
	readonly resetTokens: Collection<ResetTokenDocument>;
	readonly apiKeys: Collection<ApiKeyDocument>;
	readonly audit: Collection<AuditDocument>;
	readonly invitations: Collection<InvitationDocument>;
	readonly removals: Collection<RemovalDocument>;
	readonly peopleRemovals: Collection<RemovalDocument>;
	readonly processes: Collection<ProcessDocument>;
	readonly state: Collection<StateDocument>;
};

/** Ours are named after the kept ones, so that two programs in one database, with collections of their own, do not meet. */
export function openCollections(db: Db, names: CollectionNames): Collections {
	return {
		users: db.collection(names.users),
		sessions: db.collection(names.sessions),
		messages: db.collection(names.messages),
		logins: db.collection(`${names.users}_logins`),
		refreshTokens: db.collection(`${names.users}_refresh_tokens`),
		resetTokens: db.collection(`${names.users}_reset_tokens`),
		apiKeys: db.collection(`${names.users}_api_keys`),
		audit: db.collection(`${names.users}_audit`),
		invitations: db.collection(`${names.users}_invitations`),
		removals: db.collection(`${names.sessions}_removals`),
		peopleRemovals: db.collection(`${names.users}_removals`),
		processes: db.collection(`${names.sessions}_processes`),
		state: db.collection(`${names.users}_state`),
	};
}

/**
 * One command, with a limit (10 s unless told) and one more try when the server, the network or the primary went away under it. The second
 * time (`isRetry`) nobody knows whether the first one was done, so every step gives the same result when it was. After the limit the
 * outcome stays unknown: the step rejects with `store_unavailable`.
 */
export type Step = <T>(act: (isRetry: boolean) => Promise<T>, limitMs?: number) => Promise<T>;

export type Access = Collections & {
	/** A whole operation of the port. */
	readonly operate: <T>(body: () => Promise<T>) => Promise<T>;
	readonly step: Step;
	/** As a step, tried again and again for 30 s while the server is away: for what somebody waits for who cannot ask again. */
	readonly persist: <T>(act: (isRetry: boolean) => Promise<T>) => Promise<T>;
	/** Refuses new operations and waits for those under way, for at most 5 s. */
	readonly drain: () => Promise<void>;
};

const STEP_LIMIT_MS = 10_000;
const PERSIST_LIMIT_MS = 30_000;
const PERSIST_PAUSE_MS = 250;
const DRAIN_LIMIT_MS = 5_000;
/** For what walks through many documents. */
export const LONG_STEP_MS = 30_000;

export function createAccess(collections: Collections): Access {
	const running = new Set<Promise<unknown>>();
	let isClosed = false;

	async function translated<T>(body: () => Promise<T>): Promise<T> {
		try {
			return await body();
		} catch (error) {
			throw translate(error);
		}
	}

	async function persist<T>(act: (isRetry: boolean) => Promise<T>): Promise<T> {
		const deadline = performance.now() + PERSIST_LIMIT_MS;
		for (let tries = 0; ; tries += 1) {
			try {
				return await step((isRetry) => act(isRetry || tries > 0), Math.min(STEP_LIMIT_MS, deadline - performance.now()));
			} catch (error) {
				if (!isInDoubt(error) || isClosed || performance.now() + PERSIST_PAUSE_MS >= deadline) throw error;
			}
			await Bun.sleep(PERSIST_PAUSE_MS);
		}
	}

	return {
		...collections,
		async operate(body) {
			if (isClosed) throw new PocketError("store_unavailable", { cause: "the store is closed" });
			const work = translated(body);
			running.add(work);
			try {
				return await work;
			} finally {
				running.delete(work);
			}
		},
		step,
		persist,
		async drain() {
			isClosed = true;
			await Promise.race([Promise.allSettled(running), Bun.sleep(DRAIN_LIMIT_MS)]);
		},
	};
}

const step: Step = (act, limitMs = STEP_LIMIT_MS) => {
	const deadline = performance.now() + limitMs;
	const tryTwice = async () => {
		try {
			return await act(false);
		} catch (error) {
			// What is told as failed must not be begun again behind the caller's back.
			if (!isAway(error) || performance.now() >= deadline) throw error;
		}
		return act(true);
	};
	return within(limitMs, tryTwice());
};

/** Rejects with `store_unavailable` when the work takes longer; the work itself cannot be called back. */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
	const late = Promise.withResolvers<never>();
	const timer = setTimeout(
		() => late.reject(new PocketError("store_unavailable", { cause: `MongoDB did not answer within ${limitMs} ms` })),
		limitMs,
	);
	try {
		return await Promise.race([work, late.promise]);
	} finally {
		clearTimeout(timer);
	}
}

/**
 * Inserts one document with an `_id` of ours. A second try that finds it there is a success. `onDuplicate` is given the name of the unique
 * index that refused it, and throws unless that is fine too.
 */
export async function insertOnce(
	takeStep: Step,
	actions: {
		readonly insert: () => Promise<unknown>;
		readonly isThere: () => Promise<boolean>;
		readonly onDuplicate: (index: string) => void;
	},
): Promise<void> {
	await takeStep(async (isRetry) => {
		try {
			await actions.insert();
		} catch (error) {
			const index = duplicateIndex(error);
			if (index === undefined) throw error;
			if (isRetry && (await actions.isThere())) return;
			actions.onDuplicate(index);
		}
	});
}
