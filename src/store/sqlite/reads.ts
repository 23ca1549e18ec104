// Every read of the store, composed. The statements stand in reads/, by noun.

import type { Database } from "bun:sqlite";
import type { ProgressSaver } from "./progress.ts";
import { createAuditReads } from "./reads/audit.ts";
import { createInvitationReads } from "./reads/invitations.ts";
import { createKeyReads } from "./reads/keys.ts";
import { createMessageReads } from "./reads/messages.ts";
import { createMetricsRead } from "./reads/metrics.ts";
import { createPeopleReads } from "./reads/people.ts";
import type { Read } from "./reads/read.ts";
import { createSessionReads } from "./reads/sessions.ts";

export type Reads = ReturnType<typeof createPeopleReads> &
	ReturnType<typeof createInvitationReads> &
	ReturnType<typeof createKeyReads> &
	ReturnType<typeof createSessionReads> &
	ReturnType<typeof createMessageReads> &
	ReturnType<typeof createMetricsRead> &
	ReturnType<typeof createAuditReads>;

export function createReads(deps: { readonly db: Database; readonly read: Read } & Pick<ProgressSaver, "textOf">): Reads {
	return {
		...createPeopleReads(deps),
		...createInvitationReads(deps),
		...createKeyReads(deps),
		...createSessionReads(deps),
		...createMessageReads(deps),
		...createMetricsRead(deps),
		...createAuditReads(deps),
	};
}
