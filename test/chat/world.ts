// What a test of the chat has around it: a scripted model server, the real program connected to it, and somebody with a new session.

import { afterAll, beforeAll, setDefaultTimeout } from "bun:test";
import { type ModelServer, type ModelServerOptions, startModelServer } from "../support/model-server.ts";
import { type Person, startServer, type TestServer } from "../support/server.ts";

export type World = {
	readonly server: TestServer;
	readonly model: ModelServer;
	/** A new person with a new session. */
	readonly visitor: () => Promise<{ person: Person; sessionId: string }>;
};

export type WorldOptions = {
	readonly settings?: Readonly<Record<string, string>>;
	readonly model?: ModelServerOptions;
	/** What stands behind the model server's URL, such as `?slots=1`. */
	readonly query?: string;
};

/** One world for the tests of a `describe` or a file; starts before the first and ends after the last. */
export function useWorld(options: WorldOptions = {}): World {
	setDefaultTimeout(60_000);
	let world: (World & { end: () => Promise<void> }) | undefined;
	const current = () => {
		if (world === undefined) throw new Error("the world is there within tests only");
		return world;
	};
	beforeAll(async () => {
		world = await openWorld(options);
	});
	afterAll(async () => {
		await world?.end();
	});
	return {
		get server() {
			return current().server;
		},
		get model() {
			return current().model;
		},
		visitor: () => current().visitor(),
	};
}

/** One world for one test, which ends it. */
export async function openWorld({
	settings,
	model: modelOptions,
	query = "",
}: WorldOptions = {}): Promise<World & { end: () => Promise<void> } & AsyncDisposable> {
	const model = startModelServer(modelOptions);
	const server = await startServer({ settings: { UPSTREAMS: `openai+${withKey(model.baseUrl, modelOptions?.key)}${query}`, ...settings } });
	const end = async () => {
		// First the model, so that no answer holds the server's shutdown up.
		model.stop();
		await server.stop();
	};
	return { server, model, visitor: () => visitorOf(server), end, [Symbol.asyncDispose]: end };
}

export async function visitorOf(server: TestServer): Promise<{ person: Person; sessionId: string }> {
	const person = await server.signup();
	return { person, sessionId: await person.createSession() };
}

/** The URL with the key as its password, as UPSTREAMS takes it. */
function withKey(url: string, key: string | undefined): string {
	return key === undefined ? url : url.replace("://", `://:${key}@`);
}
