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

type Signer = ReturnType<typeof createSigner>;

/** The mint. Keys are asked from the ring at each use; a signer per key is made once. */
export function createTokenMint({ ring, clock }: { ring: KeyRing; clock: Clock }): TokenMint {
	const signers = new Map<string, Signer>();
	const signerOf = (key: SigningKey): Signer => {
		const known = signers.get(key.kid);
		if (known !== undefined) return known;
		const signer = createSigner(key);
		signers.set(key.kid, signer);
		return signer;
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
			return userId === undefined || loginId === undefined ? undefined : { userId, loginId };
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
	const hasEnded = key?.verifiesUntil != null && key.verifiesUntil + SKEW_SECONDS * 1000 < now;
	return hasEnded ? undefined : key;
}

function createSigner(key: SigningKey) {
	// The plugin is one key per instance; its decorator is all that is needed of it here.
	return new Elysia().use(jwt({ name: "signer", secret: key.secret, kid: key.kid, alg: "HS256", typ: TYPE, iss: ISSUER, aud: AUDIENCE }))
		.decorator.signer;
}
