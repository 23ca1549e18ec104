// Passwords: how they are hashed, verified and judged. The only place that hashes. Hashing costs 64 MiB and a tenth of a second of a
// core, so a bounded number runs at once, and a bounded number waits.

import { PocketError } from "../domain/errors.ts";
import { loadKnownPasswords } from "./known-passwords.ts";

export type Passwords = {
	/** An argon2id hash (PHC form) of the whole password in NFC. Codes: `busy`. */
	hash(password: string): Promise<string>;
	/** Whether it is this password. With no hash the same work is done and the answer is no. Codes: `busy`. */
	verify(password: string, hash: string | undefined): Promise<boolean>;
	/** Whether a hash should be replaced by a new one at the next good login. */
	isOutdated(hash: string): boolean;
	/** As `Judge`. */
	problem(password: string): Promise<string | undefined>;
};

/** Accepted whole, in characters. */
export const PASSWORD_MAX_LENGTH = 1024;

/** OWASP's first recommendation beyond the minimum: 64 MiB, two passes. */
const ARGON2ID = { algorithm: "argon2id", memoryCost: 65_536, timeCost: 2 } as const;
const AT_ONCE = 2;
const WAITING = 100;
/** What bcrypt of the old gateway looked at. */
const BCRYPT_BYTES = 72;

/** Says what is wrong with a new password, as the rest of a sentence: "must have at least …"; `undefined` when nothing is. */
export type Judge = (password: string) => string | undefined;

/** The rules of new passwords: length, and a list of common ones, which is loaded here. */
export async function loadJudge(minLength: number): Promise<Judge> {
	const isCommon = await loadKnownPasswords();
	return (password) => {
		const length = [...password.normalize("NFC")].length;
		if (length < minLength) return `must have at least ${minLength} characters`;
		if (length > PASSWORD_MAX_LENGTH) return `must have at most ${PASSWORD_MAX_LENGTH} characters`;
		return isCommon(password) ? "is one of the most common passwords; choose another" : undefined;
	};
}

export function createPasswords({ minLength }: { minLength: number }): Passwords {
	const inTurn = createTurnstile(AT_ONCE, WAITING);
	let dummy: Promise<string> | undefined;
	return {
		hash: (password) => inTurn(() => Bun.password.hash(password.normalize("NFC"), ARGON2ID)),
		verify: (password, hash) =>
			inTurn(async () => {
				// Unknown addresses cost what known ones do. The hash is of nothing anybody can type.
				dummy ??= Bun.password.hash(crypto.randomUUID(), ARGON2ID);
				const isRight = await verifyHash(password, hash ?? (await dummy));
				return isRight && hash !== undefined;
			}),
		isOutdated: (hash) => !hash.startsWith(`$argon2id$v=19$m=${ARGON2ID.memoryCost},t=${ARGON2ID.timeCost},`),
		problem: async (password) => (await loadJudge(minLength))(password),
	};
}

async function verifyHash(password: string, hash: string): Promise<boolean> {
	try {
		// Bun does not cut what it gives bcrypt; the old gateway did, at 72 bytes of what was typed, also in the middle of a character.
		if (/^\$2[abxy]\$/.test(hash)) return await Bun.password.verify(Buffer.from(password, "utf8").subarray(0, BCRYPT_BYTES), hash);
		if (hash.startsWith("$argon2")) return await Bun.password.verify(password.normalize("NFC"), hash);
		return false;
	} catch {
		// A malformed hash in the store: nobody can have typed its password.
		return false;
	}
}

/** At most `atOnce` jobs run, at most `waiting` wait; beyond that `busy`. */
function createTurnstile(atOnce: number, waiting: number) {
	let running = 0;
	const queue: (() => void)[] = [];
	return async <T>(job: () => Promise<T>): Promise<T> => {
		if (running < atOnce) running += 1;
		else {
			if (queue.length >= waiting) throw new PocketError("busy", { retryAfter: 5 });
			// Whoever ends hands its place over, so that nobody who comes meanwhile takes it.
			await new Promise<void>((resolve) => queue.push(resolve));
		}
		try {
			return await job();
		} finally {
			const next = queue.shift();
			if (next === undefined) running -= 1;
			else next();
		}
	};
}
