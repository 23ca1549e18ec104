// What the API reference says beside the routes: the introduction and what each group of routes is about.

export const INTRODUCTION = `Share a model server with the people around you: accounts, history, fair limits and streamed answers.

**First steps.** \`POST /api/v1/auth/signup\` gives an access token; send it as \`Authorization: Bearer TOKEN\`. Begin a session with
\`POST /api/v1/chat/sessions\`, then ask with \`POST /api/v1/chat/stream\` and read the answer while it is made.

**Who may call what** stands at each route, and for programs in its \`x-access\`: \`anonymous\`, \`user\` or \`admin\`.
Scripts use a personal key (\`POST /api/v1/auth/keys\`) in place of an access token, where \`x-key-scopes\` lists one of its scopes.

**Bodies** are JSON in UTF-8 (\`content-type: application/json\`). Members that are not described are ignored.

**Ids** are 24 hexadecimal characters, taken in either case and answered in lower case. **Times** are ISO 8601 in UTC with milliseconds.
What belongs to somebody else is answered like what does not exist.

**Errors** are \`application/problem+json\` (RFC 9457). \`code\` is for programs and stays the same; \`detail\` and \`message\` are one and the same
sentence for a person. \`requestId\`, also in the \`X-Request-Id\` field of every answer, finds the request in the server's log.
An address that is not there answers 404 \`not_found\`; a verb that an address does not take answers 405 \`method_not_allowed\` with \`Allow\`.

**Limits** show in the \`RateLimit\` and \`RateLimit-Policy\` fields; over a limit the answer is 429 with \`Retry-After\`.`;

export const TAGS: readonly { readonly name: string; readonly description: string }[] = [
	{ name: "Accounts", description: "Making an account, signing in and out, tokens and passwords." },
	{ name: "Users", description: "One's profile; for administrators, everybody." },
	{ name: "Sessions", description: "Conversations." },
	{ name: "Messages", description: "What was said in a session." },
	{ name: "Chat", description: "Asking the model: answers are made by the server, stored as they grow, and outlive the connection." },
	{ name: "Models", description: "What the connected model servers offer." },
	{ name: "Administration", description: "Counts and lists for administrators." },
	{ name: "Health", description: "For supervisors and balancers. Never limited." },
	{ name: "Pages", description: "What is meant for a browser, and this document." },
];
