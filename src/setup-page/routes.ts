// The built-in form with which the first administrator is made in a browser. One file without any outside reference; the account itself is
// made by `POST /auth/setup`, and the one-time token stays behind the `#` of the address, which browsers never send.

import { Elysia } from "elysia";
import { contentSecurityPolicy, inlineHashes } from "../http/content-security.ts";
import { describe } from "../http/describe.ts";
import page from "./setup.html" with { type: "text" };

const html = String(page);
const policy = contentSecurityPolicy({
	"script-src": inlineHashes(html, "script"),
	"style-src": inlineHashes(html, "style"),
	"img-src": ["data:"],
	"connect-src": ["'self'"],
	// The script only ever writes text.
	"require-trusted-types-for": ["'script'"],
});

export function setupPageRoutes() {
	return new Elysia().get(
		"/setup",
		() => new Response(html, { headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": policy } }),
		{
			detail: describe({
				access: "anonymous",
				tag: "Pages",
				summary: "The form for the first administrator",
				description: "For a browser, with the one-time token behind a `#`: `serve` prints the whole link while there is no administrator.",
				answers: { 200: { description: "A page for a browser", mediaType: "text/html" } },
			}),
		},
	);
}
