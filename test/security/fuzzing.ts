// The OpenAPI document in the hands of a fuzzer, as an administrator, as a user and as nobody. Each operation is given a real thing of
// its own as an example, so that calls also reach what lies behind "there is no such thing".

import { type Account, type Gateway, QUICK_HASHES, startGateway } from "../http/gateway.ts";
import { type ApiDocument, type Operation, rowsOf } from "../reference/schema.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { type FuzzFigures, fuzz } from "../support/schemathesis.ts";
import { createThing, type World } from "./things.ts";

export type Caller = "an administrator" | "a user" | "nobody";

export type FuzzedServer = {
	readonly attackAs: (
		caller: Caller,
		options: { readonly examples?: number; readonly seed: number; readonly chainsForSeconds?: number },
	) => Promise<FuzzFigures>;
	readonly gateway: Gateway;
	readonly stop: () => Promise<void>;
};

/** These calls would take the caller's own sign-in away. */
const SIGNS_OUT = ["postAuthLogout", "deleteAuthSessions"];
const MODEL = "small/model";

/** A server with wide limits and a model that answers at once. */
export async function startFuzzedServer(): Promise<FuzzedServer> {
	const model: ModelServer = startModelServer({ tokens: ["Paris", " it is"], models: [MODEL] });
	const gateway = await startGateway({
		settings: { ...QUICK_HASHES, UPSTREAMS: `openai+${model.baseUrl}?slots=64`, MAX_STREAMS_PER_USER: "64" },
	});
	const admin = await gateway.claimSetup();
	const callers: Readonly<Record<Caller, Account | undefined>> = {
		"an administrator": admin,
		"a user": await gateway.signup("anna@box.local"),
		nobody: undefined,
	};
	const document: ApiDocument = JSON.parse((await gateway.call("GET", "/docs/openapi.json")).text);
	const world: World = { gateway, admin, model: MODEL };
	return {
		gateway,
		attackAs: async (caller, options) => {
			const account = callers[caller];
			return fuzz({
				...options,
				address: gateway.address,
				document: await withThings(document, world, account ?? admin),
				...(account === undefined ? {} : { token: account.token }),
				without: account === undefined ? [] : SIGNS_OUT,
			});
		},
		stop: async () => {
			await gateway.stop();
			model.stop();
		},
	};
}

/** The same document, in which every id and session id has an example that is there. */
async function withThings(document: ApiDocument, world: World, owner: Account): Promise<object> {
	const paths: Record<string, Record<string, object>> = {};
	for (const { method, path, operation } of rowsOf(document)) {
		const id = path.includes("{id}") ? encodeURIComponent(await createThing(world, owner, path)) : undefined;
		const parameters = operation.parameters?.map((parameter) => (parameter.in === "path" ? { ...parameter, example: id } : parameter));
		const session = isTurn(operation) ? await createThing(world, owner, "/chat/sessions/") : undefined;
		paths[path] = {
			...paths[path],
			[method.toLowerCase()]: {
				...operation,
				...(parameters === undefined ? {} : { parameters }),
				...(session === undefined ? {} : { requestBody: turnIn(operation, session) }),
			},
		};
	}
	return { ...document, paths };
}

function isTurn({ requestBody }: Operation): boolean {
	return JSON.stringify(requestBody?.content ?? {}).includes('"sessionId"');
}

function turnIn({ requestBody }: Operation, sessionId: string): object {
	const content = Object.entries(requestBody?.content ?? {}).map(([type, media]) => [
		type,
		{ ...media, example: { sessionId, prompt: "What is the capital of France?" } },
	]);
	return { ...requestBody, content: Object.fromEntries(content) };
}
