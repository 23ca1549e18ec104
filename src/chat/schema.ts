// Bodies and queries of the chat routes.

import { t } from "elysia";
import { ID_AS_SHOWN, integerIn } from "../http/query.ts";

const sampling = {
	temperature: t.Optional(t.Union([t.Null(), t.Number({ minimum: 0, maximum: 2 })], { expects: "a number from 0 to 2" })),
	max_tokens: t.Optional(t.Union([t.Null(), t.Integer({ minimum: 1, maximum: 1_000_000 })], { expects: "a whole number from 1 on" })),
	model: t.Optional(t.Union([t.Null(), t.String({ maxLength: 200 })], { expects: "the name of a model" })),
};

const sessionId = t.String({ minLength: 1, maxLength: 64, expects: "the id of a session", shows: ID_AS_SHOWN });
/** An empty prompt is taken, as it always was. */
const prompt = t.String({ maxLength: 1_000_000, expects: "a text" });
const messageId = t.Optional(t.Union([t.Null(), t.String({ minLength: 1, maxLength: 200 })], { expects: "a text of 1 to 200 characters" }));

const onDisconnect = t.Optional(t.Union([t.Literal("continue"), t.Literal("stop")], { expects: "continue or stop" }));

export const streamBody = t.Object({
	sessionId,
	prompt,
	messageId,
	...sampling,
	onDisconnect,
});

export const messageBody = t.Object({ sessionId, prompt, messageId, ...sampling });

export const eventsQuery = t.Object({
	after: t.Optional(integerIn("after", 0, 100_000_000)),
});

export const regenerateBody = t.Object({ ...sampling, onDisconnect });

export const editBody = t.Object({ content: prompt, ...sampling, onDisconnect });
