// Passwords: how they are hashed, verified and judged. The only place that hashes. Unless the settings say otherwise a hash costs 64 MiB
// and a tenth of a second of a core, so a bounded number runs at once, and a bounded number waits.

import { PocketError } from "../domain/errors.ts";
import { loadKnownPasswords } from "./known-passwords.ts";

export type Passwords = {
	/** An argon2id hash (PHC form) of the whole password in NFC; or bcrypt of its first 72 bytes as typed. Codes: `busy`. */
	hash(password: string): Promise<string>;
	/** Whether it is this password. With no hash the same work is done and the answer is no. Codes: `busy`. */
	verify(password: string, hash: string | undefined): Promise<boolean>;
	/** Whether a hash should be replaced by a new one at the next good login: it has another form than new ones, or is weaker. */
	isOutdated(hash: string): boolean;
	/** As `Judge`. */
	problem(password: string): Promise<string | undefined>;
};

/** Accepted whole, in characters. */
export const PASSWORD_MAX_LENGTH = 1024;

/** How new passwords are hashed. */
export type Hashing = {
	/** `bcrypt`: as the old gateway did, so that it can be put back. */
	readonly form: "argon2id" | "bcrypt";
	/** Of argon2id, in bytes. */
	readonly memory: number;
	readonly passes: number;
	/** Hashes at the same time; each takes a thread and its memory. */
	readonly atOnce: number;
};

/** OWASP's first recommendation beyond the minimum: 64 MiB, two passes. */
export const STANDARD_HASHING: Hashing = { form: "argon2id", memory: 64 * 1024 * 1024, passes: 2, atOnce: 2 };

const WAITING = 100;
/** The old gateway's. */
const BCRYPT_COST = 12;
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

export function createPasswords({ minLength, hashing }: { readonly minLength: number; readonly hashing: Hashing }): Passwords {
	const inTurn = createTurnstile(hashing.atOnce, WAITING);
	let dummy: Promise<string> | undefined;
	return {
		hash: (password) => inTurn(() => makeHash(password, hashing)),
		verify: (password, hash) =>
			inTurn(async () => {
				// Unknown addresses cost what known ones do. The hash is of nothing anybody can type.
				dummy ??= makeHash(crypto.randomUUID(), hashing);
				const isRight = await verifyHash(password, hash ?? (await dummy));
				if (isRight || hash === undefined) return isRight && hash !== undefined;
				await makeUpFor(hash, hashing);
				return false;
			}),
		isOutdated: (hash) => !isAsStrong(hash, hashing),
		problem: async (password) => (await loadJudge(minLength))(password),
	};
}

function makeHash(password: string, { form, memory, passes }: Hashing): Promise<string> {
	if (form === "bcrypt") return Bun.password.hash(bcryptInput(password), { algorithm: "bcrypt", cost: BCRYPT_COST });
	return Bun.password.hash(password.normalize("NFC"), {
		algorithm: "argon2id",
		memoryCost: Math.floor(memory / 1024),
		timeCost: passes,
	});
}

/**
 * A hash from before the settings asked for more costs less than one of today, and an unknown address costs one of today: the rest is spent
 * here, or the time would tell that the account exists. The cost of argon2id is proportional to memory times passes.
 */
async function makeUpFor(hash: string, { form, memory, passes }: Hashing): Promise<void> {
	const cost = costOf(hash);
	if (form !== "argon2id" || cost === undefined) return;
	const missing = (memory / 1024) * passes - cost.kibibytes * cost.passes;
	const kibibytes = Math.floor(missing / passes);
	if (kibibytes >= ARGON2_LEAST_KIBIBYTES) await Bun.password.hash("-", { algorithm: "argon2id", memoryCost: kibibytes, timeCost: passes });
}

const ARGON2_LEAST_KIBIBYTES = 8;

/** Of an argon2id hash. */
function costOf(hash: string): { readonly kibibytes: number; readonly passes: number } | undefined {
	const [, m, t] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),/.exec(hash) ?? [];
	return m === undefined ? undefined : { kibibytes: Number(m), passes: Number(t) };
}

/** Whether a hash has the form that is wanted, and at least the memory and the passes. */
function isAsStrong(hash: string, { form, memory, passes }: Hashing): boolean {
	if (form === "bcrypt") return BCRYPT.test(hash);
	const cost = costOf(hash);
	return cost !== undefined && cost.kibibytes >= Math.floor(memory / 1024) && cost.passes >= passes;
}

const BCRYPT = /^\$2[abxy]\$/;

/** Bun does not cut what it gives bcrypt; the old gateway did, at 72 bytes of what was typed, also in the middle of a character. */
function bcryptInput(password: string): Uint8Array {
	return Buffer.from(password, "utf8").subarray(0, BCRYPT_BYTES);
}

async function verifyHash(password: string, hash: string): Promise<boolean> {
	try {
		if (BCRYPT.test(hash)) return await Bun.password.verify(bcryptInput(password), hash);
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
