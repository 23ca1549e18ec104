// The keys that sign access tokens. Where they are kept is an adapter's matter.

export type SigningKey = {
	/** Names the key in a token's header. */
	readonly kid: string;
	/** At least 32 bytes. Secret. */
	readonly secret: string;
	/** After this time the key verifies nothing any more (milliseconds since 1970); `null`: no end. */
	readonly verifiesUntil: number | null;
};

/** The keys in force at this moment; asked at each use, since another process may rotate them. */
export type KeyRing = {
	/** The key that signs. */
	current(): SigningKey;
	find(kid: string): SigningKey | undefined;
};
