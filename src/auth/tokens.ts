// Access tokens: HS256 JWTs, short-lived, each naming its login. The only importer of @elysiajs/jwt. Whether the login and the
// account behind a good token still are good is the service's question to the store.

import { jwt } from "@elysiajs/jwt";
import { Elysia } from "elysia";
import { decodeProtectedHeader } from "jose";
import { type Id, parseId } from "../domain/id.ts";
import type { Clock } from "../ports/clock.ts";
import type { KeyRing, SigningKey } from "../ports/keys.ts";

export type AccessClaims = { readonly userId: Id; readonly loginId: Id };

export type TokenMint = {
	/** A token for a login, ending at `expiresAt` (milliseconds since 1970). */
	issue(userId: Id, loginId: Id, expiresAt: number): Promise<string>;
	/** What a token says, or `undefined` when it is not one of ours, was altered, has ended, or serves another purpose. */
	verify(token: string): Promise<AccessClaims | undefined>;
};

const TYPE = "at+jwt";
const ISSUER = "pocketllm";
const AUDIENCE = "pocketllm";
/** Clocks of two machines may differ by this much. */
const SKEW_SECONDS = 60;
/** The longest token we look at; ours have about 400 characters. */
const MAX_LENGTH = 2048;
/** So many good tokens are remembered, half a kilobyte each. */
const REMEMBERED = 2000;

/** A token whose signature was good under this key. It can end, and its key can be taken away; nothing else about it can change. */
type Verified = { readonly claims: AccessClaims; readonly key: SigningKey; readonly expiresAt: number };

type Signer = ReturnType<typeof createSigner>;

/** The mint. Keys are asked from the ring at each use; a signer per key is made once. */
export function createTokenMint({ ring, clock }: { ring: KeyRing; clock: Clock }): TokenMint {
	const signers = new Map<string, Signer>();
	const signerOf = (key: SigningKey): Signer => {
		const name = `${key.kid} ${key.secret}`;
		const signer = signers.get(name) ?? createSigner(key);
		signers.set(name, signer);
		return signer;
	};
	/** A client sends the same token with every request; its signature is computed on another thread, and waited for, once. */
	const verified = new Map<string, Verified>();
	const recall = (token: string): AccessClaims | undefined => {
		const known = verified.get(token);
		if (known === undefined) return undefined;
		const now = clock.now();
		const key = ring.find(known.key.kid);
		const isGood = key?.secret === known.key.secret && !hasEnded(key.verifiesUntil, now) && !hasEnded(known.expiresAt, now);
		if (!isGood) verified.delete(token);
		return isGood ? known.claims : undefined;
	};
	const remember = (token: string, entry: Verified): void => {
		for (const oldest of verified.keys()) {
			if (verified.size < REMEMBERED) break;
			verified.delete(oldest);
		}
		verified.set(token, entry);
	};
	return {
		issue: (userId, loginId, expiresAt) =>
			signerOf(ring.current()).sign({
				sub: userId,
				sid: loginId,
				jti: crypto.randomUUID(),
				scopes: [],
				exp: Math.floor(expiresAt / 1000),
			}),
		verify: async (token) => {
			const known = recall(token);
			if (known !== undefined) return known;
			const key = keyOf(token, ring, clock.now());
			if (key === undefined) return undefined;
			const claims = await signerOf(key).verify(token, {
				algorithms: ["HS256"],
				typ: TYPE,
				issuer: ISSUER,
				audience: AUDIENCE,
				requiredClaims: ["exp", "iat", "sub", "jti", "sid"],
				clockTolerance: SKEW_SECONDS,
				currentDate: new Date(clock.now()),
			});
			if (claims === false || typeof claims.sub !== "string" || typeof claims.sid !== "string") return undefined;
			const userId = parseId(claims.sub);
			const loginId = parseId(claims.sid);
			if (userId === undefined || loginId === undefined || claims.exp === undefined) return undefined;
			remember(token, { claims: { userId, loginId }, key, expiresAt: claims.exp * 1000 });
			return { userId, loginId };
		},
	};
}

/** The key that a token's header names; nothing for headers that carry or point to keys of their own (RFC 8725, section 3.10). */
function keyOf(token: string, ring: KeyRing, now: number): SigningKey | undefined {
	if (token.length > MAX_LENGTH) return undefined;
	let header: ReturnType<typeof decodeProtectedHeader>;
	try {
		header = decodeProtectedHeader(token);
	} catch {
		return undefined;
	}
	if (header.alg !== "HS256" || typeof header.kid !== "string") return undefined;
	if (["jku", "jwk", "x5u", "x5c", "crit"].some((name) => name in header)) return undefined;
	const key = ring.find(header.kid);
	return key === undefined || hasEnded(key.verifiesUntil, now) ? undefined : key;
}

function hasEnded(at: number | null, now: number): boolean {
	return at !== null && at + SKEW_SECONDS * 1000 <= now;
}

function createSigner(key: SigningKey) {
	// The plugin is one key per instance; its decorator is all that is needed of it here.
	return new Elysia().use(jwt({ name: "signer", secret: key.secret, kid: key.kid, alg: "HS256", typ: TYPE, iss: ISSUER, aud: AUDIENCE }))
		.decorator.signer;
}
