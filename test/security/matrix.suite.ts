// Line 9, for every operation of the OpenAPI document, aimed at things that are really there: nobody, others, keys and former administrators.
// What an address names is made by things.ts, which throws for a route that it does not know.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { type Account, type Gateway, QUICK_HASHES, type Reply, startGateway } from "../http/gateway.ts";
import { type ApiDocument, type Row, rowsOf } from "../reference/schema.ts";
import { type ModelServer, startModelServer } from "../support/model-server.ts";
import { attack } from "./table.ts";
import { createThing, type World } from "./things.ts";

describe("the access table, attacked", () => {
	const UNKNOWN = "0123456789abcdef01234567";
	let model: ModelServer;
	let gateway: Gateway;
	let world: World;
	let anna: Account;
	let bert: Account;
	let rows: readonly Row[];
	beforeAll(async () => {
		model = startModelServer();
		gateway = await startGateway({ settings: { ...QUICK_HASHES, UPSTREAMS: `openai+${model.baseUrl}`, MAX_STREAMS_PER_USER: "8" } });
		world = { gateway, admin: await gateway.claimSetup(), model: "fake" };
		anna = await gateway.signup("anna@box.local");
		bert = await gateway.signup("bert@box.local");
		const document: ApiDocument = JSON.parse((await gateway.call("GET", "/docs/openapi.json")).text);
		rows = rowsOf(document);
	}, 60_000);
	afterAll(async () => {
		await gateway.stop();
		model.stop();
	}, 30_000);

	/** A body that the operation takes: its own example, else an empty one. */
	function bodyOf({ method, operation }: Row): object | undefined {
		if (method === "GET") return undefined;
		const example = operation.requestBody?.content["application/json"]?.example;
		return typeof example === "object" && example !== null ? example : {};
	}
	const ask = (row: Row, id: string, token: string | undefined): Promise<Reply> =>
		gateway.root(row.method, row.path.replace("{id}", encodeURIComponent(id)), { token, body: bodyOf(row) });
	const thing = (row: Row, owner: Account) => (row.path.includes("{id}") ? createThing(world, owner, row.path) : Promise.resolve(""));
	/** All that belongs to a person; when logins and keys were last used, and that this was read, is left out. */
	const everythingOf = async ({ id }: Account) => {
		const text = (await gateway.call("GET", `/admin/users/${id}/export`, { token: world.admin.token })).text;
		return text.replace(/"(lastUsedAt|exportedAt)":("[^"]*"|null)/g, "").replace(/\{[^{}]*"data_exported"[^{}]*\},?\s*/g, "");
	};

	attack(9, "nobody, with a token in every wrong place, on every guarded operation and a thing that is there", async () => {
		const guarded = rows.filter(({ operation }) => operation["x-access"] !== "anonymous");
		expect(guarded.length).toBeGreaterThan(50);
		let inputs = 0;
		for (const row of guarded) {
			const id = await thing(row, anna);
			const path = row.path.replace("{id}", encodeURIComponent(id));
			const body = bodyOf(row);
			const misplaced = [
				{},
				{ headers: { authorization: world.admin.token } },
				{ headers: { authorization: `Basic ${btoa(`${anna.email}:${world.admin.token}`)}` } },
				{
					headers: {
						authorization: `Token ${world.admin.token}`,
						"x-access-token": world.admin.token,
						cookie: `token=${world.admin.token}`,
					},
				},
				{ token: world.admin.refreshToken },
				{ headers: { "x-http-method-override": "GET", "x-original-url": "/healthz", "x-rewrite-url": "/healthz" } },
			];
			for (const call of misplaced) {
				const reply = await gateway.root(row.method, `${path}?token=${world.admin.token}&access_token=${world.admin.token}`, {
					body,
					...call,
				});
				inputs += 1;
				expect([row.method, row.path, reply.status, reply.headers.has("www-authenticate")]).toEqual([row.method, row.path, 401, true]);
			}
		}
		return { inputs, held: `401 on all ${guarded.length}, with WWW-Authenticate` };
	});

	attack(9, "another person, and an administrator, at one's own session, message, generation, key and login", async () => {
		const owned = rows.filter(
			({ path, operation }) => operation["x-access"] === "user" && path.includes("{id}") && !path.includes("/models/"),
		);
		expect(owned.length).toBeGreaterThan(14);
		const things: (readonly [Row, string])[] = [];
		for (const row of owned) things.push([row, await thing(row, anna)]);
		const before = await everythingOf(anna);
		let inputs = 0;
		for (const [row, id] of things) {
			for (const { token } of [bert, world.admin]) {
				const none = await ask(row, UNKNOWN, token);
				for (const theirs of [await ask(row, id, token), await ask(row, id.toUpperCase(), token)]) {
					inputs += 1;
					const seen = [row.method, row.path, theirs.status, theirs.at("code"), theirs.at("detail")];
					expect(seen).toEqual([row.method, row.path, 404, none.at("code"), none.at("detail")]);
					const names = (reply: Reply) => [...reply.headers.keys()].sort();
					expect(names(theirs)).toEqual(names(none));
				}
			}
		}
		expect(await everythingOf(anna)).toBe(before);
		return { inputs, held: `404 as for an unknown id on ${owned.length} operations; nothing of the owner's has changed` };
	});

	attack(9, "another person, while an answer is being made: looking, following, stopping, clearing, deleting", async () => {
		const { token } = anna;
		const sessionId = (await gateway.call("POST", "/chat/sessions", { token, body: {} })).textAt("id");
		const running = gateway.call("POST", "/chat/stream", { token, body: { sessionId, prompt: "[tokens 40] [every 50]" } });
		let now = await gateway.call("GET", `/chat/sessions/${sessionId}/generation`, { token });
		while (now.status === 204) now = await gateway.call("GET", `/chat/sessions/${sessionId}/generation`, { token });
		const generation = now.textAt("generationId");
		const message = now.textAt("messageId");
		let inputs = 0;
		for (const row of rows.filter(
			({ path, operation }) => operation["x-access"] === "user" && /\/chat\/.*\{id\}|\/sessions\/\{id\}/.test(path),
		)) {
			const id = row.path.includes("/generations/") ? generation : row.path.includes("/chat/messages/") ? message : sessionId;
			expect([row.method, row.path, (await ask(row, id, bert.token)).status]).toEqual([row.method, row.path, 404]);
			inputs += 1;
		}
		const told = (await running).text;
		expect(told).toContain('"type":"end"');
		expect(told).toContain('"t39 "');
		return { inputs, held: "404 for each, and the answer came to its end" };
	});

	attack(9, "users, personal keys of an administrator, and a disabled account on what administrators may", async () => {
		const guarded = rows.filter(({ operation }) => operation["x-access"] === "admin");
		expect(guarded.length).toBeGreaterThan(18);
		const key = (
			await gateway.call("POST", "/auth/keys", { token: world.admin.token, body: { name: "all", scopes: ["chat", "read"] } })
		).textAt("key");
		const gone = await gateway.signup("gone@box.local");
		const former = (body: object) => gateway.call("PATCH", `/admin/users/${gone.id}`, { token: world.admin.token, body });
		await former({ is_admin: true });
		await former({ disabled: true });
		let inputs = 0;
		for (const row of guarded) {
			const id = await thing(row, anna);
			for (const [token, status] of [
				[anna.token, 403],
				[key, 403],
				[gone.token, 401],
			] as const) {
				const reply = await ask(row, id, token);
				inputs += 1;
				expect([row.method, row.path, reply.status]).toEqual([row.method, row.path, status]);
				expect(reply.text).not.toContain(anna.email);
			}
		}
		return { inputs, held: `403 for users and keys, 401 for the disabled, on all ${guarded.length}` };
	});

	attack(9, "ids of one kind where another kind is named, and of one's own session in another's sibling", async () => {
		const kinds = ["/chat/sessions/", "/chat/messages/", "/generations/", "/auth/keys/", "/auth/sessions/"];
		const own: string[] = [];
		for (const kind of kinds) own.push(await createThing(world, bert, kind));
		own.push(bert.id);
		const owned = rows.filter(
			({ path, operation }) => operation["x-access"] === "user" && path.includes("{id}") && !path.includes("/models/"),
		);
		let inputs = 0;
		for (const row of owned) {
			const right = kinds.findIndex((kind) => row.path.replace("/v1/sessions/", "/chat/sessions/").includes(kind));
			for (const [index, id] of own.entries()) {
				if (index === right) continue;
				const reply = await ask(row, id, bert.token);
				inputs += 1;
				expect([row.method, row.path, index, reply.status]).toEqual([row.method, row.path, index, 404]);
			}
		}
		return { inputs, held: "404 for each" };
	});

	attack(9, "a message of somebody else's as the place in one's own history, and their session in a turn's body", async () => {
		const mine = await createThing(world, bert, "/chat/sessions/");
		const message = await createThing(world, anna, "/chat/messages/");
		const session = await createThing(world, anna, "/chat/sessions/");
		const { token } = bert;
		let inputs = 0;
		for (const path of [`/chat/sessions/${mine}/messages`, `/sessions/${mine}/messages`]) {
			const [theirs, none] = [
				await gateway.call("GET", `${path}?before=${message}`, { token }),
				await gateway.call("GET", `${path}?before=${UNKNOWN}`, { token }),
			];
			inputs += 1;
			expect([theirs.status, theirs.at("detail"), theirs.at("messages")]).toEqual([none.status, none.at("detail"), none.at("messages")]);
		}
		for (const path of ["/chat/stream", "/chat/message"]) {
			for (const body of [
				{ sessionId: session },
				{ sessionId: [mine, session] },
				{ sessionId: { $ne: null } },
				{ sessionId: `${mine}/../${session}` },
			]) {
				const reply = await gateway.call("POST", path, { token, body: { prompt: "Hello", ...body } });
				inputs += 1;
				expect([path, [404, 422].includes(reply.status)]).toEqual([path, true]);
			}
		}
		expect((await gateway.call("GET", `/chat/sessions/${session}/messages`, { token: anna.token })).at("total")).toBe(2);
		return { inputs, held: "as unknown ones; nothing was added" };
	});
});
