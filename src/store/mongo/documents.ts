// The documents as they lie in MongoDB: the kept fields with their names and types (the replaced gateway wrote and reads them), then ours
// beside them. Optional means: missing in old documents, or left out when there is nothing to say. Their way to and from the domain stands
// in conversion.ts.

import type { ObjectId } from "mongodb";
import type { AuditAction } from "../../domain/audit.ts";

export type UserDocument = {
	_id: ObjectId;
	email: string;
	full_name?: string | null;
	avatar_url?: string | null;
	/** Other spellings of the two before; read when those are missing, never written. */
	name?: string | null;
	avatar?: string | null;
	password_hash: string;
	is_admin?: boolean;
	created_at: Date;
	updated_at: Date;

	disabled?: boolean;
	/** On the person who was made the first administrator; unique, so there cannot be two (administrators.ts). */
	first_admin?: true;
	/** Changes whenever somebody relies on this person's being an administrator (administrators.ts). */
	admin_token?: ObjectId | null;
	ending_logins?: EndingLogins | null;
	/** With which invitation the account was made; unique, so each makes one (invitations.ts). */
	invitation_id?: ObjectId;
};

/** Every login of this person but one has ended at that time, whatever the login itself says (ending-logins.ts). */
export type EndingLogins = { id: ObjectId; at: Date; except: ObjectId | null };

/** What is being done to a session's messages; whoever writes it there is alone with them until it is gone (session-state.ts). */
export type Lease = {
	/** The running answer; of a clearing or a count, a name of its own. */
	id: ObjectId;
	kind: "answer" | "clear" | "count";
	/** The process that holds it (presence.ts). */
	owner: ObjectId;
	/** Its process was given up while it was storing the messages: who finds this after it has stored them takes them back. */
	broken?: true;
	/** The prompt that this turn brings; `null` when it stood there before. */
	prompt_id: ObjectId | null;
	client_message_id: string | null;
	/** When it began, as its caller said. */
	at: Date;
};

export type SessionDocument = {
	_id: ObjectId;
	user_id: ObjectId;
	title?: string | null;
	metadata?: object | null;
	created_at: Date;
	updated_at: Date;
	last_message_at?: Date | null;
	last_message?: string | null;
	message_count?: number | null;

	/** Metadata that BSON cannot hold as it is, as JSON text; `metadata` is `null` then. */
	metadata_json?: string | null;
	model?: string | null;
	system_prompt?: string | null;
	/** The `created_at` of its newest message, never going back. Missing: this program has written no message here yet (session-state.ts: adoption). */
	order_at?: Date;
	/** Grows with every message and every other change of what the session holds. */
	seq?: number;
	turn?: Lease | null;
	/** Messages that are being added, and the process that does so: counted already, perhaps not stored yet. */
	appending?: Adding[];
};

export type Adding = { id: ObjectId; owner: ObjectId };

export type MessageDocument = {
	_id: ObjectId;
	session_id: ObjectId;
	user_id: ObjectId;
	role: string;
	content: string;
	/** Together with `seq` and `_id` the order within the session; never before the message before it. */
	created_at: Date;

	/** What the clock said, when that was before the message before it. */
	given_at?: Date;
	seq?: number | null;
	/** Missing: `sent`. */
	status?: string;
	error_code?: string | null;
	reasoning?: string | null;
	model?: string | null;
	generation_id?: ObjectId;
	client_message_id?: string;
	/** Session and client's own id in one text; unique. */
	turn_key?: string;
	/** On an answer: what it answers. */
	prompt_id?: ObjectId;
	version_of?: ObjectId;
	/** Missing: it is. */
	in_force?: false | null;
	/** The answer for whose sake it left the branch in force. */
	replaced_by?: ObjectId;
	finish_reason?: string | null;
	usage?: object | null;
	timings?: object | null;
	/** When an answer ended. */
	ended_at?: Date;
	/** While it is `streaming`: the process that holds it (presence.ts). */
	owner?: ObjectId | null;
};

export type LoginDocument = {
	_id: ObjectId;
	user_id: ObjectId;
	seed: string;
	created_at: Date;
	last_used_at: Date;
	expires_at: Date;
	revoked_at: Date | null;
	address?: string | null;
	device?: string | null;
	/** The hash of the refresh token that is not spent, of the one spent before it, and when that was. */
	newest: string;
	parent: string | null;
	rotated_at: Date | null;
};

/** Which login a refresh token belongs to, spent or not; `_id` is its hash. */
export type RefreshTokenDocument = { _id: string; login_id: ObjectId };

/** `_id` is the person: one token for each. */
export type ResetTokenDocument = {
	_id: ObjectId;
	hash: string;
	expires_at: Date;
	/** Somebody is using it: who, in which process, for which new password, and when. */
	spent?: { by: ObjectId; owner: ObjectId; password_hash: string; at: Date } | null;
};

/** A personal key; only its hash is here. */
export type ApiKeyDocument = {
	_id: ObjectId;
	user_id: ObjectId;
	name: string;
	prefix: string;
	hash: string;
	scopes: string[];
	created_at: Date;
	expires_at: Date | null;
	last_used_at: Date | null;
};

/** Ours alone, and read by ourselves alone: its fields are always there. */
export type AuditDocument = {
	_id: ObjectId;
	at: Date;
	action: AuditAction;
	user_id: ObjectId | null;
	by_id: ObjectId | null;
	address: string | null;
	device: string | null;
	detail: string | null;
};

export type InvitationDocument = {
	_id: ObjectId;
	hash: string;
	note: string | null;
	/** `null`: somebody at a shell. */
	created_by: ObjectId | null;
	created_at: Date;
	expires_at: Date;
};

/** A session or a person that is being deleted or was a while ago; what belongs to it is looked for once more later. */
export type RemovalDocument = { _id: ObjectId; at: Date; owner?: ObjectId };

/** A process that leaves marks (presence.ts). `beats` grows as long as it lives; `ended`: it has stopped, or others have given it up. */
export type ProcessDocument = { _id: ObjectId; beats: number; ended?: true | null };

/** `schema`: the version of what lies here; `heartbeat`: what `check` writes; `copy`: what was copied here, or is being (copy/state.ts). */
export type StateDocument = { _id: string; version?: number; beats?: number; copy?: string };
