// Why Redis cannot be used, in words for the operator. The client's own errors are never logged as they are: those of a command carry
// its arguments, and the one of a refused password carries the password.

const BY_CODE: Readonly<Record<string, string>> = {
	ECONNREFUSED: "nothing listens there",
	ENOTFOUND: "its name is not known",
	EAI_AGAIN: "its name cannot be looked up",
	ETIMEDOUT: "it cannot be reached",
	EHOSTUNREACH: "it cannot be reached",
	ENETUNREACH: "it cannot be reached",
	ECONNRESET: "it closed the connection",
};

/** The first word of Redis's own error answers. */
const BY_WORD: Readonly<Record<string, string>> = {
	WRONGPASS: "it refuses the user or the password in REDIS_URL",
	NOAUTH: "it wants a password, and REDIS_URL has none",
	NOPERM: "the user in REDIS_URL may not use these keys, channels or commands",
	READONLY: "it is a replica and takes no writes",
	OOM: "its memory is full",
	MISCONF: "it cannot save to its disk and takes no writes",
	LOADING: "it is still loading its data",
	MASTERDOWN: "its master is down",
};

/** A short reason without any value of a setting. */
export function reasonOf(error: unknown): string {
	if (!(error instanceof Error)) return "unknown";
	const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
	if (code !== undefined) return BY_CODE[code] ?? `the connection failed (${code})`;
	const word = /^[A-Z]{2,20}\b/.exec(error.message)?.[0];
	if (word === "ERR" && /invalid password/i.test(error.message)) return BY_WORD.WRONGPASS ?? "";
	if (word === "ERR" && /DB index/i.test(error.message)) return "it has no database of the number in REDIS_URL";
	if (word !== undefined) return BY_WORD[word] ?? `it answered ${word}`;
	return "it does not answer";
}
