// The way to the server and its database, before anything is asked of it: waited for, and refused in words of ours.

import type { MongoClient } from "mongodb";
import { PocketError } from "../../domain/errors.ts";
import { type Access, type CollectionNames, createAccess, openCollections } from "./access.ts";
import { createClient, databaseInUri, hostsOf, type Watch } from "./client.ts";
import { isAway, isRefusedLogin, isUnresolved, isUntrusted, translate } from "./errors.ts";

/** Where the data is. */
export type MongoPlace = {
	/** `mongodb://` or `mongodb+srv://`; TLS and authentication stand in it. Secret. */
	readonly uri: string;
	/** The database, unless the URI's path names one. */
	readonly database: string;
	readonly collections: CollectionNames;
	/** Where the URI stands, for sentences; MONGODB_URI unless told. */
	readonly setting?: string;
};

export type ConnectOptions = {
	/** For how long a server that is away is waited for; one look (5 s) unless told. */
	readonly waitMs?: number;
	/** Told once, when the first look found nobody: who is waited for. */
	readonly onWait?: (hosts: string) => void;
	/** Ends the waiting with `cancelled`. */
	readonly signal?: AbortSignal;
	/** For how long an answer is waited for before the connection is given up; 30 s unless told. */
	readonly socketTimeoutMs?: number;
	/** Sees every command that is sent; for tests. */
	readonly watch?: Watch;
};

export type Connection = {
	readonly access: Access;
	/** Servers and database, for people: nothing of who signs in. */
	readonly location: string;
	close(): Promise<void>;
};

const PAUSE_MS = 250;

/**
 * Connects. Codes: `invalid_settings` (no MongoDB address), `not_permitted` (user or password refused), `store_unavailable` (with the hosts),
 * `cancelled`.
 */
export async function connect(place: MongoPlace, options: ConnectOptions = {}): Promise<Connection> {
	const { setting = "MONGODB_URI" } = place;
	const client = createClient(place.uri, { watch: options.watch, socketTimeoutMs: options.socketTimeoutMs, setting });
	try {
		const name = databaseInUri(place.uri) ?? place.database;
		const access = createAccess(openCollections(databaseOf(client, name, setting), place.collections));
		await reach(client, setting, options);
		return { access, location: `${hostsOf(client)}/${name}`, close: () => client.close() };
	} catch (error) {
		await client.close();
		throw error;
	}
}

/** The one in the URI's path was looked at by nobody yet. */
function databaseOf(client: MongoClient, name: string, setting: string) {
	try {
		return client.db(name);
	} catch (error) {
		throw new PocketError("invalid_settings", {
			sentence: `The path of ${setting}, or MONGODB_DB, is no name of a database; give one such as pocketllm.`,
			cause: translate(error),
		});
	}
}

async function reach(client: MongoClient, setting: string, { waitMs = 0, onWait, signal }: ConnectOptions): Promise<void> {
	const cancelled = Promise.withResolvers<never>();
	const cancel = (): void => cancelled.reject(new PocketError("cancelled"));
	// Between two races nobody listens.
	cancelled.promise.catch(() => undefined);
	if (signal?.aborted) cancel();
	signal?.addEventListener("abort", cancel);
	try {
		await lookUntil(client, { setting, deadline: performance.now() + waitMs, onWait, cancelled: cancelled.promise });
	} finally {
		signal?.removeEventListener("abort", cancel);
	}
}

type Waiting = {
	readonly setting: string;
	readonly deadline: number;
	readonly onWait: ConnectOptions["onWait"];
	readonly cancelled: Promise<never>;
};

async function lookUntil(client: MongoClient, { setting, deadline, onWait, cancelled }: Waiting): Promise<void> {
	for (let looks = 1; ; looks += 1) {
		try {
			await Promise.race([look(client), cancelled]);
			return;
		} catch (error) {
			if (error instanceof PocketError) throw error;
			if (isRefusedLogin(error)) throw refused(client, setting, error);
			if (isUntrusted(error)) throw untrusted(client, setting, error);
			if (!isAway(error) && !isUnresolved(error)) throw unusable(client, setting, error);
			if (performance.now() >= deadline) throw away(client, setting, error);
			if (looks === 1) onWait?.(hostsOf(client));
		}
		await Promise.race([Bun.sleep(PAUSE_MS), cancelled]);
	}
}

async function look(client: MongoClient): Promise<void> {
	await client.connect();
	// A connection alone does not show that the user may do anything.
	await client.db("admin").command({ ping: 1 });
}

function refused(client: MongoClient, setting: string, error: unknown): PocketError {
	return new PocketError("not_permitted", {
		sentence: `MongoDB at ${hostsOf(client)} refuses the user or the password of ${setting}. Check both, and authSource.`,
		cause: translate(error),
	});
}

function away(client: MongoClient, setting: string, error: unknown): PocketError {
	// Servers of another replica set, or of none, are passed over like such as are down.
	const replicaSet = client.options.replicaSet ? ", also its replicaSet" : "";
	return new PocketError("store_unavailable", {
		sentence: `MongoDB at ${hostsOf(client)} cannot be reached. Check ${setting}${replicaSet}, and that the server runs and is reachable from here.`,
		cause: translate(error),
	});
}

function untrusted(client: MongoClient, setting: string, error: unknown): PocketError {
	return new PocketError("store_unavailable", {
		sentence: `The certificate of MongoDB at ${hostsOf(client)} is not trusted. Name its authority's file with tlsCAFile in ${setting}, or renew it.`,
		cause: translate(error),
	});
}

/** Such as a server that is too old, or a certificate file that is not there. */
function unusable(client: MongoClient, setting: string, error: unknown): PocketError {
	return new PocketError("store_unavailable", {
		sentence: `MongoDB at ${hostsOf(client)} cannot be used with these settings. Check the options in ${setting} and the server's version.`,
		cause: translate(error),
	});
}
