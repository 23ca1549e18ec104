// What settings ask of one another, once each of them is right by itself.

import type { Config, OptionKey } from "./options.ts";

type Values = Partial<Pick<Config, OptionKey>>;

/** Whole sentences, each naming the settings and the remedy, none a value. `isSet` says whether a setting was given, right or wrong. */
export function problemsTogether(values: Values, isSet: (key: OptionKey) => boolean): readonly string[] {
	if (!isSet("mongodbUri")) return [];
	const problems: string[] = [];
	// A key file in one replica's folder would sign tokens that the others refuse.
	if (!isSet("jwtSecret")) {
		problems.push(
			"MONGODB_URI needs JWT_SECRET beside it, so that every server of one database signs with the same key; make one with: openssl rand -base64 48",
		);
	}
	const collections = [values.mongodbUsersCollection, values.mongodbSessionsCollection, values.mongodbMessagesCollection];
	if (collections.every((name) => name !== undefined) && new Set(collections).size < collections.length) {
		problems.push(
			"MONGODB_USERS_COLLECTION, MONGODB_SESSIONS_COLLECTION and MONGODB_MESSAGES_COLLECTION must name three collections; give each its own.",
		);
	}
	return problems;
}
