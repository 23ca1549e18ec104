// The page of the API reference, drawn by Scalar's script, with every part turned off that would ask another host for something.
// Written here and not by @elysiajs/openapi: its page holds an executable inline script, no language, and attributes that are not escaped.

import { contentSecurityPolicy } from "../http/content-security.ts";

export type Page = { readonly html: string; readonly policy: string };

/** `documentUrl` and `scriptUrl` begin with a slash: a relative address would depend on how this page was reached. */
export function renderPage({ documentUrl, scriptUrl }: { documentUrl: string; scriptUrl: string }): Page {
	const configuration = {
		url: documentUrl,
		// Fonts come from a host of Scalar's.
		withDefaultFonts: false,
		telemetry: false,
		// Requests go from the browser straight to this server.
		proxyUrl: "",
		// What these offer is made by services of Scalar's.
		agent: { disabled: true },
		mcp: { disabled: true },
		hideClientButton: true,
		showDeveloperTools: "never",
		// The token that somebody types stays in the page.
		persistAuth: false,
		// Not its usual word "Models", which are something else here.
		modelsSectionLabel: "Schemas",
		authentication: { preferredSecurityScheme: "bearer" },
		defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
	};
	const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>PocketLLM API</title>
<link rel="icon" href="data:,">
<style>body { margin: 0 }</style>
</head>
<body>
<noscript><p>This page needs JavaScript. The same in one file: <a href="${attribute(documentUrl)}">openapi.json</a></p></noscript>
<script id="api-reference" type="application/json" data-configuration="${attribute(JSON.stringify(configuration))}"></script>
<script src="${attribute(scriptUrl)}"></script>
</body>
</html>
`;
	const policy = contentSecurityPolicy({
		"script-src": ["'self'"],
		// Scalar writes its styles at run time, each time different ones.
		"style-src": ["'self'", "'unsafe-inline'"],
		"img-src": ["'self'", "data:"],
		"font-src": ["'self'", "data:"],
		"connect-src": ["'self'"],
	});
	return { html, policy };
}

function attribute(text: string): string {
	return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
