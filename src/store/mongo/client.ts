// The driver's client as this program uses it, and which database a URI means. What it is asked stands elsewhere.

import { MongoClient, type MongoClientOptions, MongoError } from "mongodb";
import { PocketError } from "../../domain/errors.ts";

/** What is sent to the server, for tests that look at it: the command's name, and its fields. */
export type Watch = (name: string, command: Readonly<Record<string, unknown>>) => void;

const OPTIONS: MongoClientOptions = {
	appName: "pocketllm",
	// What was acknowledged survives the loss of a member and of power. These win over the URI: a promise of ours hangs on them.
	writeConcern: { w: "majority", journal: true },
	// A person reads what was just written.
	readPreference: "primary",
	serverSelectionTimeoutMS: 5_000,
	connectTimeoutMS: 5_000,
	heartbeatFrequencyMS: 5_000,
	waitQueueTimeoutMS: 5_000,
	// Frees connections to a server that hangs; what waits for the answer gives up sooner (access.ts).
	socketTimeoutMS: 30_000,
	maxIdleTimeMS: 300_000,
};

/** Operations are short; a busy server of ours has some dozens under way. The URI may say otherwise. */
const MOST_CONNECTIONS = 50;

export type ClientOptions = {
	readonly watch?: Watch | undefined;
	/** For how long an answer is waited for before the connection is given up; 30 s unless told. */
	readonly socketTimeoutMs?: number | undefined;
	/** Where the address stands, for sentences; MONGODB_URI unless told. */
	readonly setting?: string | undefined;
};

/**
 * A client that has not connected yet. TLS, authentication, replica sets and the size of the pool come through the URI.
 * Codes: `invalid_settings`, without a word of the URI, which may hold a password.
 */
export function createClient(uri: string, { watch, socketTimeoutMs, setting = "MONGODB_URI" }: ClientOptions = {}): MongoClient {
	const hasPoolSize = /[?&]maxPoolSize=/i.test(uri);
	try {
		const client = new MongoClient(uri, {
			...OPTIONS,
			...(socketTimeoutMs !== undefined && { socketTimeoutMS: socketTimeoutMs }),
			...(!hasPoolSize && { maxPoolSize: MOST_CONNECTIONS }),
			monitorCommands: watch !== undefined,
		});
		if (watch !== undefined) client.on("commandStarted", ({ commandName, command }) => watch(commandName, command));
		return client;
	} catch (error) {
		throw new PocketError("invalid_settings", {
			sentence: `${setting} is not a MongoDB address such as mongodb://user:password@host:27017/pocketllm (special characters as %XX), or has an option that there is not.`,
			cause: error instanceof MongoError ? error.name : "not parsed",
		});
	}
}

/** The database that a URI's path names. */
export function databaseInUri(uri: string): string | undefined {
	const path = /^mongodb(?:\+srv)?:\/\/[^/?]*\/([^?]+)/i.exec(uri)?.[1];
	if (path === undefined) return undefined;
	try {
		return decodeURIComponent(path);
	} catch {
		return undefined;
	}
}

/** The servers, for people; never with a user or a password. */
export function hostsOf(client: MongoClient): string {
	const { srvHost, hosts } = client.options;
	return srvHost ?? hosts.map(({ host, port, socketPath }) => socketPath ?? `${host}:${port}`).join(", ");
}
