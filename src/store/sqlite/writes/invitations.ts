// Writes about invitations. Only hashes of their tokens come here.

import type { Database } from "bun:sqlite";
import { fail } from "../../../domain/errors.ts";
import type { Id } from "../../../domain/id.ts";
import { type InvitationRow, invitationToRow, type SqlValues } from "../rows.ts";
import type { WriteArgs } from "./table.ts";
import { createUser } from "./users.ts";

export function createInvitation(db: Database, { invitation, hash }: WriteArgs<"createInvitation">): undefined {
	db.query<never, [SqlValues]>(
		`INSERT INTO invitations (id, hash, note, created_by, created_at, expires_at)
		VALUES ($id, $hash, $note, $created_by, $created_at, $expires_at)`,
	).run({ ...invitationToRow(invitation), hash });
}

export function deleteInvitation(db: Database, { id }: WriteArgs<"deleteInvitation">): undefined {
	const gone = db.query<{ id: Id }, [SqlValues]>("DELETE FROM invitations WHERE id = $id RETURNING id").get({ id });
	if (gone === null) fail("invitation_not_found");
}

export function createInvitedUser(db: Database, { user, hash, now }: WriteArgs<"createInvitedUser">): undefined {
	const invitation = findGoodInvitation(db, hash, now);
	if (invitation === null) return fail("invalid_invitation");
	createUser(db, user);
	deleteInvitation(db, { id: invitation.id });
}

/** What a person with the token may use now; the rights of who made it are looked up and not remembered. */
export function findGoodInvitation(db: Database, hash: string, now: number): InvitationRow | null {
	return db
		.query<InvitationRow, [SqlValues]>(
			`SELECT invitations.* FROM invitations LEFT JOIN users ON users.id = invitations.created_by
			WHERE invitations.hash = $hash AND invitations.expires_at > $now
				AND (invitations.created_by IS NULL OR (users.is_admin = 1 AND users.disabled = 0))`,
		)
		.get({ hash, now });
}
