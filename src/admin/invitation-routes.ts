// Invitations: made, seen and revoked by administrators.

import { Elysia } from "elysia";
import type { Invitation } from "../domain/invitation.ts";
import { BODY_ERRORS, describe } from "../http/describe.ts";
import { callerOf, principalOf } from "../http/exchange.ts";
import { timestamp } from "../http/json.ts";
import { pageQuery } from "../http/query.ts";
import type { Actor } from "../ports/audit.ts";
import { DAY_MS, INVITATION_DAYS, type Invitations } from "./invitations.ts";
import * as schema from "./schema.ts";

const EXAMPLE = {
	id: "6b041e0841cb1347a28169d7",
	note: "for Grace",
	createdBy: "6b041e0141cb1347a28169c6",
	createdAt: "2026-11-23T10:46:03.228Z",
	expiresAt: "2026-11-30T10:46:03.228Z",
};

function invitationJson({ id, note, createdBy, createdAt, expiresAt }: Invitation) {
	return { id, note, createdBy, createdAt: timestamp(createdAt), expiresAt: timestamp(expiresAt) };
}

export function invitationRoutes({ invitations }: { readonly invitations: Invitations }) {
	const actorOf = (request: Request): Actor => ({ byId: principalOf(request).user.id, caller: callerOf(request) });
	const query = pageQuery(50);
	return new Elysia({ prefix: "/admin/invitations" })
		.post(
			"/",
			async ({ body, request, set }) => {
				const lifetimeMs = (body.expiresInDays ?? INVITATION_DAYS) * DAY_MS;
				const made = await invitations.make({ note: body.note ?? null, lifetimeMs }, actorOf(request));
				set.status = 201;
				return { ...invitationJson(made), link: made.link };
			},
			{
				body: schema.invitationBody,
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Invite somebody",
					description: `The link is shown this once, makes one account, and is good for \`expiresInDays\` (${INVITATION_DAYS} unless told), as long as who made it is an administrator.`,
					body: { note: EXAMPLE.note },
					optionalBody: true,
					answers: {
						201: {
							description: "The invitation with its link, to pass on",
							schema: "NewInvitation",
							example: { ...EXAMPLE, link: "https://chat.example.org/invite#mXv…" },
						},
					},
					errors: ["signup_closed", ...BODY_ERRORS],
				}),
			},
		)
		.get(
			"/",
			async ({ query }) => {
				const { items, total } = await invitations.list(query);
				return { invitations: items.map(invitationJson), total, ...query };
			},
			{
				query,
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Invitations that can still be used",
					answers: {
						200: {
							description: "Newest first, without their links",
							schema: "InvitationPage",
							example: { invitations: [EXAMPLE], total: 1, skip: 0, limit: 50 },
						},
					},
					errors: ["validation_failed"],
				}),
			},
		)
		.delete(
			"/:id",
			async ({ params, request, set }) => {
				await invitations.revoke(params.id, actorOf(request));
				set.status = 204;
			},
			{
				detail: describe({
					access: "admin",
					tag: "Administration",
					summary: "Revoke an invitation",
					answers: { 204: { description: "Its link is good for nothing any more" } },
					errors: ["invalid_id", "invitation_not_found", "store_full"],
				}),
			},
		);
}
