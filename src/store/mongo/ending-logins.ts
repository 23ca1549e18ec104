// A new password ends a person's logins, and that is two collections. So the same write that sets the password leaves a mark on the person,
// which counts as their end from that moment; whoever meets the mark ends them and takes it away. After a crash that is the next login,
// request or refresh of that person, or the next start.

import { ObjectId } from "mongodb";
import type { Access } from "./access.ts";
import type { EndingLogins, LoginDocument, UserDocument } from "./documents.ts";

export type LoginsEnder = {
	/** Ends them if the person is marked; gives whether that was so. May be repeated, by several at once. */
	finish(user: Pick<UserDocument, "_id" | "ending_logins">): Promise<boolean>;
};

export function createLoginsEnder({ step, logins, users }: Access): LoginsEnder {
	return {
		async finish({ _id, ending_logins: mark }) {
			if (!mark) return false;
			const others = mark.except === null ? {} : { _id: { $ne: mark.except } };
			await step(() => logins.updateMany({ user_id: _id, revoked_at: null, ...others }, { $set: { revoked_at: mark.at } }));
			await step(() => users.updateOne({ _id, "ending_logins.id": mark.id }, { $unset: { ending_logins: "" } }));
			return true;
		},
	};
}

export function endingLogins(now: number, except: ObjectId | null): EndingLogins {
	return { id: new ObjectId(), at: new Date(now), except };
}

/** The login as it counts: ended, when its person is marked and it is not the one that stays. */
export function asMarked(login: LoginDocument, { ending_logins: mark }: Pick<UserDocument, "ending_logins">): LoginDocument {
	if (!mark || mark.except?.equals(login._id)) return login;
	return { ...login, revoked_at: login.revoked_at ?? mark.at };
}
