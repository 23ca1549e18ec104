// Personal keys over HTTP. None of these can be called with a key: one that leaked must not make itself another.

import { Elysia } from "elysia";
import { type ApiKey, KEY_SCOPES } from "../domain/api-key.ts";
import { BODY_ERRORS, describe } from "../http/describe.ts";
import { callerOf, principalOf } from "../http/exchange.ts";
import { timestamp } from "../http/json.ts";
import type { Actor } from "../ports/audit.ts";
import type { KeyService } from "./keys.ts";
import * as schema from "./schema.ts";

const DAY_MS = 86_400_000;
/** What a key gets when nothing is said: long enough for a script, not for ever. */
const KEY_LIFETIME_DAYS = 90;

const EXAMPLE_KEY = {
	id: "6b041e0741cb1347a28169d2",
	name: "Backup of my chats",
	prefix: "pk_h7Gk2x",
	scopes: ["read"],
	createdAt: "2026-11-23T10:46:03.228Z",
	expiresAt: "2027-02-21T10:46:03.228Z",
	lastUsedAt: null,
};

function keyJson(key: ApiKey) {
	const { id, name, prefix, scopes, createdAt, expiresAt, lastUsedAt } = key;
	const orNull = (time: number | null) => (time === null ? null : timestamp(time));
	return { id, name, prefix, scopes, createdAt: timestamp(createdAt), expiresAt: orNull(expiresAt), lastUsedAt: orNull(lastUsedAt) };
}

function actorOf(request: Request): Actor {
	return { byId: principalOf(request).user.id, caller: callerOf(request) };
}

export function keyRoutes({ keys }: { readonly keys: KeyService }) {
	return new Elysia({ prefix: "/auth/keys" })
		.post(
			"/",
			async ({ body, request, set }) => {
				const asked: readonly string[] = body.scopes ?? KEY_SCOPES;
				const days = body.expiresInDays === undefined ? KEY_LIFETIME_DAYS : body.expiresInDays;
				const wanted = {
					name: body.name,
					scopes: KEY_SCOPES.filter((scope) => asked.includes(scope)),
					lifetime: days === null ? null : days * DAY_MS,
				};
				const { key, secret } = await keys.make(principalOf(request).user.id, wanted, actorOf(request));
				set.status = 201;
				return { ...keyJson(key), key: secret };
			},
			{
				body: schema.keyBody,
				detail: describe({
					access: "user",
					keys: [],
					tag: "Accounts",
					summary: "Make a personal key",
					description: `For a script: sent as \`Authorization: Bearer pk_…\`, it stands for its owner, without the rights of an administrator and without access to the account itself. \`scopes\`: \`read\` for reading what is one's own, \`chat\` for sessions and turns; both unless told. \`expiresInDays\` is ${KEY_LIFETIME_DAYS} unless told, and \`null\` for a key that does not end. A new password does not end keys; disabling the account does.`,
					body: { name: EXAMPLE_KEY.name, scopes: EXAMPLE_KEY.scopes },
					answers: {
						201: { description: "The key, shown this once", schema: "NewApiKey", example: { ...EXAMPLE_KEY, key: "pk_h7Gk2x…" } },
					},
					errors: ["too_many_keys", "user_not_found", ...BODY_ERRORS],
				}),
			},
		)
		.get("/", async ({ request }) => ({ keys: (await keys.list(principalOf(request).user.id)).map(keyJson) }), {
			detail: describe({
				access: "user",
				keys: [],
				tag: "Accounts",
				summary: "My personal keys",
				description: "Newest first, without the keys themselves. `lastUsedAt` is right to the minute.",
				answers: { 200: { description: "All of them", schema: "ApiKeyList", example: { keys: [EXAMPLE_KEY] } } },
			}),
		})
		.delete(
			"/:id",
			async ({ params, request, set }) => {
				await keys.revoke(principalOf(request).user.id, params.id, actorOf(request));
				set.status = 204;
			},
			{
				detail: describe({
					access: "user",
					keys: [],
					tag: "Accounts",
					summary: "Revoke a personal key",
					description: "It is refused from now on; answers that it is following end within 5 seconds.",
					answers: { 204: { description: "Revoked" } },
					errors: ["invalid_id", "key_not_found", "store_full"],
				}),
			},
		)
		.delete("/", async ({ request }) => ({ revoked: await keys.revokeAll(principalOf(request).user.id, actorOf(request)) }), {
			detail: describe({
				access: "user",
				keys: [],
				tag: "Accounts",
				summary: "Revoke all my personal keys",
				answers: { 200: { description: "How many there were", schema: "RevokedKeys", example: { revoked: 2 } } },
				errors: ["store_full"],
			}),
		});
}
