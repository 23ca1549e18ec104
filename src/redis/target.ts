// Where a Redis is: its URL taken apart. No option of a client comes from the URL, so none can undo the deadlines.

export type RedisTarget = {
	readonly host: string;
	readonly port: number;
	readonly username?: string;
	readonly password?: string;
	/** The number of the database. */
	readonly database: number;
	readonly tls: boolean;
};

/** Takes `redis://` and `rediss://` URLs that the setting's parser let through. */
export function targetOf(text: string): RedisTarget {
	const url = new URL(text);
	return {
		host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
		port: url.port === "" ? 6379 : Number(url.port),
		...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
		...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
		database: Number(url.pathname.slice(1)),
		tls: url.protocol === "rediss:",
	};
}
