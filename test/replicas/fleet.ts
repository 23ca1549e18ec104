// Several compiled servers that are one service: one database, one Redis, one scripted model server.

import { type ModelServer, type ModelServerOptions, startModelServer } from "../support/model-server.ts";
import type { Mongo } from "../support/mongo.ts";
import { mongoSettings } from "../support/mongo-settings.ts";
import type { Redis } from "../support/redis.ts";
import { eventually, type Person, startServer, type TestServer } from "../support/server.ts";

export type Fleet = AsyncDisposable & {
	readonly servers: readonly TestServer[];
	readonly model: ModelServer;
	/** The server of this number. */
	readonly at: (index: number) => TestServer;
	/** A new person with a new session, made at the first server. */
	readonly visitor: () => Promise<{ person: Person; sessionId: string }>;
	/** One more server with the same settings. */
	readonly add: () => Promise<TestServer>;
};

export type FleetOptions = {
	readonly mongo: Mongo;
	readonly redis: Pick<Redis, "url">;
	readonly count: number;
	readonly settings?: Readonly<Record<string, string>>;
	readonly model?: ModelServerOptions;
	/** What stands behind the model server's URL, such as `?slots=1`. */
	readonly query?: string;
};

export async function openFleet({ mongo, redis, count, settings, model: modelOptions, query = "" }: FleetOptions): Promise<Fleet> {
	const model = startModelServer(modelOptions);
	const all = {
		...mongoSettings(mongo),
		REDIS_URL: redis.url,
		REDIS_PREFIX: `test:${crypto.randomUUID()}`,
		UPSTREAMS: `openai+${model.baseUrl}${query}`,
		...settings,
	};
	const servers: TestServer[] = [];
	const add = async (): Promise<TestServer> => {
		const server = await startServer({ settings: all });
		servers.push(server);
		await eventually("it hears the others", async () => (await fetch(`${server.address}/readyz`)).ok);
		return server;
	};
	for (let index = 0; index < count; index += 1) await add();
	const at = (index: number): TestServer => {
		const server = servers[index];
		if (server === undefined) throw new Error(`there is no server ${index}`);
		return server;
	};
	return {
		servers,
		model,
		at,
		add,
		visitor: async () => {
			const person = await at(0).signup();
			return { person, sessionId: await person.createSession() };
		},
		[Symbol.asyncDispose]: async () => {
			// First the model, so that no answer holds a shutdown up.
			model.stop();
			await Promise.all(servers.map((server) => server.stop()));
		},
	};
}
