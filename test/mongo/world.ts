// What a test of a MongoDB server's faults has around it: a server that may be killed and comes back with its data, the compiled program on
// it, and people who talk to a model.

import { join } from "node:path";
import { scratch } from "../support/binary.ts";
import { findFreePort } from "../support/child.ts";
import type { EventStream } from "../support/event-stream.ts";
import type { ModelServer } from "../support/model-server.ts";
import { type Mongo, startMongo } from "../support/mongo.ts";
import { databaseNameOf, mongoSettings } from "../support/mongo-settings.ts";
import { type Person, startServer, type TestServer } from "../support/server.ts";

export type World = {
	readonly server: TestServer;
	readonly database: string;
	readonly mongo: () => Mongo;
	/** Ends the database server with a signal; its data stays. */
	readonly end: (signal: "SIGKILL" | "SIGTERM") => Promise<void>;
	readonly restart: () => Promise<void>;
	readonly close: () => Promise<void>;
};

/** `undefined` where a server is given that belongs to others. */
export async function openWorld(model: ModelServer): Promise<World | undefined> {
	const options = { dataFile: join(scratch(), "data"), port: await findFreePort() };
	let mongo = await startMongo(options);
	if (mongo.pid === 0) {
		console.warn("MONGODB_TEST_URI names a server that is not ours to kill");
		return undefined;
	}
	const own = mongoSettings(mongo);
	const settings = { ...own, UPSTREAMS: `openai+${model.baseUrl}?slots=200`, MAX_STREAMS_PER_USER: "100" };
	const server = await startServer({ settings: { ...settings, SHUTDOWN_GRACE: "200ms" } });
	return {
		server,
		database: databaseNameOf(own),
		mongo: () => mongo,
		async end(signal) {
			process.kill(mongo.pid, signal);
			await mongo.stop();
		},
		async restart() {
			mongo = await startMongo(options);
		},
		async close() {
			await server.stop();
			await mongo.stop();
		},
	};
}

export type Talk = { readonly sessionId: string; readonly stream: EventStream };

export async function talk(person: Person, prompt: string): Promise<Talk> {
	const sessionId = await person.createSession();
	const stream = await person.stream({ sessionId, prompt });
	await stream.until("token");
	return { sessionId, stream };
}

export function isOverNow(stream: EventStream): boolean {
	const last = stream.events().at(-1)?.type;
	return last === "end" || last === "error";
}

export const readyz = async ({ server }: World): Promise<{ status: number; store: string; afterMs: number }> => {
	const start = performance.now();
	const reply = await fetch(`${server.address}/readyz`);
	const { store }: { store: { status: string } } = JSON.parse(await reply.text());
	return { status: reply.status, store: store.status, afterMs: performance.now() - start };
};
