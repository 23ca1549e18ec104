// Answering with something that stays the same while the program runs: entity tags, conditional requests, and gzip for those who take it.

import { promisify } from "node:util";
import { gunzip } from "node:zlib";

export type Asset = {
	/** With a charset where it is text. */
	readonly contentType: string;
	readonly gzipped: Uint8Array<ArrayBuffer>;
	/** A hash of the content, without quotes. */
	readonly tag: string;
	/** The Cache-Control field. */
	readonly caching: string;
	/** More fields of the answer. */
	readonly headers?: Readonly<Record<string, string>>;
};

const inflate = promisify(gunzip);

/** 200 with the content, compressed when the caller takes gzip, or 304 when the caller has it (RFC 9110, sections 8.8.3, 12.5.3 and 13.1.2). */
export async function sendAsset(request: Request, asset: Asset): Promise<Response> {
	const compressed = acceptsGzip(request.headers.get("accept-encoding"));
	// Two encodings are two representations: each has a strong tag of its own.
	const etag = compressed ? `"${asset.tag}-gzip"` : `"${asset.tag}"`;
	const headers = new Headers({ ...asset.headers, etag, vary: "accept-encoding", "cache-control": asset.caching });
	if (knows(request.headers.get("if-none-match"), etag)) return new Response(null, { status: 304, headers });
	headers.set("content-type", asset.contentType);
	if (!compressed) return new Response(await inflate(asset.gzipped), { headers });
	headers.set("content-encoding", "gzip");
	return new Response(asset.gzipped, { headers });
}

/** Without the field we do not compress, although we might: whoever does not ask may not know how to unpack. */
function acceptsGzip(field: string | null): boolean {
	const weights = new Map<string, number>();
	for (const entry of (field ?? "").toLowerCase().split(",")) {
		const [coding = "", ...parameters] = entry.split(";").map((part) => part.trim());
		const weight = parameters.find((parameter) => parameter.startsWith("q="));
		weights.set(coding, weight === undefined ? 1 : Number(weight.slice(2)));
	}
	return (weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0) > 0;
}

/** The comparison is weak: a proxy may have marked our tag so. */
function knows(field: string | null, etag: string): boolean {
	if (field === null) return false;
	return field.trim() === "*" || field.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
