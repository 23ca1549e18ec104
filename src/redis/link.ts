// The connection to Redis, and the breaker in front of it: whoever asks gets an answer within the deadline or none, and while Redis is
// away nobody waits at all. It is looked for once a second and used again as soon as a write works there.

import { isIP } from "node:net";
import { Redis } from "ioredis";
import type { Log } from "../ports/log.ts";
import { reasonOf } from "./reasons.ts";
import { type RedisTarget, targetOf } from "./target.ts";

/** For one attempt. */
const DEADLINE_MS = 150;
const LOOK_EVERY_MS = 1000;
/** So many looks in vain, and a new connection is made: the old one may lead nowhere. */
const LOOKS_PER_CONNECTION = 3;
/** What a start waits for the first answer. */
const FIRST_ANSWER_MS = 500;

export type RedisLink = {
	/** For adapters that send commands themselves, always within `attempt`. */
	readonly client: Redis;
	/** A key of this installation; its parts are joined by colons. */
	key(...parts: readonly string[]): string;
	/** A pub/sub channel of this installation. Channels know no databases, so the database's number is part of the name. */
	channel(...parts: readonly string[]): string;
	/** Another connection to the same place, for subscriptions. The caller ends it. */
	createSubscriber(): Redis;
	/**
	 * What `work` gives, or `undefined`: at once while Redis is away, within 150 ms when it goes away now. `work` is to be one round trip.
	 * Never rejects.
	 */
	attempt<T>(work: () => Promise<T>): Promise<T | undefined>;
	isThere(): boolean;
	/** How often it went away; whatever was kept there may be gone since. */
	losses(): number;
	/** `host:port`, for a person. */
	readonly address: string;
	close(): void;
};

export type LinkOptions = {
	/** `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. */
	readonly url: string;
	/** What all keys and channels begin with. */
	readonly prefix: string;
	readonly log: Log;
};

/** Connects, and waits half a second at most for the first answer: a server starts without its Redis, and says so. */
export async function openRedis({ url, prefix, log }: LinkOptions): Promise<RedisLink> {
	const target = targetOf(url);
	const client = createClient(target);
	const address = `${target.host}:${target.port}`;
	let state: "unknown" | "there" | "away" = "unknown";
	let losses = 0;
	/** What the client said last of a connection that failed. */
	let lastError: unknown;
	let looksInVain = 0;
	const refusals = new Set<string>();

	const lose = (error: unknown): void => {
		if (state === "away") return;
		if (state === "there") losses += 1;
		state = "away";
		log.warn({ redis: address, reason: reasonOf(error) }, "Redis cannot be used; this process counts and decides alone until it is back");
	};
	const find = (): void => {
		if (state === "there") return;
		log.info({ redis: address }, state === "away" ? "Redis is back" : "Redis is there");
		state = "there";
		looksInVain = 0;
	};

	client.on("error", (error: unknown) => {
		lastError = error;
	});
	client.on("connecting", () => {
		lastError = undefined;
	});
	client.on("close", () => lose(lastError ?? new Error("the connection was closed")));

	/** It answers, but not this: whether it can still count is looked at; what it refuses is told once. */
	const refuse = (error: Error): void => {
		const reason = reasonOf(error);
		look().catch(lose);
		if (refusals.has(reason)) return;
		refusals.add(reason);
		log.warn({ redis: address, reason }, "Redis refused a command");
	};

	const attempt: RedisLink["attempt"] = async (work) => {
		if (state !== "there") return undefined;
		try {
			return await withinDeadline(work());
		} catch (error) {
			if (isRefusal(error)) refuse(error);
			else lose(error);
			return undefined;
		}
	};

	/** A write, because a Redis that is full, or a replica, answers reads and can count nothing. */
	const probe = () => client.set(keyOf(prefix, "probe"), "1", "PX", LOOK_EVERY_MS);

	const look = async (): Promise<void> => {
		try {
			// The client would go on in database 0, which may be another installation's.
			if (lastError instanceof Error && lastError.message.includes("DB index")) throw lastError;
			await withinDeadline(probe());
			find();
		} catch (error) {
			// Not being connected is only a consequence.
			lose(client.status === "ready" ? error : (lastError ?? error));
			looksInVain += 1;
			if (looksInVain % LOOKS_PER_CONNECTION === 0) client.disconnect(true);
		}
	};

	const first = Promise.withResolvers<void>();
	client.once("ready", () => look().then(first.resolve, first.resolve));
	client.once("close", () => first.resolve());
	client.connect().catch(() => {
		// It goes on trying; `error` and `close` tell why it did not work.
	});
	await Promise.race([first.promise, Bun.sleep(FIRST_ANSWER_MS)]);
	if (state === "unknown") lose(lastError ?? new DeadlinePassed());
	const timer = setInterval(() => {
		look().catch((error: unknown) => log.error({ err: error }, "the look for Redis failed"));
	}, LOOK_EVERY_MS);

	return {
		client,
		key: (...parts) => keyOf(prefix, ...parts),
		channel: (...parts) => keyOf(prefix, `database ${target.database}`, ...parts),
		createSubscriber: () => createClient(target),
		attempt,
		isThere: () => state === "there",
		losses: () => losses,
		address,
		close: () => {
			clearInterval(timer);
			client.removeAllListeners("close");
			client.disconnect();
		},
	};
}

/** An error that Redis answered with, in place of one of the connection. */
function isRefusal(error: unknown): error is Error {
	return error instanceof Error && error.name === "ReplyError";
}

class DeadlinePassed extends Error {}

/** Rejects after the deadline. An answer that waits in the socket while this process was busy still counts: it is read first. */
async function withinDeadline<T>(work: Promise<T>): Promise<T> {
	return await new Promise((resolve, reject) => {
		const timer = setTimeout(() => setImmediate(() => setImmediate(() => reject(new DeadlinePassed()))), DEADLINE_MS);
		work.then(resolve, reject).finally(() => clearTimeout(timer));
	});
}

function keyOf(...parts: readonly string[]): string {
	return parts.join(":");
}

function createClient({ host, port, username, password, database, tls }: RedisTarget): Redis {
	return new Redis({
		host,
		port,
		...(username === undefined ? {} : { username }),
		...(password === undefined ? {} : { password }),
		...(tls ? { tls: isIP(host) === 0 ? { servername: host } : {} } : {}),
		db: database,
		// Also for servers before Redis 6; nothing here needs the other one.
		protocol: 2,
		disableClientInfo: true,
		lazyConnect: true,
		// Nothing is kept for later: what could not be sent is decided without Redis.
		enableOfflineQueue: false,
		autoResendUnfulfilledCommands: false,
		maxRetriesPerRequest: 0,
		connectTimeout: 2000,
		disconnectTimeout: 200,
		retryStrategy: () => 500,
	});
}
