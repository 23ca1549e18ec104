// Bodies and queries of the session and message routes.

import { t } from "elysia";
import { ROLES } from "../domain/message.ts";
import { ID_AS_SHOWN, integerIn, oneOf, pageQuery } from "../http/query.ts";
import { SESSION_SORTS } from "../ports/store.ts";

const title = t.String({ maxLength: 1000, expects: "a text of at most 1000 characters" });
const metadata = t.Record(t.String(), t.Unknown(), { expects: "an object" });
const model = t.Optional(t.Union([t.Null(), t.String({ maxLength: 200 })], { expects: "the name of a model, or null" }));
const systemPrompt = t.Optional(
	t.Union([t.Null(), t.String({ maxLength: 32_000 })], { expects: "a text of at most 32000 characters, or null" }),
);

/** `null` counts as missing. */
export const newSessionBody = t.Object({
	title: t.Optional(t.Union([t.Null(), title], { expects: "a text of at most 1000 characters" })),
	metadata: t.Optional(t.Union([t.Null(), metadata], { expects: "an object" })),
	model,
	systemPrompt,
});

/** A title cannot be taken away: the old gateway stored `null` and then answered every list with 500. */
export const sessionChangeBody = t.Object({
	title: t.Optional(title),
	metadata: t.Optional(t.Union([t.Null(), metadata], { expects: "an object" })),
	model,
	systemPrompt,
});

const sort = t.Optional(oneOf(SESSION_SORTS));
const order = t.Optional(oneOf(["asc", "desc"]));

/** Both spellings are taken; the one that the client sends wins. */
export const sessionListQuery = t.Object({
	page: integerIn("page", 1, 1_000_000, 1),
	limit: integerIn("limit", 1, 100, 20),
	sortBy: sort,
	sort_by: sort,
	sortOrder: order,
	sort_order: order,
});

export const messageListQuery = t.Object({
	limit: t.Optional(integerIn("limit", 1, 100)),
	offset: t.Optional(integerIn("offset", 0, 10_000_000)),
	before: t.Optional(t.String({ maxLength: 64, expects: "the id of a message", shows: ID_AS_SHOWN })),
});

export const newMessageBody = t.Object({
	role: oneOf(ROLES),
	content: t.String({ maxLength: 1_000_000, expects: "a text" }),
});

export const userSessionsQuery = pageQuery(50);
