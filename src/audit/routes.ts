// The audit trail over HTTP, for administrators.

import { Elysia } from "elysia";
import { isAuditAction, type NamedEntry } from "../domain/audit.ts";
import { PocketError } from "../domain/errors.ts";
import { describe } from "../http/describe.ts";
import { timestamp } from "../http/json.ts";
import * as schema from "./schema.ts";
import type { AuditTrail } from "./trail.ts";

const EXAMPLE = {
	id: "6b041e0841cb1347a28169d4",
	at: "2026-11-23T10:46:03.228Z",
	action: "login_failed",
	userId: "6b041e0141cb1347a28169c6",
	email: "carol@example.com",
	byId: null,
	byEmail: null,
	address: "192.0.2.7",
	device: "Mozilla/5.0 …",
	detail: "wrong password",
};

function entryJson({ at, ...entry }: NamedEntry) {
	return { ...entry, at: timestamp(at) };
}

/** ISO 8601 with a zone, or a date alone, which begins in UTC. */
const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

function timeOf(text: string): number {
	const time = TIME.test(text) ? Date.parse(text) : Number.NaN;
	if (!Number.isNaN(time)) return time;
	const message = "must be a time such as 2026-11-23T10:46:03Z";
	throw new PocketError("validation_failed", { sentence: `query.since ${message}.`, fields: [{ path: "query.since", message }] });
}

export function auditRoutes({ trail }: { readonly trail: AuditTrail }) {
	return new Elysia({ prefix: "/admin/audit" }).get(
		"/",
		async ({ query: { user, action, since, before, limit } }) => {
			const { entries, next } = await trail.find({
				who: user,
				action: action !== undefined && isAuditAction(action) ? action : undefined,
				since: since === undefined ? undefined : timeOf(since),
				before,
				limit,
			});
			return { entries: entries.map(entryJson), next };
		},
		{
			query: schema.auditQuery,
			detail: describe({
				access: "admin",
				tag: "Administration",
				summary: "Who signed in, failed to, and changed what",
				description:
					"Newest first; `before` is the `next` of the page before. `userId` is whom it concerns, `byId` who did it: the same person, an administrator, or nobody who was signed in. `address` is `null` for what was done in a shell on the server. What strangers type for an address of nobody is not kept.",
				answers: { 200: { description: "A page", schema: "AuditPage", example: { entries: [EXAMPLE], next: null } } },
				errors: ["validation_failed", "invalid_id", "user_not_found"],
			}),
		},
	);
}
