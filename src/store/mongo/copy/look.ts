// What a look through a MongoDB database finds besides records: documents that are none of ours, and fields that nobody here knows. Both
// stay behind in a copy, and are told one by one.

import { BSON, ObjectId } from "mongodb";
import type { LeftBehind } from "../../../ports/copy.ts";
import type {
	ApiKeyDocument,
	AuditDocument,
	InvitationDocument,
	LoginDocument,
	MessageDocument,
	RefreshTokenDocument,
	ResetTokenDocument,
	SessionDocument,
	UserDocument,
} from "../documents.ts";

/** A document as it came: of any shape. */
export type Found = { readonly _id: unknown };

export type Look = {
	/** The whole document stays behind; `reason` ends the sentence "The document …". */
	refuse(document: Found, reason: string): void;
	/** The document is copied; fields that are not in the table stay behind. */
	accept(document: Found): void;
};

/** For passes that only read. */
export const NO_LOOK: Look = { refuse: () => undefined, accept: () => undefined };

/** Every field that this program gives a meaning to. The compiler holds the tables against documents.ts. */
const KNOWN: { readonly [N in keyof Documents]: Readonly<Record<keyof Documents[N], true>> } = {
	users: {
		_id: true,
		email: true,
		full_name: true,
		avatar_url: true,
		name: true,
		avatar: true,
		password_hash: true,
		is_admin: true,
		created_at: true,
		updated_at: true,
		disabled: true,
		first_admin: true,
		admin_token: true,
		ending_logins: true,
		invitation_id: true,
	},
	logins: {
		_id: true,
		user_id: true,
		seed: true,
		created_at: true,
		last_used_at: true,
		expires_at: true,
		revoked_at: true,
		address: true,
		device: true,
		newest: true,
		parent: true,
		rotated_at: true,
	},
	refreshTokens: { _id: true, login_id: true },
	resetTokens: { _id: true, hash: true, expires_at: true, spent: true },
	apiKeys: {
		_id: true,
		user_id: true,
		name: true,
		prefix: true,
		hash: true,
		scopes: true,
		created_at: true,
		expires_at: true,
		last_used_at: true,
	},
	invitations: { _id: true, hash: true, note: true, created_by: true, created_at: true, expires_at: true },
	sessions: {
		_id: true,
		user_id: true,
		title: true,
		metadata: true,
		created_at: true,
		updated_at: true,
		last_message_at: true,
		last_message: true,
		message_count: true,
		metadata_json: true,
		model: true,
		system_prompt: true,
		order_at: true,
		seq: true,
		turn: true,
		appending: true,
	},
	messages: {
		_id: true,
		session_id: true,
		user_id: true,
		role: true,
		content: true,
		created_at: true,
		given_at: true,
		seq: true,
		status: true,
		error_code: true,
		reasoning: true,
		model: true,
		generation_id: true,
		client_message_id: true,
		turn_key: true,
		prompt_id: true,
		version_of: true,
		in_force: true,
		replaced_by: true,
		finish_reason: true,
		usage: true,
		timings: true,
		ended_at: true,
		owner: true,
	},
	audit: { _id: true, at: true, action: true, user_id: true, by_id: true, address: true, device: true, detail: true },
};

type Documents = {
	users: UserDocument;
	logins: LoginDocument;
	refreshTokens: RefreshTokenDocument;
	resetTokens: ResetTokenDocument;
	apiKeys: ApiKeyDocument;
	invitations: InvitationDocument;
	sessions: SessionDocument;
	messages: MessageDocument;
	audit: AuditDocument;
};

/** `name`: the collection as it is called in the database. */
export function createLook(kind: keyof Documents, name: string, onLeft: (left: LeftBehind) => void): Look {
	const known: Readonly<Record<string, true>> = KNOWN[kind];
	return {
		refuse: (document, reason) =>
			onLeft({ collection: name, id: idOf(document), reason, fields: [], content: BSON.EJSON.stringify(document, { relaxed: false }) }),
		accept(document) {
			const unknown = Object.entries(document).filter(([field]) => !Object.hasOwn(known, field));
			if (unknown.length === 0) return;
			onLeft({
				collection: name,
				id: idOf(document),
				reason: null,
				fields: unknown.map(([field]) => field).sort(),
				content: BSON.EJSON.stringify(Object.fromEntries(unknown), { relaxed: false }),
			});
		},
	};
}

function idOf({ _id }: Found): string {
	return _id instanceof ObjectId ? _id.toHexString() : BSON.EJSON.stringify({ _id }, { relaxed: true }).slice(0, 100);
}
