// One-time secrets that are given to a person and stored as a hash: refresh tokens, reset tokens, the setup token.

/** 256 random bits in base64url, 43 characters. */
export function newSecret(): string {
	return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
}

/** A password that nobody guesses: 24 characters, 144 random bits. */
export function generatePassword(): string {
	return newSecret().slice(0, 24);
}

/** SHA-256 in hexadecimal: what is stored of a secret that is random enough not to need more. */
export function hashSecret(secret: string): string {
	return new Bun.CryptoHasher("sha256").update(secret).digest("hex");
}

/** The successor of a refresh token in the family with this seed: the same for the same token, and not to be guessed without it. */
export function successorOf(seed: string, token: string): string {
	return new Bun.CryptoHasher("sha256", seed).update(token).digest("base64url");
}

/** Compares in a time that does not depend on where two texts differ. */
export function equalSecrets(a: string, b: string): boolean {
	return crypto.timingSafeEqual(Buffer.from(hashSecret(a)), Buffer.from(hashSecret(b)));
}

/** Short marks of texts: equal for equal ones as long as this process lives, and of no use for guessing what was marked afterwards. */
export function keyedMark(): (text: string) => string {
	const key = newSecret();
	return (text) => new Bun.CryptoHasher("sha256", key).update(text).digest("hex").slice(0, 8);
}
