// Bodies and queries of the administration routes.

import { t } from "elysia";
import { NOTE_LENGTH } from "../domain/invitation.ts";
import { ID_AS_SHOWN } from "../http/query.ts";
import { INVITATION_DAYS, INVITATION_MAX_DAYS } from "./invitations.ts";

const flag = t.Optional(t.Boolean({ expects: "true or false" }));

export const personBody = t.Object({ is_admin: flag, disabled: flag });
export const endLoginsQuery = t.Object({
	login: t.Optional(
		t.String({ maxLength: 64, expects: "the id of a login", description: "One login; all without it.", shows: ID_AS_SHOWN }),
	),
});
export const invitationBody = t.Object({
	note: t.Optional(t.Union([t.Null(), t.String({ maxLength: NOTE_LENGTH })], { expects: `a text of at most ${NOTE_LENGTH} characters` })),
	expiresInDays: t.Optional(
		t.Union([t.Null(), t.Integer({ minimum: 1, maximum: INVITATION_MAX_DAYS })], {
			expects: `a whole number of days from 1 to ${INVITATION_MAX_DAYS}`,
			shows: { default: INVITATION_DAYS },
		}),
	),
});
