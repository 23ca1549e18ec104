// The built-in forms behind one-time links: the first administrator, an account with an invitation, a new password. One file without any outside
// reference for all three; what they do is done by the API, and the token stays behind the `#` of the address, which browsers never send.

import { Elysia } from "elysia";
import { contentSecurityPolicy, inlineHashes } from "../http/content-security.ts";
import { describe } from "../http/describe.ts";
import page from "./page.html" with { type: "text" };

const html = String(page);
const policy = contentSecurityPolicy({
	"script-src": inlineHashes(html, "script"),
	"style-src": inlineHashes(html, "style"),
	"img-src": ["data:"],
	"connect-src": ["'self'"],
	// The script only ever writes text.
	"require-trusted-types-for": ["'script'"],
});

/** Which of the forms it is, the page sees by its own address. */
const send = () => new Response(html, { headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": policy } });

const detail = (summary: string, description: string) =>
	describe({
		access: "anonymous",
		tag: "Pages",
		summary,
		description: `For a browser, with the one-time token behind a \`#\`: ${description}`,
		answers: { 200: { description: "A page for a browser", mediaType: "text/html" } },
	});

export function accountPageRoutes() {
	return new Elysia()
		.get("/setup", send, {
			detail: detail("The form for the first administrator", "`serve` prints the whole link while there is no administrator."),
		})
		.get("/invite", send, {
			detail: detail("The form for an account with an invitation", "an administrator passes the whole link on."),
		})
		.get("/reset", send, {
			detail: detail("The form for a new password", "an administrator passes the whole link on."),
		});
}
