// Every write by its name. Each is `(db, args) → result`, throws PocketErrors for what can be expected, and knows nothing of transactions,
// threads or locks: commit.ts runs it inside a savepoint.

import type { Database } from "bun:sqlite";
import { appendAudit, purgeAudit } from "./writes/audit.ts";
import { createInvitation, createInvitedUser, deleteInvitation } from "./writes/invitations.ts";
import { createKey, deleteKey, deleteKeys, purgeKeys, touchKey } from "./writes/keys.ts";
import {
	changePassword,
	createLogin,
	createResetToken,
	purgeLogins,
	replacePasswordHash,
	resetPassword,
	revokeLogin,
	revokeLogins,
	rotateRefreshToken,
	setPassword,
	touchLogin,
} from "./writes/logins.ts";
import { appendMessage, beginTurn, clearMessages, dropProgress, finishAnswer, repairInterrupted, saveProgress } from "./writes/messages.ts";
import { deleteUser, removeRemains } from "./writes/removals.ts";
import { createSession, deleteSession, updateSession } from "./writes/sessions.ts";
import type { WriteArgs, WriteName, WriteRequest, WriteResult } from "./writes/table.ts";
import { createFirstAdmin, createUser, lockOut, setAdmin, setDisabled, updateUser } from "./writes/users.ts";

type Operations = { readonly [N in WriteName]: (db: Database, args: WriteArgs<N>) => WriteResult<N> };

const WRITES: Operations = {
	createUser,
	createFirstAdmin,
	updateUser,
	setAdmin,
	setDisabled,
	deleteUser,
	removeRemains,
	lockOut,
	createLogin,
	replacePasswordHash,
	changePassword,
	rotateRefreshToken,
	revokeLogin,
	revokeLogins,
	touchLogin,
	setPassword,
	createResetToken,
	resetPassword,
	purgeLogins,
	createInvitation,
	deleteInvitation,
	createInvitedUser,
	createKey,
	touchKey,
	deleteKey,
	deleteKeys,
	purgeKeys,
	createSession,
	updateSession,
	deleteSession,
	beginTurn,
	saveProgress,
	dropProgress,
	finishAnswer,
	appendMessage,
	clearMessages,
	repairInterrupted,
	appendAudit,
	purgeAudit,
	beat,
};

/** Runs one write on a connection that is in a transaction. */
export function runWrite<N extends WriteName>(db: Database, request: WriteRequest<N>): WriteResult<N> {
	return WRITES[request.name](db, request.args);
}

function beat(db: Database): undefined {
	db.query<never, []>("UPDATE heartbeat SET beats = beats + 1").run();
}
