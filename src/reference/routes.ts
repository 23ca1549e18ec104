// The API reference: a page, its script and the OpenAPI document, all from this program. What they are made with is loaded when the first
// of them is asked for: a start of the server is to be quick, and most servers are never asked.

import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type AnyElysia, Elysia } from "elysia";
import { type Asset, sendAsset } from "../http/asset.ts";
import { describe } from "../http/describe.ts";

export type ReferenceOptions = {
	readonly version: string;
	/** What the addresses of the API begin with. */
	readonly prefix: string;
};

const compress = promisify(gzip);

export function createReference({ version, prefix }: ReferenceOptions) {
	let described: AnyElysia | undefined;
	const documentUrl = `${prefix}/docs/openapi.json`;
	const scriptUrl = `${prefix}/docs/scalar.js`;

	const document = once(async () => {
		if (described === undefined) throw new Error("the app has not been handed to its reference");
		const { buildDocument } = await import("./document.ts");
		return textAsset(JSON.stringify(await buildDocument({ app: described, version, prefix })), "application/json");
	});
	const page = once(async () => {
		const { renderPage } = await import("./page.ts");
		const { html, policy } = renderPage({ documentUrl, scriptUrl });
		return textAsset(html, "text/html; charset=utf-8", { "content-security-policy": policy });
	});
	const script = once(async () => (await import("./scalar.ts")).loadScalar());

	const sendDocument = async ({ request }: { request: Request }) => sendAsset(request, await document());
	const ofDocument = {
		detail: describe({
			access: "anonymous",
			tag: "Pages",
			summary: "This document",
			answers: { 200: { description: "OpenAPI 3.1", schema: "OpenApiDocument" }, 304: UNCHANGED },
		}),
	};
	const routes = new Elysia({ name: "reference" })
		.get("/docs", async ({ request }) => sendAsset(request, await page()), {
			detail: describe({
				access: "anonymous",
				tag: "Pages",
				summary: "The API reference",
				answers: { 200: { description: "A page for a browser", mediaType: "text/html" }, 304: UNCHANGED },
			}),
		})
		.get("/docs/openapi.json", sendDocument, ofDocument)
		.get("/openapi.json", sendDocument, ofDocument)
		.get("/docs/scalar.js", async ({ request }) => sendAsset(request, await script()), {
			detail: describe({
				access: "anonymous",
				tag: "Pages",
				summary: "The script of the API reference",
				answers: { 200: { description: "Scalar's", mediaType: "text/javascript" }, 304: UNCHANGED },
			}),
		});
	return {
		routes,
		/** Hands over the finished app, whose routes the document describes. */
		fill: (app: AnyElysia): void => {
			described = app;
		},
	};
}

const UNCHANGED = { description: "The caller has it already (`If-None-Match`)" };

async function textAsset(text: string, contentType: string, headers: Readonly<Record<string, string>> = {}): Promise<Asset> {
	return {
		contentType,
		gzipped: new Uint8Array(await compress(text)),
		tag: new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 32),
		// Kept, but asked for anew each time: the next version of the program says something else here.
		caching: "no-cache",
		headers,
	};
}

/** Makes a thing when it is first asked for. A failure is not kept. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
	let made: Promise<T> | undefined;
	return () => {
		made ??= make().catch((error: unknown) => {
			made = undefined;
			throw error;
		});
		return made;
	};
}
