// Bodies and queries of the routes about people.

import { t } from "elysia";
import { EMAIL_AS_SHOWN, pageQuery } from "../http/query.ts";

const name = t.Optional(t.Union([t.Null(), t.String({ maxLength: 200 })], { expects: "a text of at most 200 characters" }));
const avatarUrl = t.Optional(
	t.Union([t.Null(), t.String({ maxLength: 2048, pattern: "^(https?://[^\\s]+)?$" })], {
		expects: "an http or https URL of at most 2048 characters",
	}),
);

export const profileBody = t.Object({ name, full_name: name, avatar_url: avatarUrl, avatar: avatarUrl });
export const newUserBody = t.Object({
	email: t.String({ minLength: 3, maxLength: 254, expects: "an e-mail address", shows: EMAIL_AS_SHOWN }),
	password: t.String({ minLength: 1, maxLength: 2048, expects: "a password of at most 1024 characters", shows: { maxLength: 1024 } }),
	name,
	full_name: name,
	avatar_url: avatarUrl,
});
export const usersQuery = pageQuery(50);
