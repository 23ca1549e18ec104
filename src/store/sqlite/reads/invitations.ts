// Reads of invitations.

import type { Database } from "bun:sqlite";
import type { InvitationStore } from "../../../ports/store.ts";
import { type InvitationRow, invitationFromRow, type SqlValues } from "../rows.ts";
import { findGoodInvitation } from "../writes/invitations.ts";
import type { Read } from "./read.ts";

type InvitationReads = Pick<InvitationStore, "findInvitation" | "findInvitations">;

export function createInvitationReads({ db, read }: { readonly db: Database; readonly read: Read }): InvitationReads {
	return {
		findInvitation: (hash, now) =>
			read(() => {
				const row = findGoodInvitation(db, hash, now);
				return row === null ? undefined : invitationFromRow(row);
			}),
		findInvitations: (now, { skip, limit }) =>
			read(() => {
				const rows = db
					.query<InvitationRow, [SqlValues]>(
						"SELECT * FROM invitations WHERE expires_at > $now ORDER BY seq DESC LIMIT $limit OFFSET $skip",
					)
					.all({ now, limit, skip });
				const total = db
					.query<{ count: number }, [SqlValues]>("SELECT count(*) AS count FROM invitations WHERE expires_at > $now")
					.get({ now });
				return { items: rows.map(invitationFromRow), total: total?.count ?? 0 };
			}),
	};
}
