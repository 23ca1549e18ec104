// How invitations are shown in a shell.

import type { Invitation } from "../src/domain/invitation.ts";
import { momentOf, table } from "./people.ts";
import { plain } from "./show.ts";

/** As the API shows an invitation. */
export function invitationJson({ id, note, createdBy, createdAt, expiresAt }: Invitation) {
	return { id, note, createdBy, createdAt: new Date(createdAt).toISOString(), expiresAt: new Date(expiresAt).toISOString() };
}

export function invitationTable(invitations: readonly Invitation[]): string {
	const rows = invitations.map(({ id, note, expiresAt }) => [id, momentOf(expiresAt), plain(note ?? "")]);
	return table([["ID", "GOOD UNTIL", "NOTE"], ...rows]);
}
